// Each request for memory fails in turn, alone or with all after it: nothing is
// wrong, and nothing acknowledged is lost. QUIRE_TEST_RUNS=N takes about N
// times as many places as the sample that is usual, up to all.

#include "tests/memory/out_of_memory.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/open_provider.h"
#include "tests/memory/failing_memory.h"
#include "tests/testing/memory_directory.h"
#include "tests/testing/seed.h"

namespace quire::testing {
namespace {

using ::testing::IsEmpty;

// Places of which one is tried.
constexpr uint64_t kStride = 60;

class OutOfMemoryTest
    : public ::testing::TestWithParam<std::tuple<MemoryStep, ReadMode>> {};

TEST_P(OutOfMemoryTest, NothingIsWrongAndNothingAcknowledgedIsLost) {
  if (!CanFailMemory()) GTEST_SKIP() << "a sanitizer has the memory";
  const MemoryDirectory directory;
  MemoryPart part;
  std::tie(part.step, part.mode) = GetParam();
  part.stride = std::max<uint64_t>(kStride / TestRuns(1), 1);
  part.first = 1 + TestSeed() % part.stride;
  for (const bool sticky : {false, true}) {
    part.sticky = sticky;
    const MemoryOutcomes outcomes = RunOutOfMemory(part, directory.path());
    EXPECT_THAT(outcomes.failures, IsEmpty());
    EXPECT_GT(outcomes.points, 0u);
    std::cout << outcomes.points
              << (sticky ? " places and all after, " : " places, ")
              << outcomes.done << " done, " << outcomes.refused << " refused, "
              << outcomes.thrown << " thrown, " << outcomes.ended
              << " ended the process" << std::endl;
  }
}

std::string NameOf(
    const ::testing::TestParamInfo<std::tuple<MemoryStep, ReadMode>>& info) {
  return std::string(MemoryStepName(std::get<0>(info.param))) + "_" +
         io::ReadModeName(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(
    AllSteps, OutOfMemoryTest,
    ::testing::Combine(::testing::ValuesIn(AllMemorySteps()),
                       ::testing::Values(ReadMode::kMmap, ReadMode::kDirect)),
    NameOf);

}  // namespace
}  // namespace quire::testing
