#include "benchmarks/compare/comparison_table.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Contender kOwn = {"own", false, "own", "", nullptr, nullptr};
constexpr Contender kOther = {"other", false, "own", "", nullptr, nullptr};
constexpr Contender kPeer = {"peer", true, "peer", "", nullptr, nullptr};
constexpr Contender kSlow = {"slow", true, "slow", "", nullptr, nullptr};

// Every workload took `number` in the middle one of three rounds.
ContenderResult ResultOf(const Contender& contender, double number) {
  ContenderResult result = {.contender = &contender, .samples = {}};
  for (auto& samples : result.samples) {
    samples = {number + 1000, 1, number};
  }
  return result;
}

void SetLoad(ContenderResult* result, double number) {
  result->samples[static_cast<size_t>(Workload::kLoad)] = {number};
}

TEST(ComparisonTableTest, RatiosAreOfTheBestOfEachSide) {
  const std::vector<ContenderResult> results = {
      ResultOf(kOther, 700), ResultOf(kOwn, 400), ResultOf(kPeer, 1000),
      ResultOf(kSlow, 9000)};
  const std::string table = ComparisonTable(results);
  EXPECT_THAT(table, ContainsRegex("other +own +peer +slow"));
  EXPECT_THAT(table,
              ContainsRegex("Get, hot, ns +700 +400 +1000 +9000 +2.50 x peer"));
  EXPECT_THAT(table, Not(HasSubstr("A peer is faster")));
}

TEST(ComparisonTableTest, WhatAPeerWinsComesFirst) {
  std::vector<ContenderResult> results = {ResultOf(kOwn, 400),
                                          ResultOf(kPeer, 200)};
  SetLoad(&results[1], 4000);
  SetLoad(&results[0], 1000);
  const std::string table = ComparisonTable(results);
  const size_t lost = table.find("A peer is faster:");
  const size_t won = table.find("Quire is faster:");
  ASSERT_NE(lost, std::string::npos);
  ASSERT_NE(won, std::string::npos);
  EXPECT_LT(lost, table.find("Get, hot"));
  EXPECT_LT(table.find("Get, hot"), won);
  EXPECT_LT(won, table.find("load, random"));
  EXPECT_THAT(table, ContainsRegex("0.50 x peer"));
  EXPECT_THAT(table, ContainsRegex("4.00 x peer"));
}

TEST(ComparisonTableTest, WithoutAPeerThereAreNoRatios) {
  const std::string table = ComparisonTable({{ResultOf(kOwn, 400)}});
  EXPECT_THAT(table, ContainsRegex("Get, hot, ns +400\n"));
}

TEST(SumOfTest, DependsOnEveryByte) {
  for (size_t size = 1; size <= 40; ++size) {
    const std::string value(size, 'v');
    for (size_t i = 0; i < size; ++i) {
      std::string other = value;
      other[i] = 'w';
      EXPECT_NE(SumOf(other), SumOf(value)) << size << " " << i;
    }
    EXPECT_NE(SumOf(value + std::string(1, '\0')), SumOf(value));
  }
}

}  // namespace
}  // namespace quire::benchmarks
