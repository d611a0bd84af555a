// The file system as the rest of Quire sees it: few operations, each with its
// durability promise.
//
// Everything that is written, named or locked goes through this interface, and
// page providers open their files through it, so a decorator or an in-process
// implementation can inject faults beneath the whole store.
// io/posix_file_system.h has the real one. Errors name the operation, the path,
// and where it applies offset, length and errno (io/posix_error.h has the table
// of codes). Implementations loop over EINTR and short transfers. All calls are
// thread-safe unless stated.
#ifndef QUIRE_IO_FILE_SYSTEM_H_
#define QUIRE_IO_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::io {

// A file being written. Not thread-safe but for Sync and StartWriteback, which
// may run beside WriteAt. Destruction closes without syncing.
class WritableFile {
 public:
  virtual ~WritableFile() = default;

  // Writes all of `data` at `offset` or returns an error; after an error any
  // part of the range may have been written, but after ResourceExhausted (no
  // space, quota, file too large) not its last byte; that may be tried again at
  // the same offset.
  virtual absl::Status WriteAt(uint64_t offset,
                               std::span<const std::byte> data) = 0;

  // Makes every WriteAt that returned before the call durable (data and size).
  // After an error nothing is known about what is durable and the call must not
  // be repeated on this file.
  virtual absl::Status Sync() = 0;

  // Lets the device begin with the `length` bytes at `offset`, so that a Sync
  // finds less to do. A hint: it promises nothing, and what fails the next Sync
  // reports. Does nothing here.
  virtual void StartWriteback(uint64_t /*offset*/, uint64_t /*length*/) {}

  // Closes the file and reports a delayed write error. Idempotent; no other
  // call may follow.
  virtual absl::Status Close() = 0;
};

// An open file for reading.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;

  // Fills `out` from `offset`, or returns an error: DataLoss if the file ends
  // before, Unavailable on a media error. Under OpenMode::kDirect, offset,
  // length and address must be multiples of direct_alignment(); there `out` may
  // reach past the end of the file by less than one such unit, and its bytes
  // past the end are unspecified.
  virtual absl::Status ReadAt(uint64_t offset,
                              std::span<std::byte> out) const = 0;

  // Size in bytes when the file was opened.
  virtual uint64_t size_bytes() const = 0;

  virtual const std::string& path() const = 0;

  // A descriptor that the kernel can read from, map and hand to io_uring; it
  // stays open as long as this object. -1 if there is none: such a file can be
  // read by ReadAt only.
  virtual int descriptor() const = 0;

  // What O_DIRECT asks of offsets, lengths and addresses, in bytes; 1 for a
  // file opened kBuffered.
  virtual uint32_t direct_alignment() const = 0;
};

enum class OpenMode : uint8_t {
  kBuffered,  // through the page cache
  kDirect,    // O_DIRECT; FailedPrecondition where the file system refuses it
};

// An exclusive lock on a path, released by destruction. In a child made by fork
// destruction must leave the parent's lock alone: close, don't unlock.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Creates a new file. AlreadyExists if there is one. The name is durable only
  // after SyncDirectory on its directory.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> CreateFile(
      const std::string& path) = 0;

  // Opens an existing regular file. NotFound if there is none; InvalidArgument
  // if it is not a regular file.
  virtual absl::StatusOr<std::unique_ptr<ReadableFile>> OpenFile(
      const std::string& path, OpenMode mode) = 0;

  // Atomically gives the file at `from` the name `to`, replacing what had it.
  // Durable after SyncDirectory.
  virtual absl::Status RenameFile(const std::string& from,
                                  const std::string& to) = 0;

  // Removes a name. NotFound if there is none. May become durable at any
  // moment, also before SyncDirectory.
  virtual absl::Status RemoveFile(const std::string& path) = 0;

  // Gives the file a second name in the same file system. FailedPrecondition
  // where that can't be done (EXDEV, EPERM, EMLINK, ENOTSUP): the caller
  // copies.
  virtual absl::Status LinkFile(const std::string& existing,
                                const std::string& link) = 0;

  // Makes `copy` a new file with the content of the regular file `existing`,
  // to which nobody writes meanwhile. The content is durable when the call
  // returns, the name after SyncDirectory. Where the file systems allow it the
  // two share their storage until one is written into. AlreadyExists if there
  // is a `copy`; after any other error nothing is left of it, unless it can't
  // be removed.
  virtual absl::Status CopyFile(const std::string& existing,
                                const std::string& copy) = 0;

  // Creates one directory. AlreadyExists if the name is taken; NotFound if the
  // parent is missing.
  virtual absl::Status CreateDirectory(const std::string& path) = 0;

  // Removes an empty directory.
  virtual absl::Status RemoveDirectory(const std::string& path) = 0;

  // Makes creations, renames and removals in `path` that happened before the
  // call durable. Failure leaves both outcomes possible.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;

  // Names of the directory's entries, without "." and "..", in no order.
  virtual absl::StatusOr<std::vector<std::string>> ListDirectory(
      const std::string& path) = 0;

  // Size of a regular file in bytes. NotFound if there is none.
  virtual absl::StatusOr<uint64_t> FileSize(const std::string& path) = 0;

  // Takes the exclusive lock on `path`, creating the file if need be and noting
  // the holder in it. Held by this or another process: FailedPrecondition,
  // "held by pid N". Not inherited usefully by fork: see kv's check.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> LockFile(
      const std::string& path) = 0;
};

}  // namespace quire::io

#endif  // QUIRE_IO_FILE_SYSTEM_H_
