// The eviction policy against the bars it was chosen by. Deterministic: seeds
// are fixed and no time is measured.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "benchmarks/cache_policy/policies.h"
#include "benchmarks/cache_policy/trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::SizeIs;

constexpr uint32_t kPages = 10'000;
constexpr uint64_t kReads = 150'000;

Trace OfPages(std::vector<PageAccess> accesses) {
  return {.name = "", .meaning = "", .pages = 10, .accesses = accesses};
}

TEST(CachePolicyTest, LruKeepsWhatWasUsedLast) {
  const HitCount count =
      RunLru(OfPages({{1}, {2}, {1}, {3}, {1}, {2}, {3}}), 2);
  EXPECT_EQ(count.reads, 7u);
  EXPECT_EQ(count.hits, 2u);  // 1 and 1
}

TEST(CachePolicyTest, TheClockPassesByWhatWasUsed) {
  // 0 is used twice, so that 2 takes the frame of 1.
  EXPECT_EQ(RunClock(OfPages({{0}, {0}, {1}, {2}, {0}}), 2).hits, 2u);
  // A scan's page goes first, and its reads don't count.
  const HitCount count = RunClock(OfPages({{0}, {1, true}, {2}, {0}}), 2);
  EXPECT_EQ(count.reads, 3u);
  EXPECT_EQ(count.hits, 1u);
}

TEST(CachePolicyTest, TheOptimumKeepsWhatIsReadNext) {
  EXPECT_EQ(RunOptimum(OfPages({{1}, {2}, {3}, {1}, {2}}), 2).hits, 2u);
  EXPECT_EQ(RunOptimum(OfPages({{1}, {2}, {3}, {3}, {2}, {1}}), 1).hits, 1u);
  // A scan may leave a page that is read later.
  EXPECT_EQ(RunOptimum(OfPages({{1, true}, {1}}), 1).hits, 1u);
}

TEST(CachePolicyTest, TracesStayWithinTheirPages) {
  for (const Trace& trace : MakeTraces(kPages, 1000, 1)) {
    SCOPED_TRACE(trace.name);
    EXPECT_GE(trace.accesses.size(), 1000u);
    EXPECT_THAT(trace.accesses,
                Each(Field(&PageAccess::page, ::testing::Lt(kPages))));
  }
}

// Percent points that Quire may lose to LRU or the clock, on traces where it
// does; none elsewhere. What is hot moves, or all frames but those in limbo
// are worth the same.
double AllowedLoss(const std::string& trace) {
  static const std::map<std::string, double> losses = {
      {"shifting", 1.5}, {"latest", 0.5}, {"uniform", 1.0}};
  const auto it = losses.find(trace);
  return it == losses.end() ? 0 : it->second;
}

TEST(CachePolicyTest, QuireLiesBetweenTheOthersAndTheOptimum) {
  for (const Trace& trace : MakeTraces(kPages, kReads, 301)) {
    for (const uint32_t frames : {kPages / 50, kPages / 20, kPages / 4}) {
      SCOPED_TRACE(trace.name + ", frames: " + std::to_string(frames));
      const double quire = 100 * RunQuire(trace, frames).Ratio();
      const double loss = AllowedLoss(trace.name);
      EXPECT_GE(quire + loss, 100 * RunLru(trace, frames).Ratio());
      EXPECT_GE(quire + loss, 100 * RunClock(trace, frames).Ratio());
      EXPECT_LE(quire, 100 * RunOptimum(trace, frames).Ratio());
    }
  }
}

// Point reads whose hot set fits, beside scans of everything, lose nearly
// nothing by them.
TEST(CachePolicyTest, ScansCostPointReadsLittle) {
  const std::vector<Trace> traces = MakeTraces(kPages, kReads, 301);
  std::map<std::string, const Trace*> by_name;
  for (const Trace& trace : traces) by_name[trace.name] = &trace;
  ASSERT_THAT(by_name, SizeIs(traces.size()));
  for (const uint32_t frames : {kPages / 50, kPages / 20, kPages / 4}) {
    const double alone = RunQuire(*by_name.at("zipf 0.99"), frames).Ratio();
    const double beside = RunQuire(*by_name.at("scanned"), frames).Ratio();
    EXPECT_GE(beside, 0.98 * alone) << frames;
  }
}

}  // namespace
}  // namespace quire::benchmarks
