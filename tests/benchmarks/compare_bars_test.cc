#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "benchmarks/compare/bars.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

RowInfo InfoOf(const std::string& id) {
  return {.id = id, .title = id, .peers_of = {}};
}

// Three rounds of a peer, of a limit, and of one of Quire.
Results SomeResults() {
  Results results;
  for (const double noise : {0.9, 1.0, 1.2}) {
    results.Add(InfoOf("s/get"), "own", Side::kQuire, 100 * noise);
    results.Add(InfoOf("s/get"), "peer", Side::kPeer, 300);
    results.Add(InfoOf("s/get"), "slow", Side::kPeer, 900);
    results.Add(InfoOf("s/get"), "floor", Side::kLimit, 80);
    RowInfo state = InfoOf("s/state/get");
    state.peers_of = "s/get";
    results.Add(state, "own", Side::kQuire, 200 * noise);
    RowInfo rate = InfoOf("s/rate");
    rate.more_is_better = true;
    results.Add(rate, "own", Side::kQuire, 900 * noise);
    results.Add(rate, "device", Side::kLimit, 1000);
    results.Add(InfoOf("s/alone"), "own", Side::kQuire, 2 * noise);
  }
  return results;
}

Verdict JudgeBar(const Bar& bar) {
  static const Results& results = *new Results(SomeResults());
  const std::vector<Verdict> verdicts = Judge(results, {&bar, 1});
  EXPECT_THAT(verdicts, SizeIs(1));
  return verdicts[0];
}

Bar BarOf(const char* row, Against against, const char* series, double required,
          bool at_most = false) {
  return {"1", "text", row, "own", against, series, required, at_most};
}

TEST(CompareBarsTest, TheBestPeerIsWhatCounts) {
  const Bar bar = BarOf("s/get", Against::kBestPeer, "", 3);
  const Verdict verdict = JudgeBar(bar);
  EXPECT_THAT(verdict.ratio, Optional(DoubleNear(3, 1e-9)));
  EXPECT_THAT(verdict.low, DoubleNear(2.5, 1e-9));
  EXPECT_THAT(verdict.high, DoubleNear(300 / 90.0, 1e-9));
  EXPECT_EQ(verdict.against, "peer");
  EXPECT_TRUE(verdict.met());
  EXPECT_EQ(verdict.missing(), 0);
}

TEST(CompareBarsTest, WhatIsMissingIsAShareOfWhatIsRequired) {
  const Bar bar = BarOf("s/get", Against::kBestPeer, "", 4);
  const Verdict verdict = JudgeBar(bar);
  EXPECT_FALSE(verdict.met());
  EXPECT_THAT(verdict.missing(), DoubleNear(0.25, 1e-9));
}

TEST(CompareBarsTest, AStateIsHeldAgainstThePeersOfItsRow) {
  const Bar peer = BarOf("s/state/get", Against::kBestPeer, "", 1.4);
  EXPECT_THAT(JudgeBar(peer).ratio, Optional(DoubleNear(1.5, 1e-9)));
  const Bar named = BarOf("s/state/get", Against::kSeries, "slow", 4);
  EXPECT_THAT(JudgeBar(named).ratio, Optional(DoubleNear(4.5, 1e-9)));
}

TEST(CompareBarsTest, AtMostTurnsTheRatio) {
  const Bar met = BarOf("s/get", Against::kSeries, "floor", 1.3, true);
  EXPECT_THAT(JudgeBar(met).ratio, Optional(DoubleNear(1.25, 1e-9)));
  EXPECT_TRUE(JudgeBar(met).met());
  const Bar missed = BarOf("s/get", Against::kSeries, "floor", 1.0, true);
  EXPECT_FALSE(JudgeBar(missed).met());
  EXPECT_THAT(JudgeBar(missed).missing(), DoubleNear(0.25, 1e-9));
}

TEST(CompareBarsTest, MoreMayBeBetter) {
  const Bar met = BarOf("s/rate", Against::kSeries, "device", 0.9);
  EXPECT_THAT(JudgeBar(met).ratio, Optional(DoubleNear(0.9, 1e-9)));
  EXPECT_TRUE(JudgeBar(met).met());
  const Bar missed = BarOf("s/rate", Against::kSeries, "device", 0.95);
  EXPECT_FALSE(JudgeBar(missed).met());
}

TEST(CompareBarsTest, ANumberMayStandAlone) {
  const Bar least = BarOf("s/alone", Against::kNothing, "", 1.9);
  EXPECT_TRUE(JudgeBar(least).met());
  EXPECT_THAT(JudgeBar(least).against, IsEmpty());
  const Bar most = BarOf("s/alone", Against::kNothing, "", 1.9, true);
  EXPECT_FALSE(JudgeBar(most).met());
}

TEST(CompareBarsTest, WhatIsNotThereIsNotMeasured) {
  const std::array bars = {
      BarOf("s/none", Against::kNothing, "", 1),
      BarOf("s/alone", Against::kBestPeer, "", 1),
      BarOf("s/get", Against::kSeries, "none", 1),
  };
  const std::vector<Verdict> verdicts = Judge(SomeResults(), bars);
  ASSERT_THAT(verdicts, SizeIs(bars.size()));
  for (const Verdict& verdict : verdicts) {
    EXPECT_FALSE(verdict.ratio.has_value()) << verdict.bar->row;
    EXPECT_FALSE(verdict.met());
  }
}

TEST(CompareBarsTest, LossesComeFirst) {
  const std::array bars = {
      Bar{"1", "won", "s/get", "own", Against::kBestPeer, "", 2},
      Bar{"2", "nowhere", "s/none", "own", Against::kBestPeer, "", 2},
      Bar{"3", "lost", "s/get", "own", Against::kBestPeer, "", 4},
      Bar{"4", "lost by much", "s/get", "own", Against::kBestPeer, "", 30},
  };
  const std::vector<Verdict> verdicts = Judge(SomeResults(), bars);
  const std::string text = VerdictsToText(verdicts);
  EXPECT_LT(text.find("4. lost by much"), text.find("3. lost "));
  EXPECT_LT(text.find("3. lost "), text.find("1. won"));
  EXPECT_LT(text.find("1. won"), text.find("Not measured"));
  EXPECT_LT(text.find("Not measured"), text.find("2. nowhere"));
  EXPECT_THAT(text, AllOf(HasSubstr("missed by 90 %"), HasSubstr(">= 30"),
                          ContainsRegex("1. won .* 3.00 .* met")));
  const nlohmann::ordered_json json = VerdictsToJson(verdicts);
  EXPECT_EQ(json[0]["met"], true);
  EXPECT_EQ(json[0]["at_least"], 2);
  EXPECT_FALSE(json[1].contains("met"));
  EXPECT_EQ(json[2]["met"], false);
}

TEST(CompareBarsTest, EveryGoalOfTheListHasBars) {
  for (const char* number : {"1", "2", "3", "4", "5", "6"}) {
    EXPECT_TRUE(std::any_of(Bars().begin(), Bars().end(), [&](const Bar& bar) {
      return bar.number == std::string(number);
    })) << number;
  }
}

}  // namespace
}  // namespace quire::benchmarks
