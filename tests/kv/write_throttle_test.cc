#include "kv/internal/write_throttle.h"

#include <atomic>
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
  EXPECT_THAT(throttle.Describe(), StartsWith("stopped: 32 runs"));
  throttle.Update({.run_count = 2, .backlog = WriteThrottle::kSlowBacklog},
                  absl::OkStatus());
  EXPECT_EQ(throttle.Describe(), "free");
  throttle.Update({.run_count = 2, .backlog = 0.3}, absl::OkStatus());
  EXPECT_EQ(throttle.Describe(),
            "slowed to 69206016 bytes/s: 2 runs, 30 % of the oldest to be "
            "merged");
  throttle.Update({.run_count = 2, .backlog = WriteThrottle::kMostBacklog},
                  absl::OkStatus());
  EXPECT_THAT(throttle.Describe(), StartsWith("stopped: 2 runs, 40 %"));
}

TEST(WriteThrottleTest, WritersWaitUntilThereAreFewerRuns) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kMost}, absl::OkStatus());
  std::atomic<bool> lowered{false};
  std::thread writer([&] {
    EXPECT_OK(throttle.Admit(1));
    EXPECT_TRUE(lowered.load());
  });
  lowered.store(true);
  throttle.Update({.run_count = 2}, absl::OkStatus());
  writer.join();
}

TEST(WriteThrottleTest, ASlowedWriterGoesOnAsSoonAsItMay) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kSlow + 1}, absl::OkStatus());
  // At the rate of now it would sleep for a day.
  std::thread writer([&] { EXPECT_OK(throttle.Admit(uint64_t{1} << 43)); });
  throttle.Update({.run_count = 2}, absl::OkStatus());
  writer.join();
}

TEST(WriteThrottleTest, AWriterIsToldThatThereIsNoSpaceToMerge) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kMost},
                  absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(throttle.Admit(1), StatusIs(absl::StatusCode::kResourceExhausted,
                                          HasSubstr("disk full")));
  // Below the limit it is only slowed.
  throttle.Update({.run_count = kSlow + 1},
                  absl::ResourceExhaustedError("disk full"));
  EXPECT_OK(throttle.Admit(1));
}

TEST(WriteThrottleTest, WritersDoNotWaitForMergesThatNeverCome) {
  WriteThrottle throttle;
  throttle.Update({.run_count = kMost + 5},
                  absl::DataLossError("a table is damaged"));
  EXPECT_FALSE(throttle.engaged());
  EXPECT_OK(throttle.Admit(uint64_t{1} << 40));
}

}  // namespace
}  // namespace quire::kv_internal
