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

// Runs one seed; the number of faults under the mode.
uint64_t RunSeed(uint64_t seed, const std::string& mode) {
  Outcome outcome;
  NthOperations().run(seed, outcome);
  EXPECT_THAT(outcome.failures, IsEmpty());
  const uint64_t faults = outcome.counts["faults, " + mode];
  ::testing::Test::RecordProperty("faults", static_cast<int>(faults));
  return faults;
}

// Among them the sync of a directory behind the rename of CURRENT: the files of
// the state before stay until that is durable in another way.
TEST(FaultProgrammesTest, EveryOperationFailsOnceUnderDirect) {
  EXPECT_GT(RunSeed(35, "direct"), 100u);
}

TEST(FaultProgrammesTest, EveryTransferIsShortUnderPread) {
  EXPECT_GT(RunSeed(12, "pread"), 100u);
}

}  // namespace
}  // namespace quire::torture
