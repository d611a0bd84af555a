// Merging, as a user of the database sees it.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::TestSeed;
using ::testing::HasSubstr;

using Model = std::map<std::string, std::string>;

class DbMergeTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  DbMergeTest() {
    options_.create_if_missing = true;
    options_.memtable_bytes = 64 << 10;
    options_.provider.read_mode = GetParam();
    options_.provider.cache_bytes = 8 << 20;
  }

  std::string Path() const { return directory_.File("db"); }

  void Open() {
    auto db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    db_ = *std::move(db);
  }
  void Reopen() {
    ASSERT_OK(db_->Close());
    db_.reset();
    Open();
  }

  void Put(const std::string& key, const std::string& value) {
    ASSERT_OK(db_->Put({}, key, value));
    model_[key] = value;
  }
  void Delete(const std::string& key) {
    ASSERT_OK(db_->Delete({}, key));
    model_.erase(key);
  }

  static std::string Key(uint64_t i) { return std::to_string(1000000 + i); }

  // `count` writes to random ones of `keys` keys.
  void WriteAtRandom(uint64_t count, uint64_t keys, std::mt19937_64& random) {
    for (uint64_t i = 0; i < count; ++i) {
      const std::string key = Key(random() % keys);
      if (random() % 8 == 0) {
        ASSERT_NO_FATAL_FAILURE(Delete(key));
      } else {
        ASSERT_NO_FATAL_FAILURE(
            Put(key, std::string(random() % 200, 'a' + random() % 26)));
      }
    }
  }

  void ExpectModel(uint64_t keys) {
    ASSERT_NO_FATAL_FAILURE(ExpectState(model_, keys, {}));
  }

  void ExpectState(const Model& model, uint64_t keys,
                   const ReadOptions& options) {
    for (uint64_t i = 0; i < keys; ++i) {
      std::string value;
      const absl::Status status = db_->Get(options, Key(i), &value);
      const auto found = model.find(Key(i));
      if (found == model.end()) {
        ASSERT_TRUE(absl::IsNotFound(status)) << Key(i) << " " << status;
      } else {
        ASSERT_OK(status) << Key(i);
        ASSERT_EQ(value, found->second) << Key(i);
      }
    }
    const auto iterator = db_->NewIterator(options);
    auto expected = model.begin();
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      ASSERT_NE(expected, model.end());
      ASSERT_EQ(iterator->key(), expected->first);
      ASSERT_THAT(iterator->value(),
                  ::quire::testing::IsOkAndHolds(expected->second));
      ++expected;
    }
    ASSERT_OK(iterator->status());
    ASSERT_EQ(expected, model.end());
  }

  // Segments and tables in the directory.
  uint64_t FileCount() const {
    uint64_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(Path())) {
      const auto extension = file.path().extension();
      count += extension == ".seg" || extension == ".tbl";
    }
    return count;
  }

  // Files that nothing needs any more go soon.
  void ExpectOnlyFilesInUse() {
    const Stats stats = db_->GetStats();
    const uint64_t used = stats.segments + stats.runs + stats.memtables;
    for (int i = 0; i < 6000 && FileCount() > used; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_EQ(FileCount(), used);
  }

  TempDirectory directory_;
  Options options_;
  std::unique_ptr<DB> db_;
  Model model_;
};

TEST_P(DbMergeTest, OverwritesLeaveFewRunsAndLittleGarbage) {
  constexpr uint64_t kKeys = 1500;
  std::mt19937_64 random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int round = 0; round < 6; ++round) {
    ASSERT_NO_FATAL_FAILURE(WriteAtRandom(3 * kKeys, kKeys, random));
    ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
  }
  ASSERT_OK(db_->FlushMemtables());
  ASSERT_OK(db_->WaitForMerges());
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
  const Stats stats = db_->GetStats();
  EXPECT_GT(stats.merges, 5u);
  EXPECT_LE(stats.runs, 4u);
  EXPECT_GT(stats.rewritten_bytes, 0u);
  // 27,000 writes of about 140 bytes; what is live takes less than 500 KB.
  EXPECT_LT(stats.segment_bytes, uint64_t{1} << 20);
  ASSERT_NO_FATAL_FAILURE(ExpectOnlyFilesInUse());
  ASSERT_NO_FATAL_FAILURE(Reopen());
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
}

