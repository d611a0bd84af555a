#include "kv/internal/log_recovery.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "tests/kv/test_log.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

using Files = std::map<uint64_t, std::vector<std::byte>>;

struct Outcome {
  absl::StatusOr<RecoveryPlan> plan;
  std::vector<Entry> visited;
};

Outcome Recover(const DatabaseState& state, const Files& files) {
  Outcome outcome = {.plan = absl::UnknownError(""), .visited = {}};
  std::vector<std::byte> loaded;  // one at a time, as promised
  outcome.plan = RecoverLog(
      state, "/db",
      [&](const SegmentState& segment)
          -> absl::StatusOr<std::span<const std::byte>> {
        const auto file = files.find(segment.number);
        if (file == files.end()) return absl::NotFoundError("no such file");
        loaded = std::vector<std::byte>(file->second);
        return std::span<const std::byte>(loaded);
      },
      [&](const SegmentState&, const LogRecord& record) {
        outcome.visited.push_back(EntryOf(record));
        return absl::OkStatus();
      });
  return outcome;
}

// Three unsealed segments; groups of several kinds; synced here and there.
TestLog SomeLog() {
  TestLog log;
  log.StartSegment();
  log.Append({10, 200, 3500, 400});
  log.Append({30});
  log.Sync();
  log.Append({5, 600});
  log.StartSegment();
  log.Append({100, 100});
  log.Sync();
  log.Append({});
  log.Append({20, 300});
  log.StartSegment();
  log.Append({50});
  log.Append({60, 60});
  return log;
}

// What has to come out if the group `bad` is the first that isn't whole, and
// those from `intact` on are: nullopt for a refusal, else how many groups are
// kept.
std::optional<size_t> Expected(const TestLog& log, size_t bad, size_t intact) {
  LogPosition durable;
  for (size_t i = intact; i < log.groups.size(); ++i) {
    durable = std::max(durable, log.groups[i].synced_upto);
  }
  if (bad < log.groups.size() && log.groups[bad].begin < durable) {
    return std::nullopt;
  }
  return bad;
}

// Checks an outcome against Expected. Returns whether it was a refusal.
bool Check(const TestLog& log, const Outcome& outcome,
           std::optional<size_t> kept_groups) {
  if (!kept_groups.has_value()) {
    EXPECT_THAT(outcome.plan,
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr("/db/00000"), HasSubstr("offset "))));
    return true;
  }
  EXPECT_THAT(outcome.plan, IsOk());
  if (!outcome.plan.ok()) return true;
  EXPECT_THAT(outcome.visited, ElementsAreArray(log.EntriesOf(*kept_groups)));
  // The plan says of each segment what was kept of it.
  std::map<uint64_t, uint64_t> ends;
  for (const auto& [number, file] : log.files) ends[number] = kPageBytes;
  for (size_t i = 0; i < *kept_groups; ++i) {
    ends[log.groups[i].begin.file_number] = log.groups[i].end;
  }
  for (const RecoveredSegment& segment : outcome.plan->segments) {
    EXPECT_EQ(segment.accepted_end, ends[segment.number]);
  }
  EXPECT_EQ(outcome.plan->segments.size(), log.files.size());
  return false;
}

TEST(LogRecoveryTest, WholeLogIsKept) {
  const TestLog log = SomeLog();
  const Outcome outcome = Recover(log.state, log.files);
  EXPECT_FALSE(Check(log, outcome, log.groups.size()));
  EXPECT_EQ(outcome.plan->last_sequence, outcome.visited.back().sequence);
  EXPECT_EQ(outcome.plan->durable, log.durable());
  EXPECT_THAT(outcome.plan->torn, IsOk());
  for (const RecoveredSegment& segment : outcome.plan->segments) {
    EXPECT_EQ(segment.dropped_bytes, 0u);
  }
}

TEST(LogRecoveryTest, EmptyLogAndEmptySegmentsAreFine) {
  TestLog log;
  EXPECT_FALSE(Check(log, Recover(log.state, log.files), 0));
  log.StartSegment();
  log.StartSegment();
  log.StartSegment();
  EXPECT_FALSE(Check(log, Recover(log.state, log.files), 0));
}

