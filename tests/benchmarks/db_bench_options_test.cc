#include "benchmarks/db_bench_options.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::benchmarks {
namespace {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<DbBenchOptions> Parse(const std::string& words) {
  const std::vector<std::string> list =
      absl::StrSplit(words, ' ', absl::SkipEmpty());
  return ParseDbBenchOptions(list);
}

TEST(DbBenchOptionsTest, Defaults) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const DbBenchOptions options, Parse(""));
  EXPECT_EQ(options.num, 1'000'000u);
  EXPECT_EQ(options.reads, options.num);
  EXPECT_EQ(options.threads, 1u);
  EXPECT_EQ(options.value_size, 100u);
  EXPECT_EQ(options.duration_s, 0);
  EXPECT_TRUE(options.seed_drawn);
  EXPECT_FALSE(options.batch_size.has_value());
  EXPECT_TRUE(options.open.create_if_missing);
  EXPECT_EQ(options.open.provider.read_mode, ReadMode::kMmap);
  EXPECT_EQ(options.open.provider.read_mode_policy, ProviderPolicy::kPrefer);
  EXPECT_THAT(options.notes, IsEmpty());
  EXPECT_EQ(options.benchmarks.front(), "fillseq");
}

TEST(DbBenchOptionsTest, EachRunDrawsItsSeed) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const DbBenchOptions first, Parse(""));
  QUIRE_ASSERT_OK_AND_ASSIGN(const DbBenchOptions second, Parse(""));
  EXPECT_NE(first.seed, second.seed);
}

TEST(DbBenchOptionsTest, LevelDbCommandLine) {
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const DbBenchOptions options,
      Parse("--benchmarks=fillrandom,readrandom, --num=5000 --reads=70 "
            "--threads=4 --value_size=0 --key_prefix=8 --histogram=1 "
            "--use_existing_db=1 --write_buffer_size=4194304 "
            "--cache_size=8388608 --db=/some/where --compression=0 "
            "--comparisons=0 --reuse_logs=0 --read_mode=direct"));
  EXPECT_THAT(options.benchmarks, ElementsAre("fillrandom", "readrandom"));
  EXPECT_EQ(options.num, 5000u);
  EXPECT_EQ(options.reads, 70u);
  EXPECT_EQ(options.threads, 4u);
  EXPECT_EQ(options.value_size, 0u);
  EXPECT_EQ(options.key_prefix, 8u);
  EXPECT_TRUE(options.histogram);
  EXPECT_TRUE(options.use_existing_db);
  EXPECT_FALSE(options.open.create_if_missing);
  EXPECT_EQ(options.open.memtable_bytes, 4194304u);
  EXPECT_EQ(options.open.provider.cache_bytes, 8388608u);
  EXPECT_EQ(options.db, "/some/where");
  EXPECT_THAT(options.notes, IsEmpty());
}

TEST(DbBenchOptionsTest, NegativeMeansDefaultAsInLevelDb) {
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const DbBenchOptions options,
      Parse("--reads=-1 --cache_size=-1 --num=7 --read_mode=buffered"));
  EXPECT_EQ(options.reads, 7u);
  EXPECT_EQ(options.open.provider.cache_bytes, Options().provider.cache_bytes);
}

TEST(DbBenchOptionsTest, OwnFlags) {
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const DbBenchOptions options,
      Parse("--read_mode=buffered --require --io_engine=preadv --duration=0.5 "
            "--seed=42 --batch_size=16 --sync_interval_ms=20 --json=/x.json"));
  EXPECT_EQ(options.open.provider.read_mode, ReadMode::kBuffered);
  EXPECT_EQ(options.open.provider.read_mode_policy, ProviderPolicy::kRequire);
  EXPECT_EQ(options.open.provider.io_engine, IoEngine::kPreadv);
  EXPECT_EQ(options.open.provider.io_engine_policy, ProviderPolicy::kRequire);
  EXPECT_EQ(options.duration_s, 0.5);
  EXPECT_EQ(options.seed, 42u);
  EXPECT_FALSE(options.seed_drawn);
  EXPECT_EQ(options.batch_size, 16u);
  EXPECT_EQ(options.open.sync_interval_ms, 20u);
  EXPECT_EQ(options.json, "/x.json");
}