TEST_P(DbMergeTest, SnapshotsAndIteratorsKeepTheirState) {
  constexpr uint64_t kKeys = 1000;
  std::mt19937_64 random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteAtRandom(2 * kKeys, kKeys, random));
  std::vector<std::pair<std::unique_ptr<const Snapshot>, Model>> snapshots;
  for (int round = 0; round < 6; ++round) {
    snapshots.emplace_back(db_->GetSnapshot(), model_);
    const auto iterator = db_->NewIterator({});
    const Model before = model_;
    ASSERT_NO_FATAL_FAILURE(WriteAtRandom(3 * kKeys, kKeys, random));
    ASSERT_OK(db_->CompactRange({}));
    auto expected = before.begin();
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      ASSERT_EQ(iterator->key(), expected->first);
      ASSERT_THAT(iterator->value(),
                  ::quire::testing::IsOkAndHolds(expected->second));
      ++expected;
    }
    ASSERT_OK(iterator->status());
    EXPECT_EQ(expected, before.end());
    for (const auto& [snapshot, model] : snapshots) {
      ReadOptions options;
      options.snapshot = snapshot.get();
      ASSERT_NO_FATAL_FAILURE(ExpectState(model, kKeys, options));
    }
    if (round % 2 == 1) snapshots.erase(snapshots.begin());
  }
  snapshots.clear();
  ASSERT_OK(db_->CompactRange({}));
  EXPECT_EQ(db_->GetStats().entries, model_.size());
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
}

TEST_P(DbMergeTest, AFullCompactionLeavesOneRunOfLiveRecords) {
  constexpr uint64_t kKeys = 2000;
  std::mt19937_64 random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteAtRandom(3 * kKeys, kKeys, random));
  double last = -1;
  CompactOptions options;
  options.progress = [&](double done) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, 1);
    last = done;
    return true;
  };
  ASSERT_OK(db_->CompactRange(options));
  EXPECT_GT(last, 0.9);
  Stats stats = db_->GetStats();
  EXPECT_EQ(stats.runs, 1u);
  EXPECT_EQ(stats.segments, 1u);
  EXPECT_EQ(stats.entries, model_.size());
  EXPECT_EQ(stats.garbage_bytes, 0u);
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
  // Deleting everything leaves nothing.
  for (uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_NO_FATAL_FAILURE(Delete(Key(i)));
  }
  ASSERT_OK(db_->CompactRange({}));
  stats = db_->GetStats();
  EXPECT_EQ(stats.runs, 0u);
  EXPECT_EQ(stats.segment_bytes, 0u);
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
  ASSERT_NO_FATAL_FAILURE(Reopen());
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
}

TEST_P(DbMergeTest, ARangeIsCompactedByItself) {
  constexpr uint64_t kKeys = 2000;
  std::mt19937_64 random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Open());
  for (uint64_t i = 0; i < kKeys; ++i) {
    const std::string key = Key(i * 617 % kKeys);
    ASSERT_NO_FATAL_FAILURE(Put(key, std::string(100, 'v')));
  }
  ASSERT_OK(db_->FlushMemtables());
  ASSERT_OK(db_->WaitForMerges());
  const uint64_t before = db_->GetStats().rewritten_bytes;
  CompactOptions options;
  options.begin = Key(500);
  options.end = Key(700);
  ASSERT_OK(db_->CompactRange(options));
  const uint64_t rewritten = db_->GetStats().rewritten_bytes - before;
  EXPECT_GT(rewritten, 200u * 100);
  EXPECT_LT(rewritten, 400u * 200);
  EXPECT_EQ(db_->GetStats().runs, 1u);
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
  ASSERT_NO_FATAL_FAILURE(Reopen());
  ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
}

