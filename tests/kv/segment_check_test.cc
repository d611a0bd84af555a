// Sealed segments, and segments that nothing names.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/file_header.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/manifest_edit.h"
#include "tests/kv/test_log.h"
#include "tests/kv/test_recovery.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(SealedSegmentTest, SealedSegmentsInNoRunAreReplayedFirst) {
  TestLog log = SomeLog();
  log.SealOldest();
  const Outcome outcome = Recover(log.state, log.files);
  EXPECT_FALSE(Check(log, outcome, log.groups.size()));
  log.SealOldest();
  log.SealOldest();
  EXPECT_FALSE(Check(log, Recover(log.state, log.files), log.groups.size()));
}

TEST(SealedSegmentTest, SegmentsInRunsAreNotLoaded) {
  TestLog log = SomeLog();
  log.SealOldest();
  ManifestEdit edit;
  edit.Add(RunAdded{{.table_number = 50, .segments = {1}}});
  ASSERT_OK(log.state.Apply(edit));
  log.files.erase(1);
  const Outcome outcome = Recover(log.state, log.files);
  ASSERT_THAT(outcome.plan, IsOk());
  EXPECT_EQ(outcome.plan->segments.size(), 2u);
}

TEST(SealedSegmentTest, EveryFlippedBitAndTruncationOfASealedSegmentIsRefused) {
  TestLog log;
  log.StartSegment();
  log.Append({10, 500});
  log.Append({});
  log.SealOldest();
  Files files = log.files;
  std::vector<std::byte>& file = files[1];
  for (uint64_t bit = 0; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= std::byte{1} << (bit % 8);
    const absl::Status status = Recover(log.state, files).plan.status();
    ASSERT_TRUE(absl::IsDataLoss(status) ||
                (bit < 64 && absl::IsFailedPrecondition(status)))
        << "bit " << bit << ": " << status;
    file[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  while (!file.empty()) {
    file.pop_back();
    ASSERT_THAT(Recover(log.state, files).plan,
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(SealedSegmentTest, BytesBehindTheEndOfASealedSegmentDontCount) {
  TestLog log;
  log.StartSegment();
  log.Append({10});
  log.SealOldest();
  Files files = log.files;
  files[1].resize(files[1].size() + 77, std::byte{0xee});
  EXPECT_FALSE(Check(log, Recover(log.state, files), 1));
}

TEST(SealedSegmentTest, SealedSegmentWithAWholeGroupMoreOrLessIsRefused) {
  TestLog log;
  log.StartSegment();
  log.Append({10});
  log.Append({10});
  log.SealOldest();
  SegmentState segment = log.state.segments.at(1);
  const auto read = [&] {
    return ReadSealedSegment(
        log.state.database_id, segment, log.files[1], "/db/000001.seg",
        [](const SegmentState&, const LogRecord&) { return absl::OkStatus(); });
  };
  EXPECT_OK(read());
  segment.length = log.groups[0].end;
  EXPECT_THAT(read(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("digest differs")));
  segment.length = log.groups[1].end + 8;
  EXPECT_THAT(read(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("cut short since it was sealed")));
}

class UnnamedSegmentTest : public ::testing::Test {
 protected:
  UnnamedSegmentTest() {
    log_.StartSegment();
    log_.Append({10});
    old_state_ = log_.state;
    log_.StartSegment();  // segment 2, which the old state doesn't know
  }

  absl::Status CheckSecond(const DatabaseState& state) {
    return CheckUnnamedSegment(state, 2, log_.files[2], "/db/000002.seg");
  }

  TestLog log_;
  DatabaseState old_state_;
};

TEST_F(UnnamedSegmentTest, InterruptedCreationsMayBeRemoved) {
  const std::vector<std::byte> header = log_.files[2];
  for (size_t size = 0; size <= header.size(); ++size) {
    log_.files[2].assign(header.begin(), header.begin() + size);
    ASSERT_OK(CheckSecond(old_state_)) << size;
  }
  log_.files[2].assign(kPageBytes, std::byte{0});
  EXPECT_OK(CheckSecond(old_state_));
  log_.files[2] = header;
  log_.files[2].resize(3 * kPageBytes);
  EXPECT_OK(CheckSecond(old_state_));
}

TEST_F(UnnamedSegmentTest, ContinuationOfTheLogIsAReasonToRefuse) {
  log_.Append({10});
  EXPECT_THAT(CheckSecond(old_state_),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("/db/000002.seg"),
                             HasSubstr("the manifest is too old"))));
  // Also if only a later group, or the header page, is damaged.
  log_.Append({10});
  log_.files[2][log_.groups[1].begin.offset] ^= std::byte{1};
  EXPECT_THAT(CheckSecond(old_state_), StatusIs(absl::StatusCode::kDataLoss));
  log_.files[2][100] ^= std::byte{1};
  EXPECT_THAT(CheckSecond(old_state_), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(UnnamedSegmentTest, SegmentThatWasNamedAndDroppedMayBeRemoved) {
  log_.Append({10});
  DatabaseState state = log_.state;
  log_.SealOldest();
  log_.SealOldest();
  ManifestEdit edit;
  edit.Add(SegmentDropped{2});
  ASSERT_OK(log_.state.Apply(edit));
  EXPECT_OK(CheckSecond(log_.state));
  // Also once a fresh manifest has forgotten how it came to be.
  DatabaseState fresh;
  ASSERT_OK(fresh.Apply(log_.state.Snapshot()));
  EXPECT_OK(CheckSecond(fresh));
}

TEST_F(UnnamedSegmentTest, CopiesMayBeRemoved) {
  const FileHeader header = {.type = FileType::kSegment,
                             .origin = SegmentOrigin::kRewrite,
                             .file_id = log_.tail().file_id,
                             .file_number = 2,
                             .database_id = log_.state.database_id};
  log_.Append({10});
  EncodeFileHeader(header, log_.files[2].data());
  EXPECT_OK(CheckSecond(old_state_));
}

TEST_F(UnnamedSegmentTest, ForeignFilesAreNamed) {
  DatabaseState other = old_state_;
  other.database_id[0] = std::byte{9};
  EXPECT_THAT(CheckSecond(other),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another database")));
  EXPECT_THAT(CheckUnnamedSegment(old_state_, 3, log_.files[2], "/db/3.seg"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("was made as segment 2")));
  log_.files[2].assign(kPageBytes, std::byte{'x'});
  EXPECT_THAT(CheckSecond(old_state_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("not a Quire segment")));
}

}  // namespace
}  // namespace quire::kv_internal
