// A file system whose operations fail on order.
//
//   FaultyFileSystem faulty(io::PosixFileSystem());
//   faulty.Inject({.op = FileOp::kSync, .nth = 3, .error = EIO});
//   ... open the store on `faulty`; its third sync from here fails ...
//   EXPECT_EQ(faulty.injected_count(), 1u);  // the fault did come out
//
// To find every weak point, run once to learn count(FileOp::kAny), then once
// for each n up to it with the nth operation failing, once only and sticky.

#ifndef QUIRE_TESTS_TESTING_FAULTY_FILE_SYSTEM_H_
#define QUIRE_TESTS_TESTING_FAULTY_FILE_SYSTEM_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "io/file_system.h"

namespace quire::testing {

// Kinds of operations, as in io/file_system.h.
enum class FileOp : uint8_t {
  kCreate,
  kOpen,
  kRead,   // ReadableFile::ReadAt
  kWrite,  // WritableFile::WriteAt
  kSync,   // WritableFile::Sync
  kClose,  // WritableFile::Close
  kRename,
  kRemove,
  kLink,
  kCopy,
  kCreateDirectory,
  kRemoveDirectory,
  kSyncDirectory,
  kList,
  kFileSize,
  kLock,
  kAny,  // in a Fault and for count(): all of the above
};

// What shall fail. Operations are counted from the call of Inject on.
struct Fault {
  FileOp op = FileOp::kAny;
  // Only operations on a path that contains this (for a rename, a link
  // and a copy: either path) are counted and fail.
  std::string path_contains = "";
  // For reads and writes: only those that touch a byte of [begin, end) are.
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  // Which of them fails; 1 is the next one.
  uint64_t nth = 1;
  // Whether all after the nth fail too, until Clear.
  bool sticky = false;
  // The errno. 0, for reads only: the file seems to end within the range that
  // is read, which gives DataLoss.
  int error = EIO;
  // How much of a failing WriteAt or ReadAt is done before it fails.
  uint64_t partial_bytes = 0;
  // Any other operation: carry it out, then say that it failed.
  bool applied = false;
};

// Passes every call on to another file system, except those that fail.
//
// A file opened through it has no descriptor unless expose_descriptors(true)
// was called before: what reads, maps or hands a descriptor to the kernel
// itself goes past the faults. Thread-safe. Must outlive its files and locks.
class FaultyFileSystem : public io::FileSystem {
 public:
  // `base` must outlive this object.
  explicit FaultyFileSystem(io::FileSystem& base);
  ~FaultyFileSystem() override;

  // Arms one more fault. Where several hit one operation, the first armed wins.
  void Inject(Fault fault);

  // Disarms all faults. Counts stay.
  void Clear();

  // Whether files opened from now on show their descriptor.
  void expose_descriptors(bool expose);

  // Operations begun so far, failed ones included.
  uint64_t count(FileOp op) const;

  // Operations that a fault made fail.
  uint64_t injected_count() const;

  // FileSystem:
  absl::StatusOr<std::unique_ptr<io::WritableFile>> CreateFile(
      const std::string& path) override;
  absl::StatusOr<std::unique_ptr<io::ReadableFile>> OpenFile(
      const std::string& path, io::OpenMode mode) override;
  absl::Status RenameFile(const std::string& from,
                          const std::string& to) override;
  absl::Status RemoveFile(const std::string& path) override;
  absl::Status LinkFile(const std::string& existing,
                        const std::string& link) override;
  absl::Status CopyFile(const std::string& existing,
                        const std::string& copy) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> ListDirectory(
      const std::string& path) override;
  absl::StatusOr<uint64_t> FileSize(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<io::FileLock>> LockFile(
      const std::string& path) override;

 private:
  class Writable;
  class Readable;
  struct Armed {
    Fault fault;
    uint64_t seen = 0;  // operations that matched
  };

  // What an operation works on.
  struct Target {
    std::string_view path;
    std::string_view other_path = "";
    uint64_t offset = 0;  // of a transfer
    uint64_t length = UINT64_MAX;
  };

  // Counts an operation; the fault that it meets, if any.
  std::optional<Fault> Begin(FileOp op, const Target& target);
  static bool Matches(const Fault& fault, FileOp op, const Target& target);

  // An operation without a result beyond its status.
  template <typename Operation>
  absl::Status Run(FileOp op, const std::string& path,
                   const std::string& other_path, Operation operation);

  // An operation with a result.
  template <typename Operation>
  auto RunOr(FileOp op, const std::string& path, Operation operation)
      -> decltype(operation());

  io::FileSystem& base_;

  mutable base::Mutex mu_;
  std::vector<Armed> armed_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> counts_ ABSL_GUARDED_BY(mu_);  // by FileOp
  uint64_t injected_count_ ABSL_GUARDED_BY(mu_) = 0;
  bool expose_descriptors_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_FAULTY_FILE_SYSTEM_H_
