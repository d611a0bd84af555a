// A few seeds of every programme of this folder.

#include "tests/torture/media/media_programmes.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/torture/programme.h"

namespace quire::torture {
namespace {

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Programme& programme : MediaProgrammes()) {
    names.push_back(programme.name);
  }
  return names;
}

class MediaProgrammesTest : public ::testing::TestWithParam<std::string> {};

TEST_P(MediaProgrammesTest, KeepsEveryPromise) {
  const std::vector<Programme> all = MediaProgrammes();
  const Programme& programme = *std::find_if(
      all.begin(), all.end(),
      [](const Programme& one) { return one.name == GetParam(); });
  Outcome outcome;
  programme.run(0, outcome);
  if (!outcome.skipped.empty()) GTEST_SKIP() << outcome.skipped;
  for (const std::string& failure : outcome.failures) ADD_FAILURE() << failure;
  for (const auto& [name, bar] : programme.bars) {
    EXPECT_GT(outcome.counts[name], 0u) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, MediaProgrammesTest, ::testing::ValuesIn(Names()),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace quire::torture
