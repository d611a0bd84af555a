#include "kv/write_batch.h"

#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/seed.h"

namespace quire {
namespace {

using Operation = WriteBatch::Operation;
using Operations = std::vector<std::tuple<Operation, std::string, std::string>>;

Operations OperationsOf(const WriteBatch& batch) {
  Operations operations;
  batch.ForEach(
      [&](Operation operation, std::string_view key, std::string_view value) {
        operations.emplace_back(operation, key, value);
      });
  return operations;
}

TEST(WriteBatchTest, IsEmptyAtFirst) {
  const WriteBatch batch;
  EXPECT_TRUE(batch.Empty());
  EXPECT_EQ(batch.Count(), 0);
  EXPECT_EQ(batch.ByteSize(), 0);
  EXPECT_EQ(batch.LargestKey(), 0);
  EXPECT_EQ(batch.LargestValue(), 0);
  EXPECT_EQ(OperationsOf(batch), Operations());
}

TEST(WriteBatchTest, GivesOperationsInTheOrderOfTheCalls) {
  WriteBatch batch;
  batch.Put("b", "1");
  batch.Delete("b");
  batch.Put("a", "");
  batch.Put("", std::string("\0\xff", 2));
  batch.Delete("");
  EXPECT_EQ(batch.Count(), 5);
  EXPECT_EQ(OperationsOf(batch),
            (Operations{{Operation::kPut, "b", "1"},
                        {Operation::kDelete, "b", ""},
                        {Operation::kPut, "a", ""},
                        {Operation::kPut, "", std::string("\0\xff", 2)},
                        {Operation::kDelete, "", ""}}));
}

TEST(WriteBatchTest, KnowsItsLargestKeyAndValueBeyondTheLimits) {
  WriteBatch batch;
  batch.Put(std::string(70000, 'k'), "v");
  batch.Put("k", std::string(100000, 'v'));
  batch.Delete("key");
  EXPECT_EQ(batch.LargestKey(), 70000);
  EXPECT_EQ(batch.LargestValue(), 100000);
  EXPECT_GE(batch.ByteSize(), 170000);
}

TEST(WriteBatchTest, ClearedItIsAsNew) {
  WriteBatch batch;
  batch.Put("key", "value");
  batch.Clear();
  EXPECT_TRUE(batch.Empty());
  EXPECT_EQ(batch.LargestKey(), 0);
  EXPECT_EQ(batch.LargestValue(), 0);
  batch.Delete("other");
  EXPECT_EQ(OperationsOf(batch),
            (Operations{{Operation::kDelete, "other", ""}}));
}

TEST(WriteBatchTest, AppendsAnotherBatchAndItself) {
  WriteBatch first;
  first.Put("a", "1");
  WriteBatch second;
  second.Put("long key", "long value");
  second.Delete("a");
  first.Append(second);
  EXPECT_EQ(first.LargestKey(), 8);
  EXPECT_EQ(first.LargestValue(), 10);
  const Operations once = {{Operation::kPut, "a", "1"},
                           {Operation::kPut, "long key", "long value"},
                           {Operation::kDelete, "a", ""}};
  EXPECT_EQ(OperationsOf(first), once);
  first.Append(first);
  Operations twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_EQ(first.Count(), 6);
  EXPECT_EQ(OperationsOf(first), twice);
}

TEST(WriteBatchTest, GivesBackRandomOperations) {
  const uint64_t seed = testing::TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  WriteBatch batch;
  Operations expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string key(random() % 40, static_cast<char>(random()));
    const std::string value(random() % 300, static_cast<char>(random()));
    if (random() % 3 == 0) {
      batch.Delete(key);
      expected.emplace_back(Operation::kDelete, key, "");
    } else {
      batch.Put(key, value);
      expected.emplace_back(Operation::kPut, key, value);
    }
  }
  EXPECT_EQ(OperationsOf(batch), expected);
}

}  // namespace
}  // namespace quire
