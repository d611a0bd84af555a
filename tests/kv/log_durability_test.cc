// What decides between a torn end and damage, case by case.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/record.h"
#include "tests/kv/test_log.h"
#include "tests/kv/test_recovery.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

// The rule's cases, each with its own log: what is written, which group is
// damaged, and what has to come out.
struct DurabilityCase {
  const char* name;
  std::function<void(TestLog&)> write;
  size_t damaged_group;
  bool refused;
};

class DurabilityTest : public ::testing::TestWithParam<DurabilityCase> {};

TEST_P(DurabilityTest, DamageIsRefusedBelowWhatWasDurableOnly) {
  TestLog log;
  GetParam().write(log);
  const TestLog::Group& group = log.groups[GetParam().damaged_group];
  // Its header, its first record, all of it.
  for (const auto& [from, bytes] :
       {std::pair(0, 1), std::pair(80, 1),
        std::pair(0, static_cast<int>(group.end - group.begin.offset))}) {
    Files files = log.files;
    std::vector<std::byte>& file = files[group.begin.file_number];
    for (int i = 0; i < bytes; ++i) {
      file[group.begin.offset + from + i] ^= std::byte{0x55};
    }
    EXPECT_EQ(
        Check(log, Recover(log.state, files),
              GetParam().refused ? std::nullopt
                                 : std::optional(GetParam().damaged_group)),
        GetParam().refused);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , DurabilityTest,
    ::testing::Values(DurabilityCase{"LastGroupOfAllIsTorn",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Append({10});
                                     },
                                     1, false},
                      DurabilityCase{
                          "SyncedLastGroupCantBeTold",  // the stated limit
                          [](TestLog& log) {
                            log.StartSegment();
                            log.Append({10});
                            log.Append({10});
                            log.Sync();
                          },
                          1, false},
                      DurabilityCase{"EmptyGroupBehindMakesItTold",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Append({10});
                                       log.Sync();
                                       log.Append({});
                                     },
                                     1, true},
                      DurabilityCase{"UnsyncedGroupsBehindProveNothing",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Sync();
                                       log.Append({10});
                                       log.Append({10});
                                       log.Append({10});
                                     },
                                     1, false},
                      DurabilityCase{"SyncedBeforeIsRefused",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Append({10});
                                       log.Sync();
                                       log.Append({10});
                                     },
                                     0, true},
                      DurabilityCase{"LaterSegmentProvesIt",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Sync();
                                       log.StartSegment();
                                       log.Append({10});
                                     },
                                     0, true},
                      DurabilityCase{"LaterSegmentThatIsEmptyProvesNothing",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Sync();
                                       log.StartSegment();
                                     },
                                     0, false},
                      DurabilityCase{"LaterSegmentWithoutSyncProvesNothing",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.StartSegment();
                                       log.Append({10});
                                     },
                                     0, false},
                      DurabilityCase{"FirstGroupOfALaterSegmentIsTorn",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Sync();
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Append({10});
                                     },
                                     1, false},
                      DurabilityCase{"FirstGroupOfALaterSegmentIsRefused",
                                     [](TestLog& log) {
                                       log.StartSegment();
                                       log.Append({10});
                                       log.StartSegment();
                                       log.Append({10});
                                       log.Sync();
                                       log.Append({10});
                                     },
                                     1, true}),
    [](const auto& info) { return info.param.name; });

TEST(LogDurabilityTest, EvidenceIsFoundInGroupsWhoseRecordsAreDamaged) {
  TestLog log;
  log.StartSegment();
  log.Append({10});
  log.Sync();
  log.Append({10});
  Files files = log.files;
  std::vector<std::byte>& file = files[1];
  file[log.groups[0].begin.offset + 80] ^= std::byte{1};
  file[log.groups[1].begin.offset + 80] ^= std::byte{1};
  EXPECT_TRUE(Check(log, Recover(log.state, files), std::nullopt));
}

TEST(LogDurabilityTest,
     SegmentThatLostItsLastGroupsIsRefusedWhereTheyWereDurable) {
  TestLog log;
  log.StartSegment();
  log.Append({10});
  log.Append({10});
  log.Sync();
  log.StartSegment();
  log.Append({10});  // says so
  log.Append({10});
  const TestLog::Group first = log.groups[0];
  Files files = log.files;
  files[1].resize(first.end);
  EXPECT_TRUE(Check(log, Recover(log.state, files), std::nullopt));
  // The first group behind is torn too: the one after it still says so.
  files[2][log.groups[2].begin.offset] ^= std::byte{1};
  EXPECT_TRUE(Check(log, Recover(log.state, files), std::nullopt));
}

