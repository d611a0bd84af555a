#include "kv/internal/database_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::HasSubstr;

ManifestEdit EditOf(std::vector<ManifestChange> changes) {
  ManifestEdit edit;
  for (ManifestChange& change : changes) edit.Add(std::move(change));
  return edit;
}

SegmentCreated Continue(const DatabaseState& state, uint64_t number,
                        uint64_t previous_length) {
  return {.number = number,
          .id = number + 1000,
          .previous_number = state.last_log_number,
          .previous_id = state.last_log_id,
          .first_sequence = state.last_sequence + 1,
          .previous_length = previous_length};
}

// Segment 1 sealed and in the run of table 2, 3 sealed and in no run, 4 ended,
// 5 active.
DatabaseState SomeState() {
  DatabaseState state;
  EXPECT_OK(state.Apply(EditOf(
      {DatabaseCreated{.database_id = {std::byte{1}}, .hash_seed = 99}})));
  EXPECT_OK(state.Apply(EditOf({Continue(state, 1, 0)})));
  EXPECT_OK(state.Apply(EditOf({Continue(state, 3, 8192)})));
  EXPECT_OK(state.Apply(
      EditOf({SegmentSealed{.number = 1, .length = 8192, .last_sequence = 10},
              RunAdded{{.table_number = 2,
                        .table_id = 20,
                        .table_length = 4096,
                        .entry_count = 5,
                        .max_sequence = 10,
                        .segments = {1}}}})));
  EXPECT_OK(state.Apply(EditOf({Continue(state, 4, 4200)})));
  EXPECT_OK(state.Apply(EditOf(
      {SegmentSealed{.number = 3, .length = 4200, .last_sequence = 12}})));
  EXPECT_OK(state.Apply(EditOf({Continue(state, 5, 4168)})));
  return state;
}

TEST(DatabaseStateTest, ChangesAddUp) {
  DatabaseState state = SomeState();
  EXPECT_EQ(state.hash_seed, 99u);
  EXPECT_EQ(state.next_file_number, 6u);
  EXPECT_EQ(state.last_sequence, 12u);
  EXPECT_EQ(state.last_log_number, 5u);
  EXPECT_EQ(state.last_log_id, 1005u);
  ASSERT_EQ(state.segments.size(), 4u);
  EXPECT_EQ(state.segments[1], (SegmentState{.number = 1,
                                             .id = 1001,
                                             .first_sequence = 1,
                                             .sealed = true,
                                             .length = 8192,
                                             .last_sequence = 10,
                                             .table_number = 2}));
  EXPECT_EQ(state.segments[4].length, 4168u);
  EXPECT_FALSE(state.segments[4].sealed);
  EXPECT_EQ(state.segments[5].length, 0u);
  EXPECT_EQ(state.segments[5].previous_number, 4u);
  ASSERT_EQ(state.runs.size(), 1u);

  ASSERT_OK(state.Apply(
      EditOf({GarbageCounted{.number = 1, .bytes = 100, .records = 2},
              GarbageCounted{.number = 1, .bytes = 50, .records = 1},
              NextFileNumber{20}, NextFileNumber{10}, LastSequence{30},
              LastSequence{13}})));
  EXPECT_EQ(state.segments[1].garbage_bytes, 150u);
  EXPECT_EQ(state.segments[1].garbage_records, 3u);
  EXPECT_EQ(state.next_file_number, 20u);
  EXPECT_EQ(state.last_sequence, 30u);
}

TEST(DatabaseStateTest, MergeMovesSegmentsFromRunsToARun) {
  DatabaseState state = SomeState();
  ASSERT_OK(state.Apply(EditOf(
      {RunAdded{{.table_number = 7, .max_sequence = 12, .segments = {3}}}})));
  // Newest first.
  EXPECT_EQ(state.runs[0].table_number, 7u);
  EXPECT_EQ(state.runs[1].table_number, 2u);
  // Segment 1 is rewritten as 9.
  ASSERT_OK(state.Apply(EditOf(
      {RunDropped{2}, RunDropped{7},
       SegmentCreated{.number = 9,
                      .id = 1009,
                      .first_sequence = 1,
                      .origin = SegmentOrigin::kRewrite},
       SegmentSealed{.number = 9, .length = 4096, .last_sequence = 10},
       RunAdded{{.table_number = 10, .max_sequence = 12, .segments = {9, 3}}},
       SegmentDropped{1}})));
  EXPECT_EQ(state.runs.size(), 1u);
  EXPECT_FALSE(state.segments.contains(1));
  EXPECT_EQ(state.segments[3].table_number, 10u);
  EXPECT_EQ(state.segments[9].table_number, 10u);
  // Copies are no part of the log.
  EXPECT_EQ(state.last_log_number, 5u);
}

