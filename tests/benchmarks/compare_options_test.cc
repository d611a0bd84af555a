#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "benchmarks/compare/options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::benchmarks {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::array kContenders = {
    Contender{"one", false, "one", "", nullptr, nullptr},
    Contender{"two words", true, "two", "", nullptr, nullptr},
};

absl::StatusOr<CompareOptions> Parse(std::vector<std::string> words) {
  return ParseCompareOptions(words, kContenders);
}

void ExpectError(const std::string& word, const std::string& part) {
  const absl::StatusOr<CompareOptions> options = Parse({word});
  ASSERT_FALSE(options.ok()) << word;
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(options.status().message()), HasSubstr(part));
}

TEST(CompareOptionsTest, Defaults) {
  const absl::StatusOr<CompareOptions> options = Parse({});
  ASSERT_OK(options);
  EXPECT_EQ(options->rounds, 5);
  EXPECT_EQ(options->data_bytes, uint64_t{576} << 20);
  EXPECT_THAT(options->scenes, IsEmpty());
  EXPECT_THAT(options->contenders, IsEmpty());
  EXPECT_TRUE(options->seed_drawn);
  EXPECT_THAT(options->db, HasSubstr("compare"));
}

TEST(CompareOptionsTest, QuickIsSmallerUnlessASizeWasGiven) {
  const absl::StatusOr<CompareOptions> whole = Parse({});
  const absl::StatusOr<CompareOptions> quick = Parse({"--quick"});
  ASSERT_OK(whole);
  ASSERT_OK(quick);
  EXPECT_LT(quick->data_bytes, whole->data_bytes);
  EXPECT_LT(quick->read_seconds, whole->read_seconds);
  const absl::StatusOr<CompareOptions> sized =
      Parse({"--quick", "--data_size=3M"});
  ASSERT_OK(sized);
  EXPECT_EQ(sized->data_bytes, 3 << 20);
}

TEST(CompareOptionsTest, NamesAreThoseThatExist) {
  const absl::StatusOr<CompareOptions> options =
      Parse({"--contenders=two words,one", "--scenes=hot-1k", "--seed=7"});
  ASSERT_OK(options);
  EXPECT_THAT(options->contenders, ElementsAre("two words", "one"));
  EXPECT_THAT(options->scenes, ElementsAre("hot-1k"));
  EXPECT_EQ(options->seed, 7);
  EXPECT_FALSE(options->seed_drawn);
  EXPECT_TRUE(IsChosen(options->contenders, "one"));
  EXPECT_FALSE(IsChosen(options->scenes, "hot-100"));
  EXPECT_TRUE(IsChosen({}, "anything"));
}

TEST(CompareOptionsTest, MistakesAreNamed) {
  ExpectError("--contenders=one,three", "--contenders: there is no 'three'");
  ExpectError("--scenes=lukewarm", "--scenes: there is no 'lukewarm'");
  ExpectError("--rounds=0", "--rounds");
  ExpectError("--data_size=1", "--data_size");
  ExpectError("--data_size=x", "--data_size");
  ExpectError("--fast", "--fast");
  ExpectError("word", "word");
}

TEST(CompareOptionsTest, HelpHasEveryFlagAndScene) {
  const std::string help = CompareHelp();
  EXPECT_THAT(help, AllOf(HasSubstr("--scenes"), HasSubstr("--quick"),
                          HasSubstr("--rounds"), HasSubstr("hot-100"),
                          HasSubstr("hot-8k")));
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(help, '\n'))) {
    EXPECT_LE(line.size(), 80U) << line;
  }
}

}  // namespace
}  // namespace quire::benchmarks
