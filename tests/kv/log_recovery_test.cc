#include "kv/internal/log_recovery.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/file_header.h"
#include "tests/kv/test_log.h"
#include "tests/kv/test_recovery.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::AllOf;
using ::testing::HasSubstr;

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

// A batch larger than a memtable goes into a segment of its own, and the one
// before, if it is empty, is named until it has been dropped.
TEST(LogRecoveryTest, EmptySegmentsBehindASealedOneDoNotBreakTheChain) {
  for (const bool synced : {false, true}) {
    TestLog log;
    log.StartSegment();
    log.Append({10, 20});
    log.SealOldest();
    log.StartSegment();
    log.StartSegment();
    log.StartSegment();
    log.Append({100});
    if (synced) log.Sync();
    log.Append({30});
    log.StartSegment();
    log.StartSegment();
    log.Append({40});
    EXPECT_FALSE(Check(log, Recover(log.state, log.files), 4));
  }
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
      EXPECT_TRUE(absl::IsDataLoss(outcome.plan.status()))
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

// Whatever is done to the files, what is visited was written, in that order and
// from the beginning.
TEST(LogRecoveryTest, AnyDamageGivesARefusalOrTheBeginningOfTheLog) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const TestLog log = SomeLog();
  const std::vector<Entry> written = log.EntriesOf(log.groups.size());
  size_t kept = 0;
  for (int round = 0; round < 5000; ++round) {
    Files files = log.files;
    const size_t faults = 1 + random() % 4;
    for (size_t i = 0; i < faults; ++i) {
      std::vector<std::byte>& file = files[1 + random() % files.size()];
      const auto any_part = [&](std::vector<std::byte>& of) {
        const size_t sector = random() % (of.size() / 512) * 512;
        return std::span<std::byte>(of).subspan(sector, 512);
      };
      if (file.size() < 512) continue;
      const std::span<std::byte> part = any_part(file);
      switch (random() % 4) {
        case 0:
          part[random() % 512] ^= std::byte{1} << (random() % 8);
          break;
        case 1:
          std::fill(part.begin(), part.end(), std::byte{0});
          break;
        case 2: {  // another part of the log, in the wrong place
          std::vector<std::byte> other = log.files.at(1 + random() % 3);
          const std::span<std::byte> from = any_part(other);
          std::copy(from.begin(), from.end(), part.begin());
          break;
        }
        case 3:
          file.resize(random() % (file.size() + 1));
          break;
      }
    }
    const Outcome outcome = Recover(log.state, files);
    if (!outcome.plan.ok()) {
      ASSERT_TRUE(absl::IsDataLoss(outcome.plan.status()) ||
                  absl::IsFailedPrecondition(outcome.plan.status()))
          << "round " << round << ": " << outcome.plan.status();
      continue;
    }
    ASSERT_LE(outcome.visited.size(), written.size());
    ASSERT_TRUE(std::equal(outcome.visited.begin(), outcome.visited.end(),
                           written.begin()))
        << "round " << round;
    ++kept;
  }
  EXPECT_GT(kept, 200u);
}

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

}  // namespace
}  // namespace quire::kv_internal
