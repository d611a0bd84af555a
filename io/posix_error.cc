#include "io/posix_error.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/string_view.h"

namespace quire::io {
namespace {

using base::AbslView;

absl::StatusCode CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return absl::StatusCode::kResourceExhausted;
    case EINVAL:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::StatusCode::kInvalidArgument;
    case EXDEV:
    case EMLINK:
    case ENOTEMPTY:
    case EBUSY:
    case ETXTBSY:
    case ENODEV:
    case ENOSYS:
    case EOPNOTSUPP:
    case ENOLCK:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

std::string Place(std::string_view path, uint64_t offset, uint64_t length) {
  return absl::StrCat(AbslView(path), " at offset ", offset, ", length ",
                      length);
}

absl::Status Make(absl::StatusCode code, int error_number,
                  std::string_view operation, std::string_view where) {
  QUIRE_CHECK(error_number > 0);
  // Both are null for a number without a name.
  const char* text = strerrordesc_np(error_number);
  return absl::Status(
      code, absl::StrCat(AbslView(operation), " ", AbslView(where), ": ",
                         ErrnoName(error_number), " (",
                         text != nullptr ? text : "unknown error", ")"));
}

}  // namespace

absl::Status PosixError(int error_number, std::string_view operation,
                        std::string_view path) {
  return Make(CodeOf(error_number), error_number, operation, path);
}

absl::Status PosixError(int error_number, std::string_view operation,
                        std::string_view path, uint64_t offset,
                        uint64_t length) {
  return Make(CodeOf(error_number), error_number, operation,
              Place(path, offset, length));
}

absl::Status ReadError(int error_number, std::string_view operation,
                       std::string_view path, uint64_t offset,
                       uint64_t length) {
  const absl::StatusCode code = error_number == ENOENT
                                    ? absl::StatusCode::kUnavailable
                                    : CodeOf(error_number);
  return Make(code, error_number, operation, Place(path, offset, length));
}

absl::Status CutShortError(std::string_view path, uint64_t offset,
                           uint64_t length, uint64_t end) {
  return absl::DataLossError(
      absl::StrCat("file cut short: ", Place(path, offset, length),
                   ": the file ends at ", end));
}

absl::Status PastEndError(std::string_view path, uint64_t offset,
                          uint64_t length, uint64_t size_bytes) {
  return absl::OutOfRangeError(
      absl::StrCat("read past the end: ", Place(path, offset, length),
                   ": the file has ", size_bytes, " bytes"));
}

std::string ErrnoName(int error_number) {
  const char* name = strerrorname_np(error_number);
  return name != nullptr ? std::string(name)
                         : absl::StrCat("errno ", error_number);
}

}  // namespace quire::io