TEST(DatabaseStateTest, LogGoesOnBehindDroppedSegments) {
  DatabaseState state = SomeState();
  ASSERT_OK(state.Apply(EditOf({SegmentDropped{4}, SegmentDropped{5}})));
  EXPECT_OK(state.Apply(EditOf({Continue(state, 6, 0)})));
  EXPECT_EQ(state.segments[6].previous_number, 5u);
}

struct Contradiction {
  const char* name;
  std::vector<ManifestChange> changes;
};

class ContradictionTest : public ::testing::TestWithParam<Contradiction> {};

TEST_P(ContradictionTest, IsRefused) {
  DatabaseState state = SomeState();
  EXPECT_THAT(state.Apply(EditOf(GetParam().changes)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("contradicts the state")));
}

SegmentCreated Sixth() {
  return {.number = 6,
          .id = 1006,
          .previous_number = 5,
          .previous_id = 1005,
          .first_sequence = 13,
          .previous_length = 4096};
}

template <typename Change>
Change With(Change change, const std::function<void(Change&)>& edit) {
  edit(change);
  return change;
}

SegmentCreated SixthWith(const std::function<void(SegmentCreated&)>& edit) {
  return With<SegmentCreated>(Sixth(), edit);
}

INSTANTIATE_TEST_SUITE_P(
    , ContradictionTest,
    ::testing::Values(
        Contradiction{"SecondDatabase", {DatabaseCreated{.hash_seed = 1}}},
        Contradiction{"SegmentNumberZero",
                      {SixthWith([](auto& c) { c.number = 0; })}},
        Contradiction{"SegmentNumberTaken",
                      {SixthWith([](auto& c) { c.number = 5; })}},
        Contradiction{"SegmentNumberOfATable",
                      {SixthWith([](auto& c) { c.number = 2; })}},
        Contradiction{"LogContinuesAnother",
                      {SixthWith([](auto& c) { c.previous_number = 4; })}},
        Contradiction{"LogContinuesAnotherId",
                      {SixthWith([](auto& c) { c.previous_id = 1004; })}},
        Contradiction{"LogStartsAnew", {SixthWith([](auto& c) {
                        c.previous_number = c.previous_id = 0;
                      })}},
        Contradiction{"EndOfThePreviousUnknown",
                      {SixthWith([](auto& c) { c.previous_length = 0; })}},
        Contradiction{"EndOfThePreviousBetweenGroups",
                      {SixthWith([](auto& c) { c.previous_length = 4099; })}},
        Contradiction{"CopyContinuesTheLog", {SixthWith([](auto& c) {
                        c.origin = SegmentOrigin::kRewrite;
                      })}},
        Contradiction{
            "CopyNotSealed",
            {SegmentCreated{
                .number = 6, .id = 1006, .origin = SegmentOrigin::kRewrite}}},
        Contradiction{"SealUnknown",
                      {SegmentSealed{.number = 8, .length = 4096}}},
        Contradiction{"SealTwice",
                      {SegmentSealed{.number = 3, .length = 4200}}},
        Contradiction{"SealBeforeAnOlder",
                      {SegmentSealed{.number = 5, .length = 4096}}},
        Contradiction{"SealWithAnotherEnd",
                      {SegmentSealed{.number = 4, .length = 4176}}},
        Contradiction{"SealShorterThanAPage",
                      {SegmentSealed{.number = 4, .length = 4088}}},
        Contradiction{"SealUnaligned",
                      {SegmentSealed{.number = 4, .length = 4169}}},
        Contradiction{"SealWithTooMuchGarbage",
                      {SegmentSealed{
                          .number = 4, .length = 4168, .garbage_bytes = 4169}}},
        Contradiction{"DropUnknown", {SegmentDropped{8}}},
        Contradiction{"DropOutOfARun", {SegmentDropped{1}}},
        Contradiction{"DropUnsealedBeforeAnOlder", {SegmentDropped{5}}},
        Contradiction{"GarbageOfUnknown", {GarbageCounted{.number = 8}}},
        Contradiction{"GarbageOfUnsealed",
                      {GarbageCounted{.number = 4, .bytes = 1}}},
        Contradiction{"GarbageBeyondTheLength",
                      {GarbageCounted{.number = 1, .bytes = 8000},
                       GarbageCounted{.number = 1, .bytes = 193}}},
        Contradiction{"GarbageOverflows",
                      {GarbageCounted{.number = 1, .bytes = 1},
                       GarbageCounted{.number = 1, .bytes = UINT64_MAX}}},
        Contradiction{"RunOfNothing", {RunAdded{{.table_number = 6}}}},
        Contradiction{"RunOfUnknown",
                      {RunAdded{{.table_number = 6, .segments = {8}}}}},
        Contradiction{"RunOfUnsealed",
                      {RunAdded{{.table_number = 6, .segments = {4}}}}},
        Contradiction{"RunOfAnotherRunsSegment",
                      {RunAdded{{.table_number = 6, .segments = {3, 1}}}}},
        Contradiction{"RunOfOneSegmentTwice",
                      {RunAdded{{.table_number = 6, .segments = {3, 3}}}}},
        Contradiction{"TableNumberTaken",
                      {RunAdded{{.table_number = 2, .segments = {3}}}}},
        Contradiction{"TableNumberOfASegment",
                      {RunAdded{{.table_number = 4, .segments = {3}}}}},
        Contradiction{"DropUnknownRun", {RunDropped{1}}},
        Contradiction{"SequenceBeyondTheLast",
                      {LastSequence{kMaxSequence + 1}}}),
    [](const auto& info) { return info.param.name; });