TEST(LogRecoveryTest,
     EveryFlippedBitIsRefusedOrEndsTheLogWhereNobodyWasPromised) {
  const TestLog log = SomeLog();
  Files files = log.files;
  size_t refused = 0;
  size_t torn = 0;
  for (size_t g = 0; g < log.groups.size(); ++g) {
    const TestLog::Group& group = log.groups[g];
    std::vector<std::byte>& file = files[group.begin.file_number];
    for (uint64_t bit = group.begin.offset * 8; bit < group.end * 8; ++bit) {
      file[bit / 8] ^= std::byte{1} << (bit % 8);
      const bool is_refused =
          Check(log, Recover(log.state, files), Expected(log, g, g + 1));
      ASSERT_FALSE(HasFailure()) << "group " << g << ", bit " << bit;
      is_refused ? ++refused : ++torn;
      file[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
  EXPECT_GT(refused, 10000u);
  EXPECT_GT(torn, 5000u);
}

TEST(LogRecoveryTest, EveryFlippedBitOfAHeaderPageIsRefused) {
  const TestLog log = SomeLog();
  Files files = log.files;
  for (auto& [number, file] : files) {
    for (uint64_t bit = 0; bit < kPageBytes * 8; bit += bit < 800 ? 1 : 61) {
      file[bit / 8] ^= std::byte{1} << (bit % 8);
      const Outcome outcome = Recover(log.state, files);
      EXPECT_TRUE(absl::IsDataLoss(outcome.plan.status()) ||
                  absl::IsFailedPrecondition(outcome.plan.status()))
          << outcome.plan.status();
      file[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
}

TEST(LogRecoveryTest, EveryTruncationIsRefusedOrEndsTheLog) {
  const TestLog log = SomeLog();
  size_t refused = 0;
  for (const auto& item : log.files) {
    const uint64_t number = item.first;
    const std::vector<std::byte>& file = item.second;
    Files files = log.files;
    for (size_t size = 0; size < file.size(); ++size) {
      files[number].assign(file.begin(), file.begin() + size);
      const Outcome outcome = Recover(log.state, files);
      if (size < kPageBytes) {
        ASSERT_THAT(outcome.plan, StatusIs(absl::StatusCode::kDataLoss));
        continue;
      }
      const auto is_cut = [&](const TestLog::Group& group) {
        return group.begin.file_number == number && group.end > size;
      };
      const auto is_behind = [&](const TestLog::Group& group) {
        return group.begin.file_number > number;
      };
      const auto begin = log.groups.begin();
      const size_t bad = std::find_if(begin, log.groups.end(), is_cut) - begin;
      const size_t intact =
          std::find_if(begin, log.groups.end(), is_behind) - begin;
      refused += Check(log, outcome, Expected(log, bad, intact));
      ASSERT_FALSE(HasFailure()) << "segment " << number << " cut to " << size;
    }
  }
  EXPECT_GT(refused, 1000u);
}

TEST(LogRecoveryTest, ZerosFromAnyPlaceOnAreRefusedOrEndTheLog) {
  const TestLog log = SomeLog();
  for (const auto& item : log.files) {
    const uint64_t number = item.first;
    const std::vector<std::byte>& file = item.second;
    for (size_t from = kPageBytes; from < file.size(); from += 8) {
      Files files = log.files;
      std::fill(files[number].begin() + from, files[number].end(),
                std::byte{0});
      const auto begin = log.groups.begin();
      const size_t bad =
          std::find_if(begin, log.groups.end(),
                       [&](const TestLog::Group& group) {
                         return group.begin.file_number == number &&
                                group.end > from;
                       }) -
          begin;
      size_t intact = bad;
      while (intact < log.groups.size() &&
             log.groups[intact].begin.file_number == number) {
        ++intact;
      }
      Check(log, Recover(log.state, files), Expected(log, bad, intact));
      ASSERT_FALSE(HasFailure()) << "segment " << number << " from " << from;
    }
  }
}

TEST(LogRecoveryTest, ZerosBehindTheEndAreNoLoss) {
  const TestLog log = SomeLog();
  Files files = log.files;
  files.rbegin()->second.resize(files.rbegin()->second.size() + 5000);
  const Outcome outcome = Recover(log.state, files);
  EXPECT_FALSE(Check(log, outcome, log.groups.size()));
  EXPECT_THAT(outcome.plan->torn, IsOk());
  EXPECT_EQ(outcome.plan->segments.back().dropped_bytes, 0u);
}

TEST(LogRecoveryTest, TornEndIsReportedWithItsPlaceAndBytes) {
  TestLog log = SomeLog();
  const TestLog::Group& last = log.groups.back();
  Files files = log.files;
  files.rbegin()->second.resize(last.end - 9);
  files.rbegin()->second.back() = std::byte{1};
  const Outcome outcome = Recover(log.state, files);
  EXPECT_FALSE(Check(log, outcome, log.groups.size() - 1));
  EXPECT_THAT(outcome.plan->torn,
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("/db/000003.seg"),
                             HasSubstr(std::to_string(last.begin.offset)))));
  EXPECT_EQ(outcome.plan->segments.back().dropped_bytes,
            last.end - 9 - last.begin.offset);
}

// --- What decides between torn and damaged
// ------------------------------------

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

TEST(LogRecoveryTest, EvidenceIsFoundInGroupsWhoseRecordsAreDamaged) {
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

TEST(LogRecoveryTest,
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

TEST(LogRecoveryTest,
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

TEST(LogRecoveryTest, CrashKeepsAllThatIsDurableAndNeverRefuses) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  size_t torn = 0;
  for (int round = 0; round < 3000; ++round) {
    TestLog log;
    log.StartSegment();
    const size_t steps = 1 + random() % 12;
    for (size_t i = 0; i < steps; ++i) {
      const uint64_t what = random() % 10;
      if (what == 0) {
        log.StartSegment();
      } else if (what <= 2) {
        log.Sync();
      } else {
        std::vector<size_t> sizes(random() % 4);
        for (size_t& size : sizes) {
          size = random() % (random() % 3 == 0 ? 5000 : 300);
        }
        log.Append(sizes);
      }
    }
    // Of what wasn't synced, any sectors reached the disk and any size of file.
    Files files = log.files;
    const LogPosition durable = log.durable();
    for (auto& [number, file] : files) {
      uint64_t safe = kPageBytes;
      if (number < durable.file_number) continue;
      if (number == durable.file_number) safe = durable.offset;
      for (uint64_t at = safe; at < file.size(); at = (at / 512 + 1) * 512) {
        const uint64_t end =
            std::min<uint64_t>((at / 512 + 1) * 512, file.size());
        if (random() % 3 == 0) {
          std::fill(file.begin() + at, file.begin() + end, std::byte{0});
        }
      }
      if (random() % 3 == 0) {
        file.resize(safe + random() % (file.size() - safe + 1));
      }
    }
    const Outcome outcome = Recover(log.state, files);
    ASSERT_THAT(outcome.plan, IsOk()) << "round " << round;
    const std::vector<Entry> written = log.EntriesOf(log.groups.size());
    size_t promised = 0;
    for (const TestLog::Group& group : log.groups) {
      if (group.begin < durable) promised += group.entries.size();
    }
    ASSERT_GE(outcome.visited.size(), promised);
    ASSERT_LE(outcome.visited.size(), written.size());
    ASSERT_TRUE(std::equal(outcome.visited.begin(), outcome.visited.end(),
                           written.begin()));
    torn += outcome.visited.size() < written.size();
  }
  EXPECT_GT(torn, 300u);
}

TEST(LogRecoveryTest, RemainsOfAFailedWriteBehindAnEndedSegmentDontCount) {
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

TEST(LogRecoveryTest,
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

// --- Files that aren't what the manifest says
// -----------------------------------

TEST(LogRecoveryTest, MissingSegmentIsRefused) {
  const TestLog log = SomeLog();
  for (const auto& [number, file] : log.files) {
    Files files = log.files;
    files.erase(number);
    EXPECT_THAT(
        Recover(log.state, files).plan,
        StatusIs(absl::StatusCode::kDataLoss,
                 AllOf(HasSubstr(FilePath("/db", FileType::kSegment, number)),
                       HasSubstr("missing"))));
  }
}

TEST(LogRecoveryTest, SwappedSegmentsAreRefused) {
  const TestLog log = SomeLog();
  Files files = log.files;
  std::swap(files[1], files[2]);
  EXPECT_THAT(Recover(log.state, files).plan,
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("not the segment that the manifest means")));
}

TEST(LogRecoveryTest, EachFieldOfTheHeaderIsCompared) {
  TestLog log;
  log.StartSegment();
  log.StartSegment();
  const SegmentState segment = log.state.segments.at(2);
  const FileHeader good = {.type = FileType::kSegment,
                           .origin = segment.origin,
                           .file_id = segment.id,
                           .file_number = segment.number,
                           .previous_id = segment.previous_id,
                           .previous_number = segment.previous_number,
                           .first_sequence = segment.first_sequence,
                           .database_id = log.state.database_id};
  const auto recover = [&](const FileHeader& header) {
    Files files = log.files;
    EncodeFileHeader(header, files[2].data());
    return Recover(log.state, files).plan;
  };
  EXPECT_THAT(recover(good), IsOk());
  std::vector<FileHeader> wrong(7, good);
  wrong[0].origin = SegmentOrigin::kRewrite;
  ++wrong[1].file_id;
  ++wrong[2].file_number;
  ++wrong[3].previous_id;
  ++wrong[4].previous_number;
  ++wrong[5].first_sequence;
  wrong[6].database_id[3] = std::byte{1};
  for (const FileHeader& header : wrong) {
    EXPECT_THAT(recover(header), StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(LogRecoveryTest, BlankHeaderPageOfANamedSegmentIsRefused) {
  TestLog log;
  log.StartSegment();
  Files files = log.files;
  std::fill(files[1].begin(), files[1].end(), std::byte{0});
  EXPECT_THAT(Recover(log.state, files).plan,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("blank")));
}

TEST(LogRecoveryTest, ErrorOfTheDeviceIsNeverTheEnd) {
  const TestLog log = SomeLog();
  const auto plan = RecoverLog(
      log.state, "/db",
      [&](const SegmentState&) -> absl::StatusOr<std::span<const std::byte>> {
        return absl::UnavailableError("pread /db/1.seg: EIO");
      },
      [&](const SegmentState&, const LogRecord&) { return absl::OkStatus(); });
  EXPECT_THAT(plan, StatusIs(absl::StatusCode::kUnavailable));
}

TEST(LogRecoveryTest, FailureOfTheVisitorEndsTheRecovery) {
  const TestLog log = SomeLog();
  size_t visits = 0;
  const auto plan = RecoverLog(
      log.state, "/db",
      [&](const SegmentState& segment) {
        return absl::StatusOr<std::span<const std::byte>>(
            log.files.at(segment.number));
      },
      [&](const SegmentState&, const LogRecord&) -> absl::Status {
        ++visits;
        return absl::ResourceExhaustedError("memory");
      });
  EXPECT_THAT(plan, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(visits, 1u);
}

TEST(LogRecoveryTest, SequenceNumbersThatDontAscendAreRefused) {
  for (const uint64_t second : {uint64_t{5}, uint64_t{4}, uint64_t{1}}) {
    TestLog log;
    log.StartSegment();
    log.AppendEntries({{5, RecordKind::kPut, "a", ""}});
    log.AppendEntries({{second, RecordKind::kPut, "b", ""}});
    EXPECT_THAT(Recover(log.state, log.files).plan,
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("sequence numbers do not ascend")));
  }
}

TEST(LogRecoveryTest, EditsDontBelongIntoSegments) {
  TestLog log;
  log.StartSegment();
  log.AppendEntries({{0, RecordKind::kEdit, "a", ""}});
  EXPECT_THAT(Recover(log.state, log.files).plan,
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("not a record of a segment")));
}

// --- Sealed segments
// ------------------------------------------------------------

TEST(LogRecoveryTest, SealedSegmentsInNoRunAreReplayedFirst) {
  TestLog log = SomeLog();
  log.SealOldest();
  const Outcome outcome = Recover(log.state, log.files);
  EXPECT_FALSE(Check(log, outcome, log.groups.size()));
  log.SealOldest();
  log.SealOldest();
  EXPECT_FALSE(Check(log, Recover(log.state, log.files), log.groups.size()));
}

TEST(LogRecoveryTest, SegmentsInRunsAreNotLoaded) {
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

TEST(LogRecoveryTest, EveryFlippedBitAndTruncationOfASealedSegmentIsRefused) {
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

TEST(LogRecoveryTest, BytesBehindTheEndOfASealedSegmentDontCount) {
  TestLog log;
  log.StartSegment();
  log.Append({10});
  log.SealOldest();
  Files files = log.files;
  files[1].resize(files[1].size() + 77, std::byte{0xee});
  EXPECT_FALSE(Check(log, Recover(log.state, files), 1));
}

TEST(LogRecoveryTest, SealedSegmentWithAWholeGroupMoreOrLessIsRefused) {
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

// --- Segments that nothing names
// ------------------------------------------------

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