TEST(DbBenchOptionsTest, FlagsWithoutMeaningAreNoted) {
  for (const std::string flag :
       {"compression_ratio=0.5", "max_file_size=9", "block_size=4096",
        "bloom_bits=-1", "open_files=10"}) {
    QUIRE_ASSERT_OK_AND_ASSIGN(const DbBenchOptions options,
                               Parse("--" + flag));
    const std::string name = flag.substr(0, flag.find('='));
    EXPECT_THAT(options.notes, ElementsAre(HasSubstr("--" + name)));
  }
  QUIRE_ASSERT_OK_AND_ASSIGN(const DbBenchOptions options,
                             Parse("--cache_size=1M --read_mode=pread"));
  EXPECT_THAT(options.notes, ElementsAre(AllOf(HasSubstr("--cache_size"),
                                               HasSubstr("pread"))));
}

struct Mistake {
  const char* words;
  const char* message;
};

class DbBenchMistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(DbBenchMistakeTest, IsNamed) {
  EXPECT_THAT(Parse(GetParam().words),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, DbBenchMistakeTest,
    ::testing::Values(
        Mistake{"--no_such_flag=1", "--no_such_flag"},
        Mistake{"--benchmarks=fillseq,fillsq", "'fillsq'"},
        Mistake{"word", "'word'"}, Mistake{"--num=0", "--num=0"},
        Mistake{"--num=x", "--num"}, Mistake{"--reads=x", "--reads"},
        Mistake{"--threads=0", "--threads=0"},
        Mistake{"--value_size=1073741825", "--value_size"},
        Mistake{"--key_prefix=65520", "--key_prefix"},
        Mistake{"--histogram=2", "--histogram"},
        Mistake{"--compression=1", "--compression=1"},
        Mistake{"--comparisons=1", "--comparisons=1"},
        Mistake{"--reuse_logs=1", "--reuse_logs=1"},
        Mistake{"--bloom_bits=many", "--bloom_bits"},
        Mistake{"--cache_size=much", "--cache_size"},
        Mistake{"--write_buffer_size=1", "memtable_bytes"},
        Mistake{"--read_mode=fast", "--read_mode"},
        Mistake{"--io_engine=aio", "--io_engine"},
        Mistake{"--duration=0", "--duration"},
        Mistake{"--duration=nan", "--duration"}, Mistake{"--seed=-1", "--seed"},
        Mistake{"--sync_interval_ms=5000000000", "--sync_interval_ms"}));

TEST(DbBenchHelpTest, NamesEveryFlagOfLevelDbAndEveryBenchmark) {
  const std::string help = DbBenchHelp();
  for (const char* const flag :
       {"benchmarks", "num", "reads", "threads", "value_size", "key_prefix",
        "compression_ratio", "compression", "histogram", "comparisons",
        "use_existing_db", "reuse_logs", "write_buffer_size", "max_file_size",
        "block_size", "cache_size", "bloom_bits", "open_files", "db"}) {
    EXPECT_THAT(help, HasSubstr("  --" + std::string(flag) + "="));
  }
  for (const char* const name : {"open",
                                 "fillseq",
                                 "fillbatch",
                                 "fillrandom",
                                 "overwrite",
                                 "fillsync",
                                 "fill100K",
                                 "readseq",
                                 "readreverse",
                                 "readrandom",
                                 "readmissing",
                                 "readhot",
                                 "readrandomsmall",
                                 "seekrandom",
                                 "seekordered",
                                 "deleteseq",
                                 "deleterandom",
                                 "readwhilewriting",
                                 "compact",
                                 "crc32c",
                                 "snappycomp",
                                 "snappyuncomp",
                                 "zstdcomp",
                                 "zstduncomp",
                                 "stats",
                                 "sstables",
                                 "heapprofile",
                                 "multireadrandom",
                                 "devicesync",
                                 "xxh3"}) {
    EXPECT_THAT(help, HasSubstr("\n  " + std::string(name) + "\n"));
  }
  EXPECT_THAT(Parse("--help --num=0"), IsOk());
}

}  // namespace
}  // namespace quire::benchmarks
