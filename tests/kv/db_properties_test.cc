// What an open database says about itself.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "kv/write_batch.h"
#include "nlohmann/json.hpp"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::TempDirectory;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uint64_t kKeys = 1000;
// Of a second run: so many keys written once more beside kKeys new ones. It
// weighs enough to be merged with the first, and leaves so little garbage that
// no segment is rewritten.
constexpr uint64_t kTwice = 150;

class DbPropertiesTest : public ::testing::Test {
 protected:
  DbPropertiesTest() { options_.create_if_missing = true; }

  void Open() {
    absl::StatusOr<std::unique_ptr<DB>> db =
        DB::Open(options_, directory_.File("db"));
    ASSERT_OK(db.status());
    db_ = *std::move(db);
  }

  // Makes a run of the keys from `begin` to below `end`.
  void WriteRun(uint64_t begin, uint64_t end) {
    // Few groups: what they take in a segment is as good as garbage.
    for (uint64_t i = begin; i < end;) {
      WriteBatch batch;
      for (const uint64_t last = std::min(i + 200, end); i < last; ++i) {
        batch.Put(std::to_string(i), std::string(100, 'v'));
      }
      ASSERT_OK(db_->Write({}, batch));
    }
    ASSERT_OK(db_->FlushMemtables());
  }

  static nlohmann::json Report(DB& db) {
    return nlohmann::json::parse(
        db.GetProperty("quire.report-json").value_or(""), nullptr, false);
  }
  nlohmann::json Report() { return Report(*db_); }

  // False if it does not become true within a minute.
  template <typename Condition>
  static bool Becomes(Condition condition) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  const TempDirectory directory_;
  Options options_;
  std::unique_ptr<DB> db_;
};

TEST_F(DbPropertiesTest, EveryPropertyThatIsListedHasAValueAndAMeaning) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (const DB::PropertyDescription& property : DB::Properties()) {
    EXPECT_TRUE(db_->GetProperty(property.name).has_value()) << property.name;
    EXPECT_FALSE(property.meaning.empty()) << property.name;
  }
  EXPECT_FALSE(db_->GetProperty("quire.nothing").has_value());
}

TEST_F(DbPropertiesTest, GarbageIsToldBySegment) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteRun(0, kKeys));
  EXPECT_EQ(db_->GetStats().garbage_bytes, 0u);
  EXPECT_THAT(*db_->GetProperty("quire.segments"),
              HasSubstr("1 segments, 0 with garbage: "));
  ASSERT_NO_FATAL_FAILURE(WriteRun(kKeys - kTwice, 2 * kKeys));
  ASSERT_OK(db_->WaitForMerges());

  const Stats stats = db_->GetStats();
  EXPECT_GT(stats.garbage_bytes, kTwice * 100);
  EXPECT_EQ(stats.live_bytes, stats.segment_bytes - stats.garbage_bytes);
  const nlohmann::json segments = Report()["segments"];
  ASSERT_THAT(segments, SizeIs(2));
  EXPECT_EQ(segments[0]["garbage_records"], kTwice);
  EXPECT_EQ(segments[0]["garbage_bytes"], stats.garbage_bytes);
  EXPECT_GT(segments[0]["garbage_share"], 0.1);
  EXPECT_LT(segments[0]["garbage_share"], 0.2);
  EXPECT_EQ(segments[1]["garbage_bytes"], 0);
  EXPECT_THAT(
      *db_->GetProperty("quire.segments"),
      HasSubstr("segment " + std::to_string(segments[0]["number"].get<int>()) +
                ": "));

  Options read_only;
  read_only.read_only = true;
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> reader,
                             DB::Open(read_only, directory_.File("db")));
  EXPECT_EQ(Report(*reader)["segments"], segments);
  EXPECT_EQ(reader->GetStats().garbage_bytes, stats.garbage_bytes);
}

TEST_F(DbPropertiesTest, IndexIsToldByRunAndByKey) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteRun(0, kKeys));
  const nlohmann::json report = Report();
  const nlohmann::json& index = report["index"];
  EXPECT_TRUE(index["budget_bytes"].is_null());
  EXPECT_EQ(index["resident_runs"], 1);
  EXPECT_GE(index["resident_bytes"], index["hash_section_bytes"]);
  EXPECT_EQ(index["hash_section_bytes"], db_->GetStats().hash_section_bytes);
  EXPECT_EQ(index["hash_section_bytes_per_key"],
            index["hash_section_bytes"].get<double>() / kKeys);
  EXPECT_EQ(report["runs"][0]["hash_section_resident"], true);
  EXPECT_EQ(report["runs"][0]["entries"], kKeys);
  EXPECT_THAT(*db_->GetProperty("quire.runs"), HasSubstr("1000 entries, "));
}

