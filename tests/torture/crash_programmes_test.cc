// A short part of the crash programmes, the same each time.

#include "tests/torture/crash_programmes.h"

#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/torture/programme.h"

namespace quire::torture {
namespace {

using ::testing::IsEmpty;

Outcome RunSeeds(const Programme& programme, uint64_t first, uint64_t step,
                 uint64_t count) {
  Outcome outcome;
  for (uint64_t i = 0; i < count; ++i) {
    programme.run(first + i * step, outcome);
  }
  for (const auto& [name, number] : outcome.counts) {
    ::testing::Test::RecordProperty(name, static_cast<int>(number));
  }
  return outcome;
}

TEST(CrashProgrammesTest, Sequences) {
  const Programme programme = CrashSequences();
  const Outcome outcome = RunSeeds(programme, 3, programme.seed_count / 14, 14);
  EXPECT_THAT(outcome.failures, IsEmpty());
  EXPECT_GT(outcome.counts.at("crash states"), 500u);
}

// Batch, compact: a merge's segment without its header page is no lost log.
TEST(CrashProgrammesTest, CrashInTheMidstOfAMerge) {
  EXPECT_THAT(RunSeeds(CrashSequences(), 102, 1, 1).failures, IsEmpty());
}

TEST(CrashProgrammesTest, Lives) {
  const Outcome outcome = RunSeeds(CrashLives(), 0, 1, 4);
  EXPECT_THAT(outcome.failures, IsEmpty());
  EXPECT_GT(outcome.counts.at("crash states"), 200u);
}

TEST(CrashProgrammesTest, Recoveries) {
  const Outcome outcome = RunSeeds(CrashRecoveries(), 0, 1, 3);
  EXPECT_THAT(outcome.failures, IsEmpty());
  EXPECT_GT(outcome.counts.at("crashes during recovery"), 100u);
  EXPECT_GT(outcome.counts.at("faults during recovery"), 100u);
}

}  // namespace
}  // namespace quire::torture
