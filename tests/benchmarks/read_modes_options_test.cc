#include "benchmarks/read_modes_options.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::benchmarks {
namespace {

using ::quire::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<ReadModesOptions> Parse(const std::string& words) {
  const std::vector<std::string> list =
      absl::StrSplit(words, ' ', absl::SkipEmpty());
  return ParseReadModesOptions(list);
}

TEST(ReadModesOptionsTest, DefaultIsAMillionKeysInAllModes) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const ReadModesOptions options, Parse(""));
  EXPECT_EQ(options.num, 1'000'000u);
  EXPECT_EQ(options.value_size, 100u);
  EXPECT_THAT(options.modes, ElementsAre(ReadMode::kPread, ReadMode::kBuffered,
                                         ReadMode::kMmap, ReadMode::kDirect));
  EXPECT_TRUE(options.seed_drawn);
  EXPECT_FALSE(options.db_given);
}

TEST(ReadModesOptionsTest, Flags) {
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const ReadModesOptions options,
      Parse("--num=50 --value_size=1000 --rounds=5 --reads=7 --cold_reads=8 "
            "--multiget_keys=9 --modes=direct,mmap --cache_size=10M --seed=3 "
            "--db=/x --keep --json=/y --require"));
  EXPECT_EQ(options.num, 50u);
  EXPECT_EQ(options.value_size, 1000u);
  EXPECT_EQ(options.rounds, 5u);
  EXPECT_EQ(options.reads, 7u);
  EXPECT_EQ(options.cold_reads, 8u);
  EXPECT_EQ(options.multiget_keys, 9u);
  // A batch is never more than the data.
  EXPECT_EQ(options.load_batch, 50u);
  EXPECT_THAT(options.modes, ElementsAre(ReadMode::kDirect, ReadMode::kMmap));
  EXPECT_EQ(options.open.provider.cache_bytes, 10u << 20);
  EXPECT_EQ(options.seed, 3u);
  EXPECT_EQ(options.db, "/x");
  EXPECT_TRUE(options.db_given);
  EXPECT_TRUE(options.keep);
  EXPECT_EQ(options.json, "/y");
  EXPECT_EQ(options.open.provider.read_mode_policy, ProviderPolicy::kRequire);
}

struct Mistake {
  const char* words;
  const char* message;
};

class ReadModesMistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(ReadModesMistakeTest, IsNamed) {
  EXPECT_THAT(Parse(GetParam().words),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, ReadModesMistakeTest,
    ::testing::Values(
        Mistake{"--no_such_flag=1", "--no_such_flag"},
        Mistake{"word", "'word'"}, Mistake{"--modes=mmap,fast", "'fast'"},
        Mistake{"--modes=", "--modes"}, Mistake{"--num=0", "--num=0"},
        Mistake{"--rounds=0", "--rounds=0"}, Mistake{"--reads=0", "--reads=0"},
        Mistake{"--cold_reads=0", "--cold_reads=0"},
        Mistake{"--multiget_keys=0", "--multiget_keys=0"},
        Mistake{"--batch_size=0", "--batch_size=0"}));

}  // namespace
}  // namespace quire::benchmarks
