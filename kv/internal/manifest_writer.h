// Writing a manifest.
#ifndef QUIRE_KV_INTERNAL_MANIFEST_WRITER_H_
#define QUIRE_KV_INTERNAL_MANIFEST_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/checksum.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/group.h"
#include "kv/internal/manifest_edit.h"

namespace quire::kv_internal {

// A manifest that is being written: one group an edit, each durable before the
// next. Not thread-safe.
class ManifestWriter {
 public:
  // Creates MANIFEST-`number` in `directory` with the random id `file_id` and
  // `state` as its first group, and syncs file and directory. Nothing depends
  // on it until a CURRENT file names it (see Current). After a failure the file
  // has been removed where that was possible, and the number must not be used
  // again.
  static absl::StatusOr<std::unique_ptr<ManifestWriter>> Create(
      io::FileSystem& file_system, const std::string& directory,
      uint64_t number, uint64_t file_id, const DatabaseState& state);

  // Appends `edit` as one group and syncs it: OK means durable. It must be one
  // that the state takes: Apply it to a copy first.
  //
  // ResourceExhausted from the write leaves the manifest as it was: the next
  // edit goes to the same place. After any other failure it is unknown whether
  // the edit is in the manifest, and every later call fails with
  // FailedPrecondition naming this first cause.
  absl::Status Append(const ManifestEdit& edit);

  // Closes the file. No other call may follow.
  absl::Status Close() { return file_->Close(); }

  // What CURRENT has to say to name this manifest as it is now.
  CurrentFile Current(bool closed) const;

  uint64_t number() const { return number_; }

  // Bytes written and durable.
  uint64_t length() const { return tail_.offset; }

 private:
  ManifestWriter(std::unique_ptr<io::WritableFile> file, std::string path,
                 uint64_t number, uint64_t file_id,
                 const DatabaseId& database_id);

  // Writes header page and first group.
  absl::Status Start(const DatabaseState& state);

  // Writes `bytes` at the end and syncs; then tail_ is `tail`.
  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes,
                     const LogTail& tail);

  const std::unique_ptr<io::WritableFile> file_;
  const std::string path_;
  const uint64_t number_;
  const DatabaseId database_id_;
  LogTail tail_;
  FileDigest digest_;     // of the first tail_.offset bytes
  absl::Status failure_;  // why nothing may be appended any more
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MANIFEST_WRITER_H_
