// A file system in memory that keeps a record for a model of what is durable,
// and fails on order.
//
// Its files can be real ones, memfds, so that mmap, O_DIRECT and io_uring work
// on them. What was done to it goes to a DiskTape; CrashModel makes of that
// what a power loss may leave. See tests/testing/faulty_file_system.h for
// faults on real files.

#ifndef QUIRE_TESTS_TORTURE_MEMORY_DISK_H_
#define QUIRE_TESTS_TORTURE_MEMORY_DISK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "io/file_system.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/torture/dice.h"
#include "tests/torture/disk_image.h"

namespace quire::torture {

using ::quire::testing::FileOp;

// The nth operation, counted from when it is armed, and with `sticky` all
// later ones too, fail with `error`. A write that fails may have written any
// part. With `may_apply` other operations may have been carried out all the
// same. What a failed sync did not make durable no later one does.
struct OperationFault {
  uint64_t nth = 1;
  bool sticky = false;
  int error = 0;
  // The kinds that are counted and fail; empty: all.
  std::set<FileOp> kinds = {};
  bool may_apply = false;
  uint64_t seed = 0;  // of how much is carried out
};

// Thread-safe. Must outlive its files and locks.
class MemoryDisk final : public io::FileSystem {
 public:
  explicit MemoryDisk(const DiskImage& image = {});
  ~MemoryDisk() override;

  // What every process sees now.
  DiskImage Image() const;

  // Begins a new tape.
  void StartTape();
  // Operations on the tape; 0 if there is none.
  size_t tape_size() const;
  // The tape so far, which ends here.
  DiskTape TakeTape();

  // Whether files opened from now on have descriptors; else they can be read by
  // ReadAt only, where faults are. Off at first.
  void expose_descriptors(bool expose);

  void Arm(OperationFault fault);
  // Operations that failed since Arm.
  uint64_t Disarm();

  // Makes the memfd behind an exposed file end at `size`, which mappings and
  // descriptors see, or be whole again. Nothing if there is none.
  void CutDescriptor(const std::string& path, uint64_t size);
  void MendDescriptor(const std::string& path);

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
  struct Inode;
  class Writable;
  class Readable;
  class Lock;
  // What becomes of an operation: 0 and carried out; else its errno, and
  // whether it is carried out all the same.
  struct Fate {
    int error = 0;
    bool applied = true;
    uint64_t partial = UINT64_MAX;  // bytes of a write that are written
  };

  // Counts an operation.
  Fate Begin(FileOp op) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // What `path` names; nullptr if nothing.
  std::shared_ptr<Inode> Find(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A regular file, or the errno's status.
  absl::StatusOr<std::shared_ptr<Inode>> FindFile(const char* operation,
                                                  const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::shared_ptr<Inode>> AddInode(const char* operation,
                                                  const std::string& path,
                                                  bool is_directory)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Lets the names of `paths` be those inodes, at once. The parents exist.
  void ChangeNames(
      std::vector<std::pair<std::string, std::shared_ptr<Inode>>> paths,
      bool is_directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteTo(Inode& inode, uint64_t offset, std::span<const std::byte> data)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RecordSync(const Inode& inode, bool failed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable base::Mutex mu_;
  std::shared_ptr<Inode> root_ ABSL_GUARDED_BY(mu_);
  uint64_t next_inode_ ABSL_GUARDED_BY(mu_) = DiskTape::kRoot;
  std::set<std::string> locked_ ABSL_GUARDED_BY(mu_);
  bool expose_descriptors_ ABSL_GUARDED_BY(mu_) = false;

  bool taping_ ABSL_GUARDED_BY(mu_) = false;
  DiskTape tape_ ABSL_GUARDED_BY(mu_);

  OperationFault fault_ ABSL_GUARDED_BY(mu_);
  Dice fault_dice_ ABSL_GUARDED_BY(mu_);
  uint64_t seen_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t failed_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEMORY_DISK_H_
