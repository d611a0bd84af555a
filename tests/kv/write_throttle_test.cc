#include "kv/internal/write_throttle.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr size_t kSlow = WriteThrottle::kSlowRuns;
constexpr size_t kMost = WriteThrottle::kMostRuns;
// From here on writers wait.
constexpr size_t kTooMany = 2 * kMost - kSlow;

constexpr uint64_t kRoom = uint64_t{1} << 26;

// Runs `admit` on a thread of its own and `change` beside it, as soon as that
// thread waits or before.
void Beside(const std::function<void()>& admit,
            const std::function<void()>& change) {
  std::thread writer(admit);
  change();
  writer.join();
}

TEST(WriteThrottleTest, SaysHowItStands) {
  WriteThrottle throttle;
  EXPECT_EQ(throttle.Describe(), "free");
  throttle.Update({.run_count = kSlow}, absl::OkStatus());
  EXPECT_EQ(throttle.Describe(), "free");
  EXPECT_FALSE(throttle.engaged());
  throttle.Update({.run_count = kSlow + 1}, absl::OkStatus());
  EXPECT_EQ(throttle.Describe(),
            "slowed to 126091264 bytes/s: 17 runs, 0 % of the oldest to be "
            "merged");
  EXPECT_TRUE(throttle.engaged());
  throttle.Update({.run_count = kMost}, absl::OkStatus());
  EXPECT_THAT(throttle.Describe(), StartsWith("slowed to the utmost: 32 runs"));
  throttle.Update({.run_count = kTooMany}, absl::OkStatus());
  EXPECT_THAT(throttle.Describe(), StartsWith("stopped: 48 runs"));
  throttle.Update({.run_count = 2, .backlog = WriteThrottle::kSlowBacklog},
                  absl::OkStatus());
  EXPECT_EQ(throttle.Describe(), "free");
  throttle.Update({.run_count = 2, .backlog = 0.3}, absl::OkStatus());
  EXPECT_EQ(throttle.Describe(),
            "slowed to 69206016 bytes/s: 2 runs, 30 % of the oldest to be "
            "merged");
  throttle.Update({.run_count = 2, .backlog = WriteThrottle::kMostBacklog},
                  absl::OkStatus());
  EXPECT_THAT(throttle.Describe(),
              StartsWith("slowed to the utmost: 2 runs, 40 %"));
  throttle.Update({}, absl::OkStatus());
  throttle.UpdateMemtables(WriteThrottle::RunMaking{});
  EXPECT_EQ(throttle.Describe(), "slowed: every memtable waits for its run");
  EXPECT_TRUE(throttle.engaged());
  throttle.UpdateMemtables(std::nullopt);
  EXPECT_EQ(throttle.Describe(), "free");
  EXPECT_FALSE(throttle.engaged());
}

TEST(WriteThrottleTest, WritersWaitUntilThereAreFewerRuns) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kTooMany}, absl::OkStatus());
  std::atomic<bool> lowered{false};
  Beside(
      [&] {
        EXPECT_OK(throttle.Admit(1, kRoom));
        EXPECT_TRUE(lowered.load());
      },
      [&] {
        lowered.store(true);
        throttle.Update({.run_count = 2}, absl::OkStatus());
      });
}

// Returns whatever becomes of the load: nobody lowers it.
TEST(WriteThrottleTest, BelowTheStopEveryWriterGetsItsTurn) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kSlow + 1}, absl::OkStatus());
  EXPECT_OK(throttle.Admit(uint64_t{1} << 20, kRoom));
  throttle.Update({.run_count = kTooMany - 1}, absl::OkStatus());
  EXPECT_OK(throttle.Admit(1, kRoom));
  throttle.Update({}, absl::OkStatus());
  throttle.UpdateMemtables(WriteThrottle::RunMaking{
      .start = WriteThrottle::Clock::now(), .usual = std::chrono::hours(24)});
  EXPECT_OK(throttle.Admit(1, kRoom));
  EXPECT_OK(throttle.Admit(kRoom, kRoom));
}

TEST(WriteThrottleTest, ASlowedWriterGoesOnAsSoonAsItMay) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kSlow + 1}, absl::OkStatus());
  // It would sleep for days.
  Beside([&] { EXPECT_OK(throttle.Admit(uint64_t{1} << 43, kRoom)); },
         [&] { throttle.Update({.run_count = 2}, absl::OkStatus()); });
  throttle.UpdateMemtables(WriteThrottle::RunMaking{
      .start = WriteThrottle::Clock::now(), .usual = std::chrono::hours(24)});
  Beside([&] { EXPECT_OK(throttle.Admit(uint64_t{1} << 43, kRoom)); },
         [&] { throttle.UpdateMemtables(std::nullopt); });
}

TEST(WriteThrottleTest, AWriterIsToldThatThereIsNoSpaceToMerge) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kMost},
                  absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(
      throttle.Admit(1, kRoom),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("disk full")));
  // Below the limit it is only slowed.
  throttle.Update({.run_count = kSlow + 1},
                  absl::ResourceExhaustedError("disk full"));
  EXPECT_OK(throttle.Admit(1, kRoom));
}

TEST(WriteThrottleTest, WritersDoNotWaitForMergesThatNeverCome) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kMost + 5},
                  absl::DataLossError("a table is damaged"));
  EXPECT_FALSE(throttle.engaged());
  EXPECT_OK(throttle.Admit(uint64_t{1} << 40, kRoom));
}

}  // namespace
}  // namespace quire::kv_internal
