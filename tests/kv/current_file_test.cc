#include "kv/internal/current_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/checksum.h"
#include "kv/internal/little_endian.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOk;
using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::HasSubstr;

constexpr char kPath[] = "/db/CURRENT";

CurrentFile Some(uint64_t number = 3) {
  return {.manifest_number = number,
          .manifest_id = 0x1020304050607080,
          .manifest_length = 5000,
          .manifest_digest = 0xfffefdfcfbfaf9f8,
          .closed = true,
          .database_id = {std::byte{7}, std::byte{8}}};
}

TEST(CurrentFileTest, ComesBackAsItWasWritten) {
  for (const bool closed : {false, true}) {
    CurrentFile current = Some();
    current.closed = closed;
    EXPECT_THAT(DecodeCurrentFile(EncodeCurrentFile(current), kPath),
                IsOkAndHolds(current));
  }
}

TEST(CurrentFileTest, EveryFlippedBitIsFound) {
  std::vector<std::byte> bytes = EncodeCurrentFile(Some());
  ASSERT_EQ(bytes.size(), kCurrentFileBytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_THAT(DecodeCurrentFile(bytes, kPath),
                StatusIs(bit < 64 ? absl::StatusCode::kFailedPrecondition
                                  : absl::StatusCode::kDataLoss,
                         HasSubstr(kPath)))
        << "bit " << bit;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(CurrentFileTest, EveryOtherLengthIsFound) {
  std::vector<std::byte> bytes = EncodeCurrentFile(Some());
  bytes.resize(200);
  for (size_t size = 0; size < bytes.size(); ++size) {
    if (size == kCurrentFileBytes) continue;
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + size);
    EXPECT_THAT(DecodeCurrentFile(cut, kPath),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(kPath)));
  }
}

TEST(CurrentFileTest, NewerVersionOfAnyLengthIsNamed) {
  for (const size_t size : {size_t{20}, kCurrentFileBytes, size_t{128}}) {
    std::vector<std::byte> bytes = EncodeCurrentFile(Some());
    bytes.resize(size);
    StoreLittleEndian(uint32_t{2}, bytes.data() + 8);
    StoreLittleEndian(
        Checksum(std::span<const std::byte>(bytes).first(size - 8)),
        bytes.data() + size - 8);
    EXPECT_THAT(DecodeCurrentFile(bytes, kPath),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("format version 2")));
  }
}

TEST(CurrentFileTest, FlagThatNoWriterWritesIsDamage) {
  std::vector<std::byte> bytes = EncodeCurrentFile(Some());
  bytes[12] = std::byte{2};
  StoreLittleEndian(Checksum(std::span<const std::byte>(bytes).first(64)),
                    bytes.data() + 64);
  EXPECT_THAT(DecodeCurrentFile(bytes, kPath),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(CurrentFileTest, BlankFileIsDamage) {
  const std::vector<std::byte> bytes(kCurrentFileBytes);
  EXPECT_THAT(DecodeCurrentFile(bytes, kPath),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("blank")));
}

TEST(CurrentFileTest, ForeignFileIsNamed) {
  TempDirectory directory;
  WriteFile(directory.File("CURRENT"), "MANIFEST-000002\n");
  EXPECT_THAT(ReadCurrentFile(io::PosixFileSystem(), directory.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr(directory.File("CURRENT"))));
}

TEST(CurrentFileTest, MissingFileIsNotFound) {
  TempDirectory directory;
  EXPECT_THAT(ReadCurrentFile(io::PosixFileSystem(), directory.path()),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr(directory.File("CURRENT"))));
}

TEST(CurrentFileTest, ReplacesTheOldOneAndLeavesNothingElse) {
  TempDirectory directory;
  io::FileSystem& files = io::PosixFileSystem();
  WriteFile(directory.File("CURRENT.new"), "left by an interrupted call");
  ASSERT_OK(WriteCurrentFile(files, directory.path(), Some(3)));
  ASSERT_OK(WriteCurrentFile(files, directory.path(), Some(4)));
  EXPECT_THAT(ReadCurrentFile(files, directory.path()), IsOkAndHolds(Some(4)));
  EXPECT_THAT(files.ListDirectory(directory.path()),
              IsOkAndHolds(::testing::ElementsAre("CURRENT")));
}

// Each operation of a replacement fails in turn, once done and once not.
TEST(CurrentFileTest, OldOrNewIsThereWhateverFails) {
  const std::vector<FileOp> steps = {
      FileOp::kRemove, FileOp::kCreate, FileOp::kWrite,        FileOp::kSync,
      FileOp::kClose,  FileOp::kRename, FileOp::kSyncDirectory};
  for (const int error : {EIO, ENOSPC}) {
    for (const FileOp step : steps) {
      TempDirectory directory;
      FaultyFileSystem files(io::PosixFileSystem());
      ASSERT_OK(WriteCurrentFile(files, directory.path(), Some(3)));
      files.Inject({.op = step, .error = error});
      const absl::Status status =
          WriteCurrentFile(files, directory.path(), Some(4));
      ASSERT_EQ(files.injected_count(), 1u);
      ASSERT_FALSE(status.ok());
      const bool renamed = step == FileOp::kSyncDirectory;
      EXPECT_THAT(ReadCurrentFile(files, directory.path()),
                  IsOkAndHolds(Some(renamed ? 4 : 3)));
      // "No space" is a promise that nothing has changed.
      EXPECT_EQ(absl::IsResourceExhausted(status), error == ENOSPC && !renamed);
      EXPECT_THAT(WriteCurrentFile(files, directory.path(), Some(5)), IsOk());
      EXPECT_THAT(ReadCurrentFile(files, directory.path()),
                  IsOkAndHolds(Some(5)));
    }
  }
}

TEST(CurrentFileTest, ErrorOfTheDeviceIsPassedOn) {
  TempDirectory directory;
  FaultyFileSystem files(io::PosixFileSystem());
  ASSERT_OK(WriteCurrentFile(files, directory.path(), Some()));
  for (const FileOp step : {FileOp::kOpen, FileOp::kRead}) {
    files.Inject({.op = step});
    EXPECT_THAT(ReadCurrentFile(files, directory.path()),
                StatusIs(absl::StatusCode::kUnavailable));
  }
}

}  // namespace
}  // namespace quire::kv_internal
