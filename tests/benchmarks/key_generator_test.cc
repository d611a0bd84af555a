#include "benchmarks/key_generator.h"

#include <set>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

TEST(KeyBufferTest, SixteenDigits) {
  KeyBuffer key;
  EXPECT_EQ(key.Set(0), "0000000000000000");
  EXPECT_EQ(key.Set(42), "0000000000000042");
  EXPECT_EQ(key.Set(KeyBuffer::kNumberEnd - 1), "9999999999999999");
  EXPECT_EQ(key.view(), "9999999999999999");
}

TEST(KeyBufferTest, PrefixOfAs) {
  KeyBuffer key(3);
  EXPECT_EQ(key.Set(7), "aaa0000000000000007");
}

TEST(ValuePoolTest, ValuesHaveTheSizeAndDiffer) {
  ValuePool pool(1, 100);
  const std::string first(pool.Next(100));
  EXPECT_EQ(first.size(), 100u);
  EXPECT_NE(pool.Next(100), first);
  EXPECT_EQ(pool.Next(0), "");
}

TEST(ValuePoolTest, GoesRoundAndHoldsLargeValues) {
  constexpr size_t kBytes = 3 << 20;
  ValuePool pool(1, kBytes);
  const std::string_view first = pool.Next(kBytes);
  EXPECT_EQ(first.size(), kBytes);
  EXPECT_EQ(pool.Next(kBytes), first);
  // Random bytes have nearly all values.
  const std::set<char> bytes(first.begin(), first.end());
  EXPECT_EQ(bytes.size(), 256u);
}

class DerivedValuesTest : public ::testing::TestWithParam<size_t> {};

TEST_P(DerivedValuesTest, MatchesItsOwnValueOnly) {
  const DerivedValues values(5, GetParam());
  std::string value;
  values.Fill(17, &value);
  ASSERT_EQ(value.size(), GetParam());
  EXPECT_TRUE(values.Matches(17, value));
  EXPECT_FALSE(values.Matches(17, value + "x"));
  for (size_t i = 0; i < value.size(); ++i) {
    value[i] ^= 1;
    EXPECT_FALSE(values.Matches(17, value)) << "byte " << i;
    value[i] ^= 1;
  }
  if (GetParam() >= 8) {
    EXPECT_FALSE(values.Matches(18, value));
    EXPECT_FALSE(DerivedValues(6, GetParam()).Matches(17, value));
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, DerivedValuesTest,
                         ::testing::Values(0, 1, 7, 8, 9, 100));

TEST(DerivedValuesTest, FirstWordOfShortValues) {
  EXPECT_EQ(DerivedValues::FirstWord(""), 0u);
  EXPECT_EQ(DerivedValues::FirstWord(std::string_view("\1", 1)), 1u);
  EXPECT_EQ(DerivedValues::FirstWord(std::string_view("\1\0\0\0\0\0\0\0\2", 9)),
            1u);
}

}  // namespace
}  // namespace quire::benchmarks