TEST_P(DbMergeTest, ACompactionCanBeCancelled) {
  constexpr uint64_t kKeys = 2000;
  std::mt19937_64 random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(WriteAtRandom(kKeys, kKeys, random));
  ASSERT_OK(db_->FlushMemtables());
  ASSERT_OK(db_->WaitForMerges());
  const uint64_t runs = db_->GetStats().runs;
  for (const double limit : {0.0, 0.6}) {
    CompactOptions options;
    options.progress = [&](double done) { return done < limit; };
    EXPECT_THAT(db_->CompactRange(options),
                StatusIs(absl::StatusCode::kCancelled));
    EXPECT_EQ(db_->GetStats().runs, runs);
    ASSERT_NO_FATAL_FAILURE(ExpectOnlyFilesInUse());
    ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
  }
}

TEST_P(DbMergeTest, LargeAndEmptyValuesSurvive) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 20; ++i) {
      ASSERT_NO_FATAL_FAILURE(
          Put(Key(i), std::string(i * i * 10000, 'a' + round)));
    }
    ASSERT_OK(db_->CompactRange({}));
    ASSERT_NO_FATAL_FAILURE(ExpectModel(20));
  }
  ASSERT_NO_FATAL_FAILURE(Reopen());
  ASSERT_NO_FATAL_FAILURE(ExpectModel(20));
}

TEST_P(DbMergeTest, ATableMadeAgainResurrectsNoDelete) {
  constexpr uint64_t kKeys = 1000;
  std::mt19937_64 random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int round = 0; round < 4; ++round) {
    ASSERT_NO_FATAL_FAILURE(WriteAtRandom(2 * kKeys, kKeys, random));
    for (int i = 0; i < 300; ++i) {
      ASSERT_NO_FATAL_FAILURE(Delete(Key(random() % kKeys)));
    }
    ASSERT_OK(db_->FlushMemtables());
    ASSERT_OK(db_->WaitForMerges());
    ASSERT_OK(db_->Close());
    db_.reset();
    for (const auto& file : std::filesystem::directory_iterator(Path())) {
      if (file.path().extension() == ".tbl") {
        std::filesystem::resize_file(file.path(), 100);
      }
    }
    ASSERT_NO_FATAL_FAILURE(Open());
    EXPECT_THAT(*db_->GetProperty("quire.recovery"),
                HasSubstr("table rebuilt"));
    ASSERT_NO_FATAL_FAILURE(ExpectModel(kKeys));
  }
}

TEST_P(DbMergeTest, ADamagedRecordKeepsItsSegmentAndTheRestIsMerged) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (uint64_t i = 0; i < 200; ++i) {
    ASSERT_NO_FATAL_FAILURE(Put(Key(i), "the value of " + Key(i)));
  }
  ASSERT_OK(db_->Close());
  db_.reset();
  for (const auto& file : std::filesystem::directory_iterator(Path())) {
    if (file.path().extension() != ".seg") continue;
    std::string text(file.file_size(), '\0');
    std::FILE* stream = std::fopen(file.path().c_str(), "r+");
    ASSERT_EQ(std::fread(text.data(), 1, text.size(), stream), text.size());
    const size_t at = text.find("the value of " + Key(77));
    ASSERT_NE(at, std::string::npos);
    std::fseek(stream, static_cast<long>(at), SEEK_SET);
    std::fputc('T', stream);
    std::fclose(stream);
  }
  ASSERT_NO_FATAL_FAILURE(Open());
  for (uint64_t i = 100; i < 150; ++i) {
    ASSERT_NO_FATAL_FAILURE(Put(Key(i), "new"));
  }
  ASSERT_OK(db_->CompactRange({}));
  EXPECT_EQ(db_->GetStats().runs, 1u);
  for (uint64_t i = 0; i < 200; ++i) {
    std::string value;
    const absl::Status status = db_->Get({}, Key(i), &value);
    if (i == 77) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
    } else {
      ASSERT_OK(status);
      EXPECT_EQ(value, model_[Key(i)]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, DbMergeTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& info) {
                           return io::ReadModeName(info.param);
                         });

}  // namespace
}  // namespace quire