TEST(LogDurabilityTest,
     SegmentThatLostItsLastGroupsEndsTheLogWhereNobodyWasPromised) {
  TestLog log;
  log.StartSegment();
  log.Append({10});
  log.Append({10});
  log.StartSegment();
  log.Append({12});  // to a multiple of 8
  Files files = log.files;
  files[1].resize(log.groups[0].end);
  const Outcome outcome = Recover(log.state, files);
  // No hole: what stands in the later segment is dropped, whole as it is.
  EXPECT_FALSE(Check(log, outcome, 1));
  EXPECT_THAT(outcome.plan->torn, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(outcome.plan->segments[1].dropped_bytes,
            log.groups[2].end - kPageBytes);
  // Numbers given to what was dropped aren't given again.
  EXPECT_EQ(outcome.plan->last_sequence, 3u);
}

TEST(LogDurabilityTest, RemainsOfAFailedWriteBehindAnEndedSegmentDontCount) {
  TestLog log;
  log.StartSegment();
  log.Append({100});
  // Fails for want of space: none of it, a part, all of it is in the file.
  TestLog failed = log;
  failed.Append({3000});
  const std::vector<std::byte>& remains = failed.files[1];
  log.StartSegment();
  log.Append({10});
  log.Sync();
  log.Append({10});
  for (size_t size = log.files[1].size(); size <= remains.size(); size += 8) {
    Files files = log.files;
    files[1].assign(remains.begin(), remains.begin() + size);
    const Outcome outcome = Recover(log.state, files);
    ASSERT_FALSE(Check(log, outcome, log.groups.size())) << size;
    EXPECT_THAT(outcome.plan->torn, IsOk());
    EXPECT_EQ(outcome.plan->segments[0].dropped_bytes, 0u);
  }
}

TEST(LogDurabilityTest,
     RestOfAFailedLongerWriteBehindAGroupIsNotItsContinuation) {
  // A write of two groups failed for want of space after all of the second;
  // then another of the length of the first went to the same place.
  TestLog failed;
  failed.StartSegment();
  failed.Append({100});
  failed.Append({100});
  TestLog log;
  log.StartSegment();
  log.AppendEntries({{1, RecordKind::kPut, "other", std::string(99, 'o')}});
  ASSERT_EQ(log.groups[0].end, failed.groups[0].end);
  Files files = failed.files;
  std::copy(log.files[1].begin(), log.files[1].end(), files[1].begin());
  const Outcome outcome = Recover(log.state, files);
  EXPECT_FALSE(Check(log, outcome, 1));
  EXPECT_THAT(outcome.plan->torn, StatusIs(absl::StatusCode::kDataLoss,
                                           HasSubstr("does not continue")));
}

// A value that holds a group which is right in every check for where it stands:
// it takes the file's secret id to make one.
TEST(LogDurabilityTest, ForgedGroupInsideAValueNeverGivesItsRecords) {
  for (const LogPosition& claim :
       {LogPosition{}, LogPosition{1, 4250}, LogPosition{1, 5000},
        LogPosition{7, 4096}}) {
    TestLog log;
    log.StartSegment();
    log.Append({10});
    const uint64_t value_at = log.tail().offset + kGroupHeaderBytes +
                              kRecordHeaderBytes + 8;  // behind an 8-byte key
    std::vector<std::byte> space(1000);
    GroupBuilder forged(space, {.file_id = log.tail().file_id,
                                .offset = value_at,
                                .previous_check = log.tail().previous_check});
    forged.Add(2, RecordKind::kPut, "forged", "");
    const std::span<const std::byte> bytes = forged.Finish(claim, 2);
    log.AppendEntries({{2, RecordKind::kPut, "12345678",
                        std::string(reinterpret_cast<const char*>(bytes.data()),
                                    bytes.size())}});
    ASSERT_TRUE(DecodeGroupHeader(
                    std::span<const std::byte>(log.files[1]).subspan(value_at),
                    log.tail().file_id, value_at)
                    .has_value());
    EXPECT_FALSE(Check(log, Recover(log.state, log.files), 2));
    // With the group around it torn, it can make a torn end look like damage,
    // where it claims what can be; never more.
    Files files = log.files;
    files[1][log.groups[1].begin.offset] ^= std::byte{1};
    const bool is_refused = claim == LogPosition{1, 4250};
    EXPECT_EQ(Check(log, Recover(log.state, files),
                    is_refused ? std::nullopt : std::optional<size_t>(1)),
              is_refused);
  }
}

}  // namespace
}  // namespace quire::kv_internal
