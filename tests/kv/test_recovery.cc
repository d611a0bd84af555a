#include "tests/kv/test_recovery.h"

#include <span>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

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
  EXPECT_EQ(outcome.visited, log.EntriesOf(*kept_groups));
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

}  // namespace quire::kv_internal
