// Quire's contenders through a scene, without peers.
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/compare/comparison.h"
#include "benchmarks/compare/memory_floor.h"
#include "benchmarks/compare/quire_engine.h"
#include "benchmarks/compare/read_loops.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::benchmarks {
namespace {

using ::testing::Each;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::SizeIs;

CompareOptions TinyOptions(const std::string& directory) {
  CompareOptions options;
  options.data_bytes = 1 << 20;
  options.rounds = 2;
  options.read_seconds = 0.002;
  options.seed = 5;
  options.db = directory;
  return options;
}

TEST(CompareHotTest, EveryRowHasASampleForEachRound) {
  const testing::TempDirectory directory;
  CompareOptions options = TinyOptions(directory.path());
  options.scenes = {"hot-1k"};
  const absl::StatusOr<Results> results = RunScenes(options, QuireContenders());
  ASSERT_OK(results);
  for (const char* id :
       {"get", "absent", "multiget", "scan-forward", "scan-reverse",
        "scaling/uniform", "scaling/page-copy", "scaling/key"}) {
    const Row* const row = results->Find(std::string("hot-1k/") + id);
    ASSERT_NE(row, nullptr) << id;
    for (const Contender& contender : QuireContenders()) {
      const Series* const series = row->Find(contender.name);
      ASSERT_NE(series, nullptr) << id << " " << contender.name;
      EXPECT_THAT(series->samples, SizeIs(options.rounds));
      EXPECT_THAT(series->samples, Each(Gt(0)));
    }
  }
  EXPECT_NE(results->Find("hot-1k/get")->Find("memory floor"), nullptr);
  for (const char* id :
       {"memtable/get", "four-runs/absent", "four-runs-memtable/multiget"}) {
    const Row* const row = results->Find(std::string("hot-1k/") + id);
    ASSERT_NE(row, nullptr) << id;
    EXPECT_THAT(row->series, SizeIs(2)) << id;
  }
  EXPECT_THAT(results->Find("hot-1k/loaded/scan-forward")->series, SizeIs(4));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(CompareHotTest, FillsAndSustainedWritesAreMeasured) {
  const testing::TempDirectory directory;
  CompareOptions options = TinyOptions(directory.path());
  options.scenes = {"writes"};
  options.sustained_seconds = 1;
  const absl::StatusOr<Results> results = RunScenes(options, QuireContenders());
  ASSERT_OK(results);
  for (const char* id : {"fillrandom", "fillseq", "fillrandom-single",
                         "fillseq-single", "fillsync"}) {
    const Row* const row = results->Find(std::string("writes/") + id);
    ASSERT_NE(row, nullptr) << id;
    // One for all modes: they differ in reading only.
    const Series* const series = row->Find("quire");
    ASSERT_NE(series, nullptr) << id;
    EXPECT_THAT(series->samples, SizeIs(options.rounds));
    EXPECT_THAT(series->samples, Each(Gt(0)));
  }
  EXPECT_GT(results->Find("writes/longest-call")->Find("quire")->Median(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// A reader of four keys, one of which may be missing or wrong.
class FourKeys : public Reader {
 public:
  FourKeys(const KeySpace& keys, std::string missing, std::string wrong)
      : keys_(keys), missing_(std::move(missing)), wrong_(std::move(wrong)) {}

  bool Get(std::string_view key, uint64_t* sum) override {
    const std::string text(key);
    if (key == missing_ || key.back() == 'x') return false;
    std::string scratch;
    *sum =
        keys_.SumOfValue(std::stoull(text), &scratch) + (key == wrong_ ? 1 : 0);
    return true;
  }
  absl::StatusOr<ScanSums> Scan(ScanOrder) override {
    ScanSums sums = keys_.SumsOfAll();
    if (!wrong_.empty()) ++sums.values;
    return sums;
  }

 private:
  const KeySpace& keys_;
  const std::string missing_;
  const std::string wrong_;
};

TEST(CompareHotTest, WrongAndMissingValuesAreErrors) {
  const KeySpace keys(4, 100, 1);
  const std::string third(KeyBuffer().Set(2));
  FourKeys good(keys, "", "");
  FourKeys missing(keys, third, "");
  FourKeys wrong(keys, "", third);
  EXPECT_OK(ReadAll(good, keys));
  for (FourKeys* const bad : {&missing, &wrong}) {
    uint64_t number = 0;
    const auto next = [&] { return number++ % keys.num(); };
    const LoopPlan plan = {.reader = *bad, .keys = keys, .seconds = 0};
    EXPECT_THAT(std::string(ReadAll(*bad, keys).message()), HasSubstr(third));
    EXPECT_EQ(TimeGets(plan, GetKind::kPlain, next).status().code(),
              absl::StatusCode::kDataLoss);
    EXPECT_EQ(TimeMultiGets(plan, 4, next).status().code(),
              absl::StatusCode::kDataLoss);
    EXPECT_OK(TimeGets(plan, GetKind::kAbsent, next));
  }
  const LoopPlan plan = {.reader = wrong, .keys = keys, .seconds = 0};
  EXPECT_EQ(
      TimeScan(plan, ScanOrder::kForward, keys.SumsOfAll()).status().code(),
      absl::StatusCode::kDataLoss);
}

TEST(CompareHotTest, AFailedRunLeavesNothingAndNothingStopsTheNext) {
  const testing::TempDirectory directory;
  CompareOptions options = TinyOptions(directory.path());
  options.scenes = {"hot-8k"};
  Contender broken = QuireContenders()[0];
  broken.open =
      [](const EngineOptions&) -> absl::StatusOr<std::unique_ptr<Engine>> {
    return absl::UnavailableError("broken");
  };
  EXPECT_EQ(RunScenes(options, {&broken, 1}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  // What a run that was killed would leave.
  const std::string left = directory.File("compare-stores/quire");
  std::filesystem::create_directories(left);
  testing::WriteFile(left + "/CURRENT", "left over");
  EXPECT_OK(RunScenes(options, QuireContenders().first(1)));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(SumOfTest, DependsOnEveryByte) {
  for (size_t size = 1; size <= 80; ++size) {
    const std::string value(size, 'v');
    for (size_t i = 0; i < size; ++i) {
      std::string other = value;
      other[i] = 'w';
      EXPECT_NE(SumOf(other), SumOf(value)) << size << " " << i;
    }
    EXPECT_NE(SumOf(value + std::string(1, '\0')), SumOf(value));
  }
}

TEST(MemoryFloorTest, TwoTouchesTakeSomeTime) {
  const absl::StatusOr<MemoryFloor> floor = MemoryFloor::Create(1 << 20, 1);
  ASSERT_OK(floor);
  EXPECT_GT(floor->TwoTouchesNs(0.001, 1), 0);
}

}  // namespace
}  // namespace quire::benchmarks
