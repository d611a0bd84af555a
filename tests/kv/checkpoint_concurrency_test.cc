// Checkpoints in the middle of a storm of writes.

#include <array>
#include <atomic>
#include <cstdlib>
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

constexpr size_t kWriters = 3;
constexpr int kCheckpoints = 8;

// Writes of each writer, counted.
using Counts = std::array<uint64_t, kWriters>;

std::string Key(size_t writer, uint64_t index) {
  return "w" + std::to_string(writer) + "/" + std::to_string(1000000 + index);
}

std::string NewestKey(size_t writer) {
  return "newest/" + std::to_string(writer);
}

class CheckpointConcurrencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Options options;
    options.create_if_missing = true;
    options.memtable_bytes = 64 << 10;
    auto db = DB::Open(options, dir_.File("db"));
    ASSERT_OK(db.status());
    db_ = *std::move(db);
  }

  Counts Acknowledged() const {
    Counts counts;
    for (size_t i = 0; i < kWriters; ++i) counts[i] = acknowledged_[i];
    return counts;
  }

  // Each write is one batch: a key of its own, whose value says what had been
  // acknowledged when the write began, and the writer's counter.
  void Write(size_t writer) {
    for (uint64_t index = 0; !stop_; ++index) {
      std::string value;
      for (uint64_t count : Acknowledged()) {
        value += std::to_string(count) + " ";
      }
      value.resize(200, '.');
      WriteBatch batch;
      batch.Put(Key(writer, index), value);
      batch.Put(NewestKey(writer), std::to_string(index));
      const absl::Status status = db_->Write({.sync = index % 50 == 0}, batch);
      if (!status.ok()) {
        ADD_FAILURE() << status;
        break;
      }
      acknowledged_[writer] = index + 1;
    }
  }

  // Verifies that the database in `path` is a prefix of the writes with at
  // least those of `least`.
  static void Verify(const std::string& path, const Counts& least) {
    Options options;
    options.read_only = true;
    auto db = DB::Open(options, path);
    ASSERT_OK(db.status());
    Counts counts = {};
    for (size_t writer = 0; writer < kWriters; ++writer) {
      std::string newest;
      const absl::Status status = (*db)->Get({}, NewestKey(writer), &newest);
      if (status.ok()) counts[writer] = std::stoull(newest) + 1;
      EXPECT_GE(counts[writer], least[writer]) << "writer " << writer;
    }
    uint64_t entries = 0;
    for (size_t writer = 0; writer < kWriters; ++writer) {
      ReadOptions read;
      read.prefix = "w" + std::to_string(writer) + "/";
      auto it = (*db)->NewIterator(read);
      uint64_t index = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next(), ++index) {
        ASSERT_EQ(it->key(), Key(writer, index));  // no hole
        auto value = it->value();
        ASSERT_OK(value.status());
        // Whatever came before in the order of the log is there too.
        const std::string seen(*value);
        const char* text = seen.c_str();
        for (size_t other = 0; other < kWriters; ++other) {
          char* end = nullptr;
          EXPECT_LE(std::strtoull(text, &end, 10), counts[other]);
          text = end;
        }
      }
      ASSERT_OK(it->status());
      EXPECT_EQ(index, counts[writer]);
      entries += index;
    }
    EXPECT_GT(entries, 0u);
  }

  testing::TempDirectory dir_;
  std::unique_ptr<DB> db_;
  std::atomic<bool> stop_{false};
  std::array<std::atomic<uint64_t>, kWriters> acknowledged_ = {};
};

TEST_F(CheckpointConcurrencyTest, EachIsAPrefixWithAllThatWasAcknowledged) {
  std::vector<std::thread> writers;
  for (size_t i = 0; i < kWriters; ++i) {
    writers.emplace_back([this, i] { Write(i); });
  }
  std::vector<Counts> least;
  for (int i = 0; i < kCheckpoints; ++i) {
    // Some more than at the last one.
    const uint64_t goal = (least.empty() ? 0 : least.back()[0]) + 200;
    while (acknowledged_[0] < goal && !HasFailure()) std::this_thread::yield();
    least.push_back(Acknowledged());
    const absl::Status status =
        db_->Checkpoint(dir_.File("copy" + std::to_string(i)));
    EXPECT_OK(status);
  }
  stop_ = true;
  for (std::thread& writer : writers) writer.join();
  ASSERT_OK(db_->Close());
  for (int i = 0; i < kCheckpoints; ++i) {
    SCOPED_TRACE(i);
    Verify(dir_.File("copy" + std::to_string(i)),
           least[static_cast<size_t>(i)]);
  }
  Verify(dir_.File("db"), Acknowledged());
}

TEST_F(CheckpointConcurrencyTest, OfManyAtOnceForOneDirectoryOneSucceeds) {
  ASSERT_OK(db_->Put({}, NewestKey(0), "0"));
  ASSERT_OK(db_->Put({}, Key(0, 0), "0 0 0 "));
  std::atomic<int> succeeded{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = db_->Checkpoint(dir_.File("copy"));
      if (status.ok()) ++succeeded;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(succeeded, 1);
  Verify(dir_.File("copy"), {1, 0, 0});
  ASSERT_OK(db_->Checkpoint(dir_.File("other")));
  Verify(dir_.File("other"), {1, 0, 0});
}

}  // namespace
}  // namespace quire