TEST_F(DbPropertiesTest, HashSectionsBeyondTheBudgetAreToldToBePaged) {
  options_.index_memory_bytes = 0;
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteRun(0, kKeys));
  const nlohmann::json report = Report();
  EXPECT_EQ(report["index"]["budget_bytes"], 0);
  EXPECT_EQ(report["index"]["resident_runs"], 0);
  EXPECT_EQ(report["runs"][0]["hash_section_resident"], false);
  EXPECT_THAT(*db_->GetProperty("quire.runs"), HasSubstr("hash section paged"));
  EXPECT_THAT(*db_->GetProperty("quire.index"),
              HasSubstr("hash sections of 0 of 1 runs\nbudget: 0 bytes\n"));
}

TEST_F(DbPropertiesTest, SnapshotsAndIteratorsHaveSequenceNumbersAndAges) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(db_->Put({}, "key", "1"));
  auto first = db_->GetSnapshot();
  ASSERT_OK(db_->Put({}, "key", "2"));
  auto second = db_->GetSnapshot();
  auto same = db_->GetSnapshot();
  ReadOptions at_first;
  at_first.snapshot = first.get();
  const auto iterator = db_->NewIterator(at_first);
  nlohmann::json told = Report()["outstanding"];
  ASSERT_THAT(told["snapshots"], SizeIs(3));
  EXPECT_EQ(told["snapshots"][0]["sequence"], first->sequence());
  EXPECT_EQ(told["snapshots"][2]["sequence"], second->sequence());
  EXPECT_GE(told["snapshots"][0]["age_s"], told["snapshots"][1]["age_s"]);
  ASSERT_THAT(told["iterators"], SizeIs(1));
  EXPECT_EQ(told["iterators"][0]["sequence"], first->sequence());
  const auto age = told["snapshots"][0]["age_s"].get<double>();
  EXPECT_LT(age, 600);
  EXPECT_TRUE(Becomes(
      [&] { return Report()["outstanding"]["snapshots"][0]["age_s"] > age; }));
  EXPECT_THAT(*db_->GetProperty("quire.outstanding"),
              HasSubstr("0 pinned values, 1 iterators, 3 snapshots\n"));

  // The younger of two of one number goes, not the older.
  const auto older = Report()["outstanding"]["snapshots"][1]["age_s"];
  same.reset();
  told = Report()["outstanding"];
  ASSERT_THAT(told["snapshots"], SizeIs(2));
  EXPECT_GE(told["snapshots"][1]["age_s"], older);
}

TEST_F(DbPropertiesTest, WhatOnlyOldViewsHoldIsToldUntilItIsGivenBack) {
  options_.automatic_merges = false;
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteRun(0, kKeys));
  ASSERT_NO_FATAL_FAILURE(WriteRun(0, kTwice));
  ASSERT_OK(db_->Put({}, "in memory", "value"));
  auto iterator = db_->NewIterator({});
  const Stats before = db_->GetStats();
  ASSERT_OK(db_->CompactRange({}));

  // The iterator's.
  Stats stats;
  ASSERT_TRUE(Becomes([&] {
    stats = db_->GetStats();
    return stats.old_views == 1;
  }));
  EXPECT_GT(stats.kept_memtable_bytes, 0u);
  // Each run's table, and its segment.
  EXPECT_GE(stats.kept_files, 4u);
  EXPECT_GE(stats.kept_file_bytes, before.segment_bytes + before.table_bytes);
  EXPECT_EQ(Report()["kept"]["files"], stats.kept_files);
  EXPECT_THAT(*db_->GetProperty("quire.outstanding"),
              HasSubstr("kept for readers of "));

  iterator.reset();
  EXPECT_TRUE(Becomes([&] {
    stats = db_->GetStats();
    return stats.old_views == 0;
  }));
  EXPECT_EQ(stats.kept_files, 0u);
  EXPECT_EQ(stats.kept_file_bytes, 0u);
  EXPECT_EQ(stats.kept_memtable_bytes, 0u);
}

TEST_F(DbPropertiesTest, SegmentsThatMergesPassOnAreNotKeptForOldViews) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteRun(0, kKeys));
  const uint64_t table_bytes = db_->GetStats().table_bytes;
  const auto iterator = db_->NewIterator({});
  ASSERT_NO_FATAL_FAILURE(WriteRun(kKeys - kTwice, 2 * kKeys));
  ASSERT_OK(db_->WaitForMerges());
  const Stats stats = db_->GetStats();
  EXPECT_EQ(stats.segments, 2u);
  EXPECT_EQ(stats.runs, 1u);
  // The first run's table. The second's goes once its view has been freed.
  EXPECT_GE(stats.kept_file_bytes, table_bytes);
  EXPECT_LE(stats.kept_files, 2u);
}

TEST_F(DbPropertiesTest, MemtablesOfUnsyncedWritesAreFreedOnceTheyAreRuns) {
  options_.memtable_bytes = 64 << 10;
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteRun(0, 20 * kKeys));
  EXPECT_EQ(db_->GetStats().log_syncs, 0u);
  EXPECT_TRUE(
      Becomes([&] { return db_->GetStats().kept_memtable_bytes == 0; }));
}

}  // namespace
}  // namespace quire
