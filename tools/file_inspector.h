// Files of a database as bytes, for commands that look beneath the database.
#ifndef QUIRE_TOOLS_FILE_INSPECTOR_H_
#define QUIRE_TOOLS_FILE_INSPECTOR_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/open_provider.h"
#include "io/page_provider.h"

namespace quire::tools {

// Opens files of one directory and reads them through a page provider, read
// once, at most as fast as asked. Not thread-safe; outlives its files.
class FileInspector {
 public:
  // `bytes_per_second` 0: as fast as it goes. Errors are those of
  // io::OpenProvider.
  static absl::StatusOr<std::unique_ptr<FileInspector>> Open(
      const io::ProviderOptions& options, const std::string& directory,
      uint64_t bytes_per_second);

  io::PageProvider& provider() { return *opened_.provider; }

  // Waits until reading `bytes` more keeps to the rate, and counts them. Reads
  // of InspectedFile do; whoever reads through provider() calls it.
  void Charge(uint64_t bytes);

  // Bytes read so far.
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  FileInspector(io::OpenedProvider opened, uint64_t bytes_per_second);

  io::OpenedProvider opened_;
  const uint64_t bytes_per_second_;
  uint64_t bytes_read_ = 0;
  std::chrono::steady_clock::time_point start_;
};

// One file, as long as it was when it was opened. Not thread-safe.
class InspectedFile {
 public:
  // NotFound and other errors name the path.
  static absl::StatusOr<std::unique_ptr<InspectedFile>> Open(
      FileInspector& inspector, const std::string& path);

  ~InspectedFile();
  InspectedFile(const InspectedFile&) = delete;
  InspectedFile& operator=(const InspectedFile&) = delete;

  const std::string& path() const { return file_->path(); }
  uint64_t size_bytes() const { return file_->size_bytes(); }

  // The bytes of an extent, all or an error.
  absl::StatusOr<io::Pin> Read(uint64_t offset, uint64_t length);

  using UnreadableFunction = absl::FunctionRef<void(
      uint64_t offset, uint64_t length, const absl::Status& status)>;

  // The bytes of an extent. Pages that can't be read are zeros in the result,
  // and `on_unreadable` is told of each.
  std::vector<std::byte> ReadAround(uint64_t offset, uint64_t length,
                                    UnreadableFunction on_unreadable);

 private:
  InspectedFile(FileInspector& inspector,
                std::unique_ptr<io::AttachedFile> file);

  FileInspector& inspector_;
  std::unique_ptr<io::AttachedFile> file_;
};

// One file with what is needed to read it.
struct Inspection {
  std::unique_ptr<FileInspector> inspector;
  std::unique_ptr<InspectedFile> file;
};

// Opens the file at `path` as it is. Errors as above.
absl::StatusOr<Inspection> InspectFile(const io::ProviderOptions& options,
                                       const std::string& path);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_FILE_INSPECTOR_H_
