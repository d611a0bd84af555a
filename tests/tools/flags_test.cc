#include "tools/flags.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::tools {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

enum class Color { kRed, kBlue };

class FlagSetTest : public ::testing::Test {
 protected:
  FlagSetTest() {
    flags_.AddSwitch("loud", "Be loud.", &loud_);
    flags_.AddText("name", "NAME", "Whose.", &name_);
    flags_.AddNumber("count", "N", "How many.", &count_);
    flags_.AddSize("size", "How large.", &size_);
    flags_.AddChoice<Color>("color", "Which color.",
                            {{"red", Color::kRed}, {"blue", Color::kBlue}},
                            &color_);
  }

  absl::StatusOr<std::vector<std::string>> Parse(
      const std::vector<std::string>& words) {
    return flags_.Parse(words);
  }

  FlagSet flags_;
  bool loud_ = false;
  std::optional<std::string> name_;
  uint64_t count_ = 7;
  uint64_t size_ = 0;
  Color color_ = Color::kRed;
};

TEST_F(FlagSetTest, TargetsKeepTheirDefaults) {
  EXPECT_THAT(Parse({}), IsOkAndHolds(IsEmpty()));
  EXPECT_FALSE(loud_);
  EXPECT_EQ(name_, std::nullopt);
  EXPECT_EQ(count_, 7u);
}

TEST_F(FlagSetTest, ReadsValuesBehindEqualsAndAsTheNextWord) {
  EXPECT_THAT(Parse({"--loud", "--name=a=b", "--count", "3", "--size=2K",
                     "--color=blue"}),
              IsOkAndHolds(IsEmpty()));
  EXPECT_TRUE(loud_);
  EXPECT_EQ(name_, "a=b");
  EXPECT_EQ(count_, 3u);
  EXPECT_EQ(size_, 2048u);
  EXPECT_EQ(color_, Color::kBlue);
}

TEST_F(FlagSetTest, GivesArgumentsInTheirOrder) {
  EXPECT_THAT(Parse({"a", "--loud", "-", "b", "", "--", "--name", "-x"}),
              IsOkAndHolds(ElementsAre("a", "-", "b", "", "--name", "-x")));
}

TEST_F(FlagSetTest, TakesAnEmptyValue) {
  EXPECT_THAT(Parse({"--name="}), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(name_, "");
}

TEST_F(FlagSetTest, NamesTheFlagThatIsWrong) {
  const struct {
    std::vector<std::string> words;
    const char* message;
  } cases[] = {
      {{"--nam=x"}, "unknown flag --nam "},
      {{"-loud"}, "unknown flag -loud "},
      {{"-5"}, "unknown flag -5 "},
      {{"--loud=yes"}, "--loud takes no value"},
      {{"--count"}, "--count needs a value"},
      {{"--count="}, "--count: expected a number, not \"\""},
      {{"--count=-1"}, "--count: expected a number, not \"-1\""},
      {{"--count=1x"}, "--count: expected a number"},
      {{"--count=18446744073709551616"}, "--count: expected a number"},
      {{"--size=4KB"}, "--size: expected a number of bytes"},
      {{"--size=M"}, "--size: expected a number of bytes"},
      {{"--color=green"}, "--color: expected one of red|blue"},
  };
  for (const auto& test : cases) {
    EXPECT_THAT(Parse(test.words), StatusIs(absl::StatusCode::kInvalidArgument,
                                            HasSubstr(test.message)));
  }
}

TEST_F(FlagSetTest, HelpListsEveryFlag) {
  EXPECT_EQ(flags_.Help(),
            "  --loud\n      Be loud.\n"
            "  --name=NAME\n      Whose.\n"
            "  --count=N\n      How many.\n"
            "  --size=SIZE\n      How large.\n"
            "  --color=red|blue\n      Which color.\n");
}

TEST(ParseSizeTest, KnowsItsUnits) {
  EXPECT_EQ(ParseSize("0"), 0u);
  EXPECT_EQ(ParseSize("4096"), 4096u);
  EXPECT_EQ(ParseSize("1K"), 1024u);
  EXPECT_EQ(ParseSize("3M"), uint64_t{3} << 20);
  EXPECT_EQ(ParseSize("2G"), uint64_t{2} << 30);
  EXPECT_EQ(ParseSize("1T"), uint64_t{1} << 40);
  EXPECT_EQ(ParseSize("16777215T"), uint64_t{16777215} << 40);
  for (const char* text : {"", "K", "-1", "1k", "1 K", "16777216T", "1.5M"}) {
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
  }
}

TEST(WrapTextTest, BreaksAtSpacesAndKeepsIndentedLines) {
  EXPECT_EQ(WrapText("", 2), "");
  EXPECT_EQ(WrapText("a b\n\nc", 2), "  a b\n\n  c\n");
  EXPECT_EQ(WrapText("  x" + std::string(90, '-'), 2),
            "    x" + std::string(90, '-') + "\n");
  const std::string word(50, 'w');
  EXPECT_EQ(WrapText(word + " " + word, 0), word + "\n" + word + "\n");
  const std::string long_word(100, 'w');
  EXPECT_EQ(WrapText(long_word + " a", 0), long_word + "\na\n");
}

}  // namespace
}  // namespace quire::tools
