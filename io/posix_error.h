// How failures of file operations become Statuses.
//
// PosixError and ReadError are the only places where an errno turns into a
// Status. The code tells the caller what to do next:
//
//   code                errno
//   NotFound            ENOENT, but not of ReadError
//   AlreadyExists       EEXIST
//   PermissionDenied    EACCES EPERM EROFS
//   ResourceExhausted   ENOSPC EDQUOT EFBIG EMFILE ENFILE ENOMEM ENOBUFS
//   InvalidArgument     EINVAL ENOTDIR EISDIR ENAMETOOLONG ELOOP
//   FailedPrecondition  EXDEV EMLINK ENOTEMPTY EBUSY ETXTBSY ENODEV ENOSYS
//                       EOPNOTSUPP ENOLCK
//   Unavailable         EIO and every other: the medium or the system failed
//
// A message reads
//   pread /db/7.seg at offset 4096, length 512: EIO (Input/output error)
// so that it names the operation, the file, the place and the errno.
//
// All functions are thread-safe.

#ifndef QUIRE_IO_POSIX_ERROR_H_
#define QUIRE_IO_POSIX_ERROR_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace quire::io {

// The error `error_number`, which `operation` met on the file or directory at
// `path`. REQUIRES: error_number > 0.
absl::Status PosixError(int error_number, std::string_view operation,
                        std::string_view path);

// The same for an operation on `length` bytes at `offset`.
absl::Status PosixError(int error_number, std::string_view operation,
                        std::string_view path, uint64_t offset,
                        uint64_t length);

// The same for reading from a file that is open, or looking at it: a name that
// is missing can't be the reason there, so ENOENT is Unavailable as well.
// NotFound would be taken for the answer that a key is absent.
absl::Status ReadError(int error_number, std::string_view operation,
                       std::string_view path, uint64_t offset, uint64_t length);

// DataLoss: of `length` bytes wanted at `offset`, the file at `path` holds only
// those below `end`, fewer than it was sealed with.
absl::Status CutShortError(std::string_view path, uint64_t offset,
                           uint64_t length, uint64_t end);

// OutOfRange: `length` bytes at `offset` reach past the end of the file at
// `path`, which has `size_bytes`.
absl::Status PastEndError(std::string_view path, uint64_t offset,
                          uint64_t length, uint64_t size_bytes);

// "EIO"; "errno 4711" for a number that has no name.
std::string ErrnoName(int error_number);

}  // namespace quire::io

#endif  // QUIRE_IO_POSIX_ERROR_H_
