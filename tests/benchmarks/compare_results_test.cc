#include <string>

#include "benchmarks/compare/results.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

RowInfo InfoOf(const std::string& id, bool more_is_better = false) {
  return {.id = id,
          .title = "title of " + id,
          .more_is_better = more_is_better,
          .decimals = 0,
          .peers_of = {}};
}

// Three rounds, the middle one of which is `number`.
void AddThree(Results* results, const RowInfo& row, const std::string& name,
              Side side, double number) {
  for (const double sample : {number + 1000, number / 2, number}) {
    results->Add(row, name, side, sample);
  }
}

TEST(CompareResultsTest, RatiosAreOfTheMediansOfTheBestOfEachSide) {
  Results results;
  AddThree(&results, InfoOf("a/get"), "other", Side::kQuire, 700);
  AddThree(&results, InfoOf("a/get"), "own", Side::kQuire, 400);
  AddThree(&results, InfoOf("a/get"), "peer", Side::kPeer, 1000);
  AddThree(&results, InfoOf("a/get"), "slow", Side::kPeer, 9000);
  AddThree(&results, InfoOf("a/get"), "limit", Side::kLimit, 1);
  const std::string text = ResultsToText(results);
  EXPECT_THAT(text, ContainsRegex("other .* own .* peer .* slow .* limit"));
  EXPECT_THAT(text,
              ContainsRegex("title of a/get +\\| +700 \\| +400 \\| +1000 \\| "
                            "+9000 \\| +1 \\| +2.50 x peer"));
  EXPECT_THAT(text, Not(HasSubstr("A peer is better")));
}

TEST(CompareResultsTest, WhatAPeerWinsComesFirst) {
  Results results;
  AddThree(&results, InfoOf("a/won"), "own", Side::kQuire, 100);
  AddThree(&results, InfoOf("a/won"), "peer", Side::kPeer, 400);
  AddThree(&results, InfoOf("a/lost"), "own", Side::kQuire, 400);
  AddThree(&results, InfoOf("a/lost"), "peer", Side::kPeer, 200);
  const std::string text = ResultsToText(results);
  const size_t losses = text.find("A peer is better:");
  const size_t wins = text.find("Quire is better");
  ASSERT_NE(losses, std::string::npos);
  ASSERT_NE(wins, std::string::npos);
  EXPECT_LT(losses, text.find("title of a/lost"));
  EXPECT_LT(text.find("title of a/lost"), wins);
  EXPECT_LT(wins, text.find("title of a/won"));
  EXPECT_THAT(text, HasSubstr("0.50 x peer"));
  EXPECT_THAT(text, HasSubstr("4.00 x peer"));
}

TEST(CompareResultsTest, MoreMayBeBetter) {
  Results results;
  const RowInfo row = InfoOf("a/rate", true);
  AddThree(&results, row, "own", Side::kQuire, 3000);
  AddThree(&results, row, "other", Side::kQuire, 2000);
  AddThree(&results, row, "peer", Side::kPeer, 1000);
  EXPECT_EQ(results.Best("a/rate", Side::kQuire)->name, "own");
  EXPECT_THAT(ResultsToText(results), HasSubstr("3.00 x peer"));
}

TEST(CompareResultsTest, ARowMayHaveThePeersOfAnother) {
  Results results;
  AddThree(&results, InfoOf("a/get"), "peer", Side::kPeer, 1000);
  RowInfo state = InfoOf("a/state/get");
  state.peers_of = "a/get";
  AddThree(&results, state, "own", Side::kQuire, 500);
  EXPECT_EQ(results.Best("a/state/get", Side::kPeer)->name, "peer");
  EXPECT_THAT(ResultsToText(results), HasSubstr("2.00 x peer"));
}

TEST(CompareResultsTest, WithoutAPeerThereIsNoRatio) {
  Results results;
  AddThree(&results, InfoOf("a/get"), "own", Side::kQuire, 500);
  EXPECT_EQ(results.Best("a/get", Side::kPeer), nullptr);
  EXPECT_EQ(results.Best("a/none", Side::kQuire), nullptr);
  EXPECT_THAT(ResultsToText(results), Not(ContainsRegex("[0-9] x ")));
}

TEST(CompareResultsTest, JsonHasEverySample) {
  Results results;
  AddThree(&results, InfoOf("a/b/get"), "own", Side::kQuire, 500);
  const nlohmann::ordered_json json = ResultsToJson(results);
  EXPECT_EQ(json["a"]["b/get"]["title"], "title of a/b/get");
  EXPECT_THAT(json["a"]["b/get"]["samples"]["own"],
              ElementsAre(1500, 250, 500));
}

TEST(CompareResultsTest, CellsArePadded) {
  const std::vector<std::vector<std::string>> lines = {
      {"head", "column"}, {"a title that is longer"}, {"row", "1"}};
  EXPECT_EQ(PaddedTable(lines),
            "| head | column |\n"
            "|------|-------:|\n"
            "| a title that is longer |        |\n"
            "| row  |      1 |\n");
}

}  // namespace
}  // namespace quire::benchmarks
