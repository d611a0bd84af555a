// Readers, writers, iterators, snapshots and the making of runs all at once.

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

constexpr int kKeys = 400;
constexpr int kWriters = 2;
constexpr int kWritesPerThread = 2500;

std::string Key(int i) { return "key" + std::to_string(1000 + i); }

// Every value says its key and its version; the pair of keys 2i, 2i+1 is always
// written in one batch with one version.
std::string Value(int pair, int version) {
  std::string value = std::to_string(pair) + ":" + std::to_string(version);
  value.resize(static_cast<size_t>(20 + (pair * 37 + version) % 700), '.');
  return value;
}

int VersionOf(std::string_view value, int pair) {
  const std::string prefix = std::to_string(pair) + ":";
  EXPECT_TRUE(value.starts_with(prefix)) << value.substr(0, 30);
  return std::atoi(std::string(value.substr(prefix.size())).c_str());
}

class DbConcurrencyTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  void SetUp() override {
    Options options;
    options.create_if_missing = true;
    options.provider.read_mode = GetParam();
    options.provider.cache_bytes = 2 << 20;
    options.memtable_bytes = 128 << 10;
    options.sync_interval_ms = 20;
    auto db = DB::Open(options, dir_.File("db"));
    ASSERT_OK(db.status());
    db_ = *std::move(db);
    for (int pair = 0; pair < kKeys / 2; ++pair) ASSERT_OK(WritePair(pair, 0));
  }

  absl::Status WritePair(int pair, int version) {
    WriteBatch batch;
    batch.Put(Key(2 * pair), Value(pair, version));
    batch.Put(Key(2 * pair + 1), Value(pair, version));
    return db_->Write({.sync = version % 64 == 1}, batch);
  }

  void Write(int thread) {
    std::mt19937_64 random(seed_ + static_cast<uint64_t>(thread));
    // Writers own every kWriters-th pair, so versions ascend.
    for (int i = 1; i <= kWritesPerThread; ++i) {
      const int pair =
          static_cast<int>(random() % (kKeys / 2 / kWriters)) * kWriters +
          thread;
      const absl::Status status = WritePair(pair, i);
      if (!status.ok()) {
        ADD_FAILURE() << status;
        break;
      }
    }
    ++writers_done_;
  }

  void Read(int thread) {
    std::mt19937_64 random(seed_ + 100 + static_cast<uint64_t>(thread));
    std::vector<int> newest(kKeys / 2, 0);
    std::string value;
    PinnedValue pinned;
    while (writers_done_ < kWriters) {
      const int pair = static_cast<int>(random() % (kKeys / 2));
      const auto index = static_cast<size_t>(pair);
      ASSERT_OK(db_->Get({}, Key(2 * pair), &value));
      const int version = VersionOf(value, pair);
      EXPECT_EQ(value, Value(pair, version));
      EXPECT_GE(version, newest[index]);  // never back in time
      newest[index] = version;
      ASSERT_OK(db_->Get({}, Key(2 * pair + 1), &pinned));
      EXPECT_GE(VersionOf(pinned.value(), pair), version);
    }
  }

  void MultiRead() {
    std::vector<std::string> names;
    for (int i = 0; i < kKeys; ++i) names.push_back(Key(i));
    const std::vector<std::string_view> keys(names.begin(), names.end());
    while (writers_done_ < kWriters) {
      std::vector<PinnedValue> values(keys.size());
      std::vector<absl::Status> statuses(keys.size());
      db_->MultiGet({}, keys, values, statuses);
      for (int pair = 0; pair < kKeys / 2; ++pair) {
        const size_t index = 2 * static_cast<size_t>(pair);
        ASSERT_OK(statuses[index]);
        // One state: both keys of a batch, or neither.
        EXPECT_EQ(values[index].value(), values[index + 1].value());
      }
    }
  }

  void Scan() {
    bool forward = true;
    while (writers_done_ < kWriters) {
      auto snapshot = db_->GetSnapshot();
      ReadOptions options;
      if (forward) options.snapshot = snapshot.get();
      auto it = db_->NewIterator(options);
      int count = 0;
      std::string last;
      for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
           forward ? it->Next() : it->Prev()) {
        const auto value = it->value();
        ASSERT_OK(value.status());
        if (count % 2 == 1) {
          EXPECT_EQ(*value, last);
        }
        last = *value;
        ++count;
      }
      ASSERT_OK(it->status());
      EXPECT_EQ(count, kKeys);
      forward = !forward;
    }
  }

  testing::TempDirectory dir_;
  std::unique_ptr<DB> db_;
  uint64_t seed_ = 0;
  std::atomic<int> writers_done_{0};
};

TEST_P(DbConcurrencyTest, EveryReaderSeesAConsistentState) {
  seed_ = testing::TestSeed();
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([this, i] { Write(i); });
  }
  threads.emplace_back([this] { Read(0); });
  threads.emplace_back([this] { Read(1); });
  threads.emplace_back([this] { MultiRead(); });
  threads.emplace_back([this] { Scan(); });
  for (std::thread& thread : threads) thread.join();
  // Runs were made, and merged, while all that was going on.
  EXPECT_GT(db_->GetStats().merges, 2u);
  ASSERT_OK(db_->Close());
}

INSTANTIATE_TEST_SUITE_P(AllModes, DbConcurrencyTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& info) {
                           return io::ReadModeName(info.param);
                         });

}  // namespace
}  // namespace quire
