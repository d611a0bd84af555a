// One fault in a small closed database, in every read mode: a right answer or
// an error that names the file. A sample of all that damage.h lists;
// QUIRE_TEST_RUNS=N takes about N times as many images, up to all.

#include "tests/damage/damage_sweep.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/open_provider.h"
#include "tests/testing/memory_directory.h"
#include "tests/testing/seed.h"

namespace quire::testing {
namespace {

using ::testing::IsEmpty;

constexpr DamageKind kKinds[] = {DamageKind::kFlip,      DamageKind::kTruncate,
                                 DamageKind::kExtend,    DamageKind::kZero,
                                 DamageKind::kDuplicate, DamageKind::kSwap,
                                 DamageKind::kStale};

// Images of each kind for each way of opening, unless the kind has fewer.
constexpr uint64_t kSample = 12;

class DamageSweepTest
    : public ::testing::TestWithParam<std::tuple<ReadMode, bool>> {
 protected:
  static void SetUpTestSuite() {
    directory_ = new MemoryDirectory;
    database_ = new SmallDatabase(MakeSmallDatabase(directory_->path()));
  }
  static void TearDownTestSuite() {
    delete database_;
    delete directory_;
  }

  inline static MemoryDirectory* directory_ = nullptr;
  inline static SmallDatabase* database_ = nullptr;
};

TEST_P(DamageSweepTest, AnswersAreRightOrErrorsThatNameTheFile) {
  const auto [mode, for_writing] = GetParam();
  const uint64_t sample = kSample * TestRuns(1);
  const uint64_t seed = TestSeed();
  Answers all;
  for (const DamageKind kind : kKinds) {
    SweepPart part;
    part.kind = kind;
    part.how = {.mode = mode, .for_writing = for_writing};
    const uint64_t size = DamageList(*database_, kind).size();
    // Odd, so that all bits of a byte have their turn.
    part.stride = std::max<uint64_t>(size / sample, 1) | 1;
    part.begin = seed % part.stride;
    for (const bool paged_index : {false, true}) {
      part.how.paged_index = paged_index;
      const SweepResult result = RunSweep(*database_, part, directory_->path());
      SCOPED_TRACE(DamageKindName(kind));
      EXPECT_EQ(result.deaths, 0u);
      EXPECT_EQ(result.answers.bad, 0u);
      EXPECT_THAT(result.failures, IsEmpty());
      EXPECT_GT(result.answers.images, 0u);
      all.Add(result.answers);
    }
  }
  std::cout << all.images << " images, " << all.refused << " refused, "
            << all.failing << " with failing reads; " << all.right
            << " right answers, " << all.errors << " errors" << std::endl;
  EXPECT_GT(all.refused, 0u);
  EXPECT_GT(all.errors, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    AllModes, DamageSweepTest,
    ::testing::Combine(::testing::Values(ReadMode::kPread, ReadMode::kBuffered,
                                         ReadMode::kMmap, ReadMode::kDirect),
                       ::testing::Bool()),
    [](const auto& info) {
      return std::string(io::ReadModeName(std::get<0>(info.param))) +
             (std::get<1>(info.param) ? "_writing" : "");
    });

}  // namespace
}  // namespace quire::testing
