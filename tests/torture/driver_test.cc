#include "tests/torture/driver.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/torture/ledger.h"
#include "tests/torture/programme.h"

namespace quire::torture {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Clock = std::chrono::steady_clock;

RunResult RunAll(const Programme& programme, const SeedSet& done = {}) {
  return RunProgramme(programme, done, Clock::now() + std::chrono::minutes(5),
                      /*jobs=*/2);
}

TEST(DriverTest, RunsEverySeedThatIsLeftOnce) {
  Programme programme;
  programme.seed_count = 100;
  programme.run = [](uint64_t seed, Outcome& outcome) {
    outcome.counts["seeds"] += 1;
    outcome.counts["sum"] += seed;
  };
  SeedSet done;
  done.Add(0, 10);
  done.Add(50, 60);
  const RunResult result = RunAll(programme, done);
  EXPECT_THAT(result.seeds.ranges(), ElementsAre(Pair(10, 50), Pair(60, 100)));
  EXPECT_EQ(result.outcome.counts.at("seeds"), 80u);
  EXPECT_EQ(result.outcome.counts.at("sum"), 4950u - 45 - 545);
  EXPECT_THAT(result.outcome.failures, IsEmpty());
}

TEST(DriverTest, DeathAndHangOfASeedAreItsFailures) {
  Programme programme;
  programme.name = "deadly";
  programme.seed_count = 20;
  programme.seconds_max = 5;
  programme.run = [](uint64_t seed, Outcome& outcome) {
    if (seed == 7) std::abort();
    if (seed == 9) pause();
    outcome.counts["seeds"] += 1;
    if (seed == 11) outcome.failures.push_back("seed 11: \xff");
  };
  const RunResult result = RunAll(programme);
  EXPECT_EQ(result.seeds.size(), 20u);
  EXPECT_EQ(result.outcome.counts.at("seeds"), 18u);
  EXPECT_THAT(
      result.outcome.failures,
      UnorderedElementsAre(
          AllOf(HasSubstr("--programme=deadly --seeds=7"), HasSubstr("Abort")),
          AllOf(HasSubstr("--programme=deadly --seeds=9"), HasSubstr("hung")),
          HasSubstr("seed 11")));
}

TEST(DriverTest, StopsAtTheDeadline) {
  Programme programme;
  programme.run = [](uint64_t, Outcome&) { usleep(1000); };
  const RunResult result =
      RunProgramme(programme, {}, Clock::now() + std::chrono::seconds(1), 2);
  EXPECT_GT(result.seeds.size(), 0u);
}

TEST(DriverTest, SkippedProgrammeHasRunNothing) {
  Programme programme;
  programme.run = [](uint64_t, Outcome& outcome) {
    outcome.skipped = "needs root";
  };
  const RunResult result = RunAll(programme);
  EXPECT_EQ(result.seeds.size(), 0u);
  EXPECT_EQ(result.outcome.skipped, "needs root");
}

}  // namespace
}  // namespace quire::torture
