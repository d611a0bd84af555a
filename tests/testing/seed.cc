#include "tests/testing/seed.h"

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <string>

#include "gtest/gtest.h"

namespace quire::testing {
namespace {

constexpr uint64_t kFixedSeed = 20220623;

// The number in the environment variable `name`; `standard` if there is none.
uint64_t NumberFromEnvironment(const char* name, uint64_t standard) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return standard;
  char* end = nullptr;
  errno = 0;
  const uint64_t number = std::strtoull(text, &end, 0);
  if (end == text || *end != '\0' || errno != 0) {
    ADD_FAILURE() << name << " is not a number: " << text;
    return standard;
  }
  return number;
}

}  // namespace

uint64_t TestSeed() {
  const uint64_t seed = NumberFromEnvironment("QUIRE_TEST_SEED", kFixedSeed);
  std::cout << "QUIRE_TEST_SEED=" << seed << std::endl;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

uint64_t TestRuns(uint64_t standard) {
  const uint64_t runs = NumberFromEnvironment("QUIRE_TEST_RUNS", standard);
  if (runs > 0) return runs;
  ADD_FAILURE() << "QUIRE_TEST_RUNS is 0";
  return standard;
}

}  // namespace quire::testing
