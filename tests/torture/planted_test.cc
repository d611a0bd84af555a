// Some of the planted bugs; the torture programme itself has them all.

#include <cstdint>
#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::torture {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The last line that `planted` prints with these flags.
std::string Hunt(const std::string& flags) {
  FILE* const pipe =
      popen(("tests/torture/planted " + flags + " | tail -n 1").c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::string output;
  char buffer[4096];
  for (size_t got; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.append(buffer, got);
  }
  pclose(pipe);
  return output;
}

TEST(PlantedTest, NothingIsSeenWhereNothingIsPlanted) {
  EXPECT_THAT(Hunt("--seconds=2"), StartsWith("- "));
}

TEST(PlantedTest, SkippedSyncsAreSeen) {
  EXPECT_THAT(Hunt("--bug=log_sync_skipped"), HasSubstr("crash_sequences"));
  EXPECT_THAT(Hunt("--bug=directory_sync_skipped"),
              HasSubstr("crash_sequences"));
}

TEST(PlantedTest, BugInsideKvIsSeen) {
  EXPECT_THAT(Hunt("--bug=early_acknowledgement"),
              HasSubstr("crash_sequences"));
}

}  // namespace
}  // namespace quire::torture
