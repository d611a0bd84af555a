// Random operations on a database and on a model of it, which must never
// differ: a seed is one life of a database. QUIRE_TEST_RUNS sets how many
// lives, QUIRE_TEST_SEED the first seed.

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "tests/kv/metamorphic_life.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

TEST(MetamorphicTest, EveryStateReadIsThatOfTheModel) {
  const uint64_t seed = TestSeed();
  const uint64_t runs = TestRuns(12);
  const TempDirectory directory;
  OperationCounts counts;
  for (uint64_t run = 0; run < runs; ++run) {
    // Said beforehand: a life may also end with the process.
    std::cout << "seed " << seed + run << std::endl;
    const std::string path = directory.File(std::to_string(seed + run));
    std::filesystem::create_directory(path);
    Life life(seed + run, path);
    life.Run(counts);
    ASSERT_FALSE(HasFailure())
        << life.History()
        << "\nThis life again: bazel test //tests/kv:metamorphic_test "
           "--test_env=QUIRE_TEST_SEED="
        << seed + run << " --test_env=QUIRE_TEST_RUNS=1";
    std::filesystem::remove_all(path);
  }
  std::cout << runs << " lives:";
  for (const auto& [name, count] : counts) {
    std::cout << " " << count << " x " << name << ",";
  }
  std::cout << " no difference" << std::endl;
}

}  // namespace
}  // namespace quire::testing