TEST(DatabaseStateTest, ErrorNamesTheChange) {
  DatabaseState state = SomeState();
  EXPECT_THAT(state.Apply(EditOf({RunDropped{77}})),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("RunDropped table_number=77: contradicts")));
}

TEST(DatabaseStateTest, SnapshotRebuildsTheState) {
  const DatabaseState state = SomeState();
  DatabaseState rebuilt;
  ASSERT_OK(rebuilt.Apply(state.Snapshot()));
  EXPECT_EQ(rebuilt, state);
  EXPECT_OK(rebuilt.Apply(EditOf({Sixth()})));
}

TEST(DatabaseStateTest, SnapshotOfAFreshDatabaseRebuildsIt) {
  DatabaseState state;
  ASSERT_OK(state.Apply(EditOf({DatabaseCreated{.hash_seed = 5}})));
  DatabaseState rebuilt;
  ASSERT_OK(rebuilt.Apply(state.Snapshot()));
  EXPECT_EQ(rebuilt, state);
}

TEST(DatabaseStateTest, SnapshotOutOfTheLogsOrderIsRefused) {
  DatabaseState state;
  EXPECT_THAT(
      state.Apply(EditOf({DatabaseCreated{.hash_seed = 1, .last_log_number = 3},
                          SegmentCreated{.number = 4, .previous_number = 3}})),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("order of the log")));
}

// Random edits as a database would make them; each state also rebuilt from its
// snapshot.
TEST(DatabaseStateTest, RandomLivesRoundTrip) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int life = 0; life < 200; ++life) {
    DatabaseState state;
    ASSERT_OK(state.Apply(EditOf({DatabaseCreated{.hash_seed = random()}})));
    for (int step = 0; step < 40; ++step) {
      ManifestEdit edit;
      const auto unsealed =
          std::find_if(state.segments.begin(), state.segments.end(),
                       [](const auto& s) { return !s.second.sealed; });
      const uint64_t number = state.next_file_number;
      switch (random() % 4) {
        case 0:
          edit.Add(Continue(state, number, 4096 + random() % 100 * 8));
          if (state.segments.contains(state.last_log_number) &&
              state.segments[state.last_log_number].sealed) {
            edit = EditOf({Continue(state, number, 0)});
          }
          break;
        case 1:
          if (unsealed == state.segments.end()) continue;
          edit.Add(SegmentSealed{
              .number = unsealed->first,
              .length = std::max<uint64_t>(unsealed->second.length, 4096),
              .last_sequence = state.last_sequence + random() % 5,
              .digest = random()});
          edit.Add(RunAdded{{.table_number = number,
                             .table_id = random(),
                             .max_sequence = state.last_sequence,
                             .segments = {unsealed->first}}});
          break;
        case 2: {  // a merge of all runs
          RunState merged = {.table_number = number,
                             .max_sequence = state.last_sequence};
          for (const RunState& run : state.runs) {
            edit.Add(RunDropped{run.table_number});
            merged.segments.insert(merged.segments.end(), run.segments.begin(),
                                   run.segments.end());
          }
          if (merged.segments.size() < 2) continue;
          const uint64_t dropped = merged.segments.back();
          merged.segments.pop_back();
          edit.Add(RunAdded{merged});
          edit.Add(SegmentDropped{dropped});
          break;
        }
        case 3:
          edit.Add(NextFileNumber{number + random() % 3});
          edit.Add(LastSequence{state.last_sequence + random() % 100});
          break;
      }
      ASSERT_OK(state.Apply(edit)) << "life " << life << ", step " << step;
      DatabaseState rebuilt;
      ASSERT_OK(rebuilt.Apply(state.Snapshot()));
      ASSERT_EQ(rebuilt, state);
    }
  }
}

}  // namespace
}  // namespace quire::kv_internal
