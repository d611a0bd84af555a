#include "tests/testing/seed.h"

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <string>

#include "gtest/gtest.h"

namespace quire::testing {
namespace {

constexpr uint64_t kFixedSeed = 20220623;

uint64_t SeedFromEnvironment() {
  const char* const text = std::getenv("QUIRE_TEST_SEED");
  if (text == nullptr) return kFixedSeed;
  char* end = nullptr;
  errno = 0;
  const uint64_t seed = std::strtoull(text, &end, 0);
  if (end == text || *end != '\0' || errno != 0) {
    ADD_FAILURE() << "QUIRE_TEST_SEED is not a number: " << text;
    return kFixedSeed;
  }
  return seed;
}

}  // namespace

uint64_t TestSeed() {
  const uint64_t seed = SeedFromEnvironment();
  std::cout << "QUIRE_TEST_SEED=" << seed << std::endl;
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

}  // namespace quire::testing
