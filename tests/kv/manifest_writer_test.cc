#include "kv/internal/manifest_writer.h"

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "kv/internal/manifest_reader.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOk;
using ::quire::testing::ReadFile;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ManifestEdit EditOf(ManifestChange change) {
  ManifestEdit edit;
  edit.Add(std::move(change));
  return edit;
}

class ManifestWriterTest : public ::testing::Test {
 protected:
  ManifestWriterTest() : files_(io::PosixFileSystem()) {
    EXPECT_OK(state_.Apply(EditOf(DatabaseCreated{.hash_seed = 42})));
  }

  absl::StatusOr<std::unique_ptr<ManifestWriter>> Create() {
    return ManifestWriter::Create(files_, directory_.path(), 3, 333, state_);
  }

  // The state that a reader finds, given what the writer says of the manifest.
  absl::StatusOr<ManifestContents> Read(const ManifestWriter& writer) {
    return ReadManifest(files_, directory_.path(), writer.Current(false));
  }

  TempDirectory directory_;
  FaultyFileSystem files_;
  DatabaseState state_;
};

TEST_F(ManifestWriterTest, StartsWithTheState) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const auto writer, Create());
  EXPECT_EQ(writer->number(), 3u);
  QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestContents contents, Read(*writer));
  EXPECT_EQ(contents.state.hash_seed, 42u);
  EXPECT_EQ(contents.state.next_file_number, 4u);
  EXPECT_EQ(contents.extent.length, writer->length());
  // File and directory were synced before anything can name the manifest.
  EXPECT_EQ(files_.count(FileOp::kSync), 1u);
  EXPECT_EQ(files_.count(FileOp::kSyncDirectory), 1u);
}

TEST_F(ManifestWriterTest, EachEditIsDurableBeforeTheNext) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const auto writer, Create());
  for (uint64_t i = 1; i <= 5; ++i) {
    const uint64_t syncs = files_.count(FileOp::kSync);
    const uint64_t before = writer->length();
    ASSERT_OK(writer->Append(EditOf(LastSequence{i})));
    EXPECT_EQ(files_.count(FileOp::kSync), syncs + 1);
    QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestContents contents, Read(*writer));
    EXPECT_EQ(contents.state.last_sequence, i);
    const std::string file = ReadFile(directory_.File("MANIFEST-000003"));
    const auto header = DecodeGroupHeader(
        std::as_bytes(std::span(file)).subspan(before), 333, before);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->synced_upto, (LogPosition{3, before}));
  }
}

TEST_F(ManifestWriterTest, SaysLengthAndDigestOfWhatItWrote) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const auto writer, Create());
  ASSERT_OK(writer->Append(EditOf(LastSequence{7})));
  ASSERT_OK(writer->Close());
  const std::string file = ReadFile(directory_.File("MANIFEST-000003"));
  EXPECT_EQ(writer->Current(true),
            (CurrentFile{.manifest_number = 3,
                         .manifest_id = 333,
                         .manifest_length = file.size(),
                         .manifest_digest = Checksum(file),
                         .closed = true,
                         .database_id = state_.database_id}));
}

TEST_F(ManifestWriterTest, WantOfSpaceLeavesTheManifestAsItWas) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const auto writer, Create());
  ASSERT_OK(writer->Append(EditOf(LastSequence{1})));
  const CurrentFile before = writer->Current(false);
  for (const uint64_t partial_bytes : {0, 40, 96}) {
    files_.Inject({.op = FileOp::kWrite,
                   .error = ENOSPC,
                   .partial_bytes = partial_bytes});
    ManifestEdit longer = EditOf(NextFileNumber{100});
    longer.Add(LastSequence{100});
    EXPECT_THAT(writer->Append(longer),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(writer->Current(false), before);
    QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestContents contents, Read(*writer));
    EXPECT_EQ(contents.state.last_sequence, 1u);
  }
  // The next goes to the same place, over the remains.
  ASSERT_OK(writer->Append(EditOf(LastSequence{2})));
  QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestContents contents, Read(*writer));
  EXPECT_EQ(contents.state.last_sequence, 2u);
  EXPECT_EQ(contents.state.next_file_number, 4u);
}

TEST_F(ManifestWriterTest, AnyOtherFailureEndsTheWriting) {
  for (const auto& [op, error] :
       {std::pair(FileOp::kWrite, EIO), std::pair(FileOp::kSync, EIO),
        std::pair(FileOp::kSync, ENOSPC)}) {
    QUIRE_ASSERT_OK_AND_ASSIGN(const auto writer, Create());
    files_.Inject({.op = op, .error = error});
    // A sync without space is no promise that nothing has changed.
    EXPECT_THAT(writer->Append(EditOf(LastSequence{1})),
                StatusIs(absl::StatusCode::kUnavailable));
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(
          writer->Append(EditOf(LastSequence{2})),
          StatusIs(absl::StatusCode::kFailedPrecondition,
                   AllOf(HasSubstr("MANIFEST-000003"), HasSubstr("failure"),
                         HasSubstr(error == EIO ? "EIO" : "ENOSPC"))));
    }
    ASSERT_OK(files_.RemoveFile(directory_.File("MANIFEST-000003")));
  }
}

TEST_F(ManifestWriterTest, FailedCreationLeavesNothing) {
  for (const FileOp op : {FileOp::kCreate, FileOp::kWrite, FileOp::kSync,
                          FileOp::kSyncDirectory}) {
    for (const int error : {EIO, ENOSPC}) {
      files_.Inject({.op = op, .error = error});
      EXPECT_FALSE(Create().ok());
      EXPECT_THAT(files_.ListDirectory(directory_.path()),
                  testing::IsOkAndHolds(IsEmpty()));
    }
  }
  EXPECT_EQ(files_.injected_count(), 8u);
  EXPECT_THAT(Create(), IsOk());
}

TEST_F(ManifestWriterTest, NumberInUseIsRefused) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const auto writer, Create());
  EXPECT_THAT(Create(), StatusIs(absl::StatusCode::kAlreadyExists));
  // And what is there stays.
  EXPECT_THAT(Read(*writer), IsOk());
}

}  // namespace
}  // namespace quire::kv_internal
