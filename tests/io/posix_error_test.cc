#include "io/posix_error.h"

#include <cerrno>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::io {
namespace {

using ::quire::testing::StatusIs;

TEST(PosixErrorTest, MessageNamesOperationFilePlaceAndErrno) {
  EXPECT_THAT(PosixError(EIO, "pread", "/db/7.seg", 4096, 512),
              StatusIs(absl::StatusCode::kUnavailable,
                       "pread /db/7.seg at offset 4096, length 512: EIO "
                       "(Input/output error)"));
  EXPECT_THAT(PosixError(ENOENT, "open", "/db/CURRENT"),
              StatusIs(absl::StatusCode::kNotFound,
                       "open /db/CURRENT: ENOENT (No such file or directory)"));
}

TEST(PosixErrorTest, CodeSaysWhatToDoNext) {
  const struct {
    int error;
    absl::StatusCode code;
  } kTable[] = {
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {EROFS, absl::StatusCode::kPermissionDenied},
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EDQUOT, absl::StatusCode::kResourceExhausted},
      {EFBIG, absl::StatusCode::kResourceExhausted},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ENFILE, absl::StatusCode::kResourceExhausted},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {ENOBUFS, absl::StatusCode::kResourceExhausted},
      {EINVAL, absl::StatusCode::kInvalidArgument},
      {ENOTDIR, absl::StatusCode::kInvalidArgument},
      {EISDIR, absl::StatusCode::kInvalidArgument},
      {ENAMETOOLONG, absl::StatusCode::kInvalidArgument},
      {ELOOP, absl::StatusCode::kInvalidArgument},
      {EXDEV, absl::StatusCode::kFailedPrecondition},
      {EMLINK, absl::StatusCode::kFailedPrecondition},
      {ENOTEMPTY, absl::StatusCode::kFailedPrecondition},
      {EBUSY, absl::StatusCode::kFailedPrecondition},
      {ETXTBSY, absl::StatusCode::kFailedPrecondition},
      {ENODEV, absl::StatusCode::kFailedPrecondition},
      {ENOSYS, absl::StatusCode::kFailedPrecondition},
      {EOPNOTSUPP, absl::StatusCode::kFailedPrecondition},
      {ENOLCK, absl::StatusCode::kFailedPrecondition},
      {ENXIO, absl::StatusCode::kUnavailable},
      {ESTALE, absl::StatusCode::kUnavailable},
      {EBADMSG, absl::StatusCode::kUnavailable},
      {4711, absl::StatusCode::kUnavailable},
  };
  for (const auto& [error, code] : kTable) {
    EXPECT_THAT(PosixError(error, "stat", "/x"), StatusIs(code))
        << ErrnoName(error);
  }
}

TEST(PosixErrorTest, AReadIsNeverNotFound) {
  EXPECT_THAT(ReadError(ENOENT, "pread", "/db/7.seg", 4096, 512),
              StatusIs(absl::StatusCode::kUnavailable,
                       "pread /db/7.seg at offset 4096, length 512: ENOENT "
                       "(No such file or directory)"));
  for (const int error : {EIO, ENOMEM, EINVAL, EOPNOTSUPP}) {
    EXPECT_EQ(ReadError(error, "pread", "/db/7.seg", 4096, 512),
              PosixError(error, "pread", "/db/7.seg", 4096, 512));
  }
}

TEST(PosixErrorTest, NumberWithoutNameIsShownAsNumber) {
  EXPECT_EQ(ErrnoName(EIO), "EIO");
  EXPECT_EQ(ErrnoName(4711), "errno 4711");
  EXPECT_THAT(PosixError(4711, "stat", "/x"),
              StatusIs(absl::StatusCode::kUnavailable,
                       "stat /x: errno 4711 (unknown error)"));
}

TEST(PosixErrorTest, EndsOfFilesAreTwoDifferentErrors) {
  EXPECT_THAT(CutShortError("/db/7.seg", 4096, 512, 4100),
              StatusIs(absl::StatusCode::kDataLoss,
                       "file cut short: /db/7.seg at offset 4096, length 512: "
                       "the file ends at 4100"));
  EXPECT_THAT(PastEndError("/db/7.seg", 4096, 512, 4100),
              StatusIs(absl::StatusCode::kOutOfRange,
                       "read past the end: /db/7.seg at offset 4096, length "
                       "512: the file has 4100 bytes"));
}

}  // namespace
}  // namespace quire::io
