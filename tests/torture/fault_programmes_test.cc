// A short part of the fault programmes, the same each time.

#include "tests/torture/fault_programmes.h"

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/torture/programme.h"

namespace quire::torture {
namespace {

using ::testing::IsEmpty;

// Runs each `stride`th operation of a seed; the number of faults under the
// mode.
uint64_t RunSeed(uint64_t seed, uint64_t stride, const std::string& mode) {
  Outcome outcome;
  RunEveryNth(seed, stride, outcome);
  EXPECT_THAT(outcome.failures, IsEmpty());
  const uint64_t faults = outcome.counts["faults, " + mode];
  ::testing::Test::RecordProperty("faults", static_cast<int>(faults));
  return faults;
}

// Among them the sync of a directory behind the rename of CURRENT: the files of
// the state before stay until that is durable in another way.
TEST(FaultProgrammesTest, EveryOperationFailsOnceUnderDirect) {
  EXPECT_GT(RunSeed(35, 1, "direct"), 100u);
}

TEST(FaultProgrammesTest, EveryTransferIsShortUnderPread) {
  EXPECT_GT(RunSeed(12, 1, "pread"), 100u);
}

TEST(FaultProgrammesTest, TransfersAreShortThroughRecoveryUnderDirect) {
  EXPECT_GT(RunSeed(95, 1, "direct"), 20u);
}

TEST(FaultProgrammesTest, CallsAreInterruptedThroughRecoveryUnderBuffered) {
  EXPECT_GT(RunSeed(89, 4, "buffered"), 50u);
}

TEST(FaultProgrammesTest, SpaceIsMissingUnderPread) {
  EXPECT_GT(RunSeed(36, 2, "pread"), 50u);
}

TEST(FaultProgrammesTest, OperationsFailAndPagesAreMissingUnderMmap) {
  EXPECT_GT(RunSeed(34, 8, "mmap"), 50u);
}

}  // namespace
}  // namespace quire::torture
