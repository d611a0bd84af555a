#include "benchmarks/dataset.h"

#include <cstdint>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::benchmarks {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

// Cold reads of the first of two rounds once went through the keys in the order
// of the load, since both had the same number of a stream: the log lay before
// them in one piece, and a "random" Get took a twentieth of its time.
TEST(DatasetTest, NoTwoStreamsHaveOneSeed) {
  const Dataset dataset(1, 8, 42);
  std::set<uint64_t> seeds;
  for (const Stream stream : {Stream::kValues, Stream::kLoadOrder,
                              Stream::kHotReads, Stream::kColdReads}) {
    for (uint64_t round = 0; round < 1000; ++round) {
      EXPECT_TRUE(seeds.insert(dataset.Seed(stream, round)).second)
          << "round " << round;
    }
  }
}

TEST(DatasetTest, ChecksEveryByteOfAValue) {
  const Dataset dataset(10, 20, 42);
  std::string value;
  DerivedValues(dataset.Seed(Stream::kValues, 0), 20).Fill(7, &value);
  EXPECT_OK(dataset.Check(7, value));
  value.back() ^= 1;
  EXPECT_THAT(dataset.Check(7, value),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("key 7")));
}

TEST(DatasetTest, SumsDependOnKeysAndValues) {
  EXPECT_EQ(Dataset(100, 8, 1).sums(), Dataset(100, 8, 1).sums());
  EXPECT_NE(Dataset(100, 8, 1).sums().values, Dataset(100, 8, 2).sums().values);
  EXPECT_NE(Dataset(100, 8, 1).sums().keys, Dataset(101, 8, 1).sums().keys);
}

TEST(DatasetTest, NumberOfAKey) {
  KeyBuffer key;
  EXPECT_THAT(Dataset::KeyNumber(key.Set(1234)), IsOkAndHolds(1234u));
  for (const char* const foreign :
       {"", "1234", "000000000000123x", "00000000000001234"}) {
    EXPECT_THAT(Dataset::KeyNumber(foreign),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(std::string("\"") + foreign)));
  }
}

}  // namespace
}  // namespace quire::benchmarks
