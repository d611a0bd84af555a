// Reads of every kind on a read-only open while it is refreshed and the
// database is written.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

constexpr int kKeys = 50;
constexpr uint64_t kVersions = 400;

std::string Key(int i) { return "key" + std::to_string(100 + i); }

std::string Value(uint64_t version) {
  std::string value = std::to_string(1000000 + version);
  value.resize(50 + version % 50, '.');
  return value;
}

class RefreshConcurrencyTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  void SetUp() override {
    Options options;
    options.create_if_missing = true;
    options.memtable_bytes = 64 << 10;
    auto writer = DB::Open(options, dir_.File("db"));
    ASSERT_OK(writer.status());
    writer_ = *std::move(writer);
    ASSERT_OK(WriteVersion(0));
    Options reading;
    reading.read_only = true;
    reading.provider.read_mode = GetParam();
    reading.provider.cache_bytes = 1 << 20;
    auto reader = DB::Open(reading, dir_.File("db"));
    ASSERT_OK(reader.status());
    reader_ = *std::move(reader);
  }

  // All keys get the version in one batch.
  absl::Status WriteVersion(uint64_t version) {
    WriteBatch batch;
    for (int i = 0; i < kKeys; ++i) batch.Put(Key(i), Value(version));
    return writer_->Write({}, batch);
  }

  void GetWhileItGoesOn() {
    std::string newest;
    std::string value;
    for (int i = 0; !done_; i = (i + 1) % kKeys) {
      ASSERT_OK(reader_->Get({}, Key(i), &value));
      EXPECT_GE(value.substr(0, 7), newest);  // never back in time
      newest = value.substr(0, 7);
    }
  }

  void ReadStatesWhileItGoesOn() {
    std::vector<std::string> names;
    for (int i = 0; i < kKeys; ++i) names.push_back(Key(i));
    const std::vector<std::string_view> keys(names.begin(), names.end());
    while (!done_) {
      const auto snapshot = reader_->GetSnapshot();
      ReadOptions options;
      options.snapshot = snapshot.get();
      std::string expected;
      ASSERT_OK(reader_->Get(options, Key(0), &expected));
      std::vector<PinnedValue> values(keys.size());
      std::vector<absl::Status> statuses(keys.size());
      reader_->MultiGet(options, keys, values, statuses);
      for (size_t i = 0; i < keys.size(); ++i) {
        ASSERT_OK(statuses[i]);
        EXPECT_EQ(values[i].value(), expected);
      }
      auto it = reader_->NewIterator(options);
      int count = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next(), ++count) {
        auto value = it->value();
        ASSERT_OK(value.status());
        EXPECT_EQ(*value, expected);
      }
      EXPECT_OK(it->status());
      EXPECT_EQ(count, kKeys);
    }
  }

  testing::TempDirectory dir_;
  std::unique_ptr<DB> writer_;
  std::unique_ptr<DB> reader_;
  std::atomic<bool> done_{false};
};

TEST_P(RefreshConcurrencyTest, EveryReadSeesOneStateAndNoneOlderThanTheLast) {
  std::vector<std::thread> threads;
  threads.emplace_back([this] { GetWhileItGoesOn(); });
  threads.emplace_back([this] { ReadStatesWhileItGoesOn(); });
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([this] {
      while (!done_) EXPECT_OK(reader_->Refresh());
    });
  }
  for (uint64_t version = 1; version <= kVersions; ++version) {
    EXPECT_OK(WriteVersion(version));
  }
  done_ = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_OK(reader_->Refresh());
  std::string value;
  ASSERT_OK(reader_->Get({}, Key(0), &value));
  EXPECT_EQ(value, Value(kVersions));
  EXPECT_OK(reader_->Close());
  EXPECT_OK(writer_->Close());
}

INSTANTIATE_TEST_SUITE_P(All, RefreshConcurrencyTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& instance) {
                           return io::ReadModeName(instance.param);
                         });

}  // namespace
}  // namespace quire
