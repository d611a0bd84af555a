#include "kv/internal/write_queue.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/database_core.h"
#include "kv/internal/housekeeper.h"
#include "kv/internal/merge_scheduler.h"
#include "kv/internal/open_database.h"
#include "kv/internal/run_maker.h"
#include "kv/internal/write_throttle.h"
#include "kv/write_batch.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

// Until `condition` holds, or for a minute: whether it does.
template <typename Condition>
bool Eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class WriteQueueTest : public ::testing::Test {
 protected:
  WriteQueueTest() : faulty_(io::PosixFileSystem()) {
    options_.create_if_missing = true;
    options_.automatic_merges = false;
    options_.file_system = &faulty_;
  }

  void Open() {
    auto core = OpenDatabase(options_, directory_.File("db"));
    ASSERT_OK(core.status());
    core_ = *std::move(core);
    scheduler_ = std::make_unique<MergeScheduler>(*core_);
    scheduler_->Stop();  // the throttle is the test's
    run_maker_ = std::make_unique<RunMaker>(*core_, *scheduler_);
    queue_ = std::make_unique<WriteQueue>(*core_, *run_maker_);
  }

  void TearDown() override {
    queue_.reset();
    run_maker_.reset();
    scheduler_.reset();
    if (core_ != nullptr) core_->views.FreeAll();
  }

  absl::Status Put(const std::string& key) {
    WriteBatch batch;
    batch.Put(key, "value");
    return queue_->Write(batch, /*sync=*/false);
  }

  uint64_t DurableSequence() const { return core_->durable.Get().sequence; }

  void StopWriters() {
    core_->throttle.Update({.run_count = 10 * WriteThrottle::kMostRuns},
                           absl::OkStatus());
  }
  void LetWritersGo() { core_->throttle.Update({}, absl::OkStatus()); }

  testing::TempDirectory directory_;
  FaultyFileSystem faulty_;
  Options options_;
  std::unique_ptr<DatabaseCore> core_;
  std::unique_ptr<MergeScheduler> scheduler_;
  std::unique_ptr<RunMaker> run_maker_;
  std::unique_ptr<WriteQueue> queue_;
};

TEST_F(WriteQueueTest, WhatIsAcknowledgedIsSyncedWhileAWriterWaits) {
  options_.sync_interval_ms = 50;
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(Put("a"));
  ASSERT_OK(Put("b"));
  StopWriters();
  std::thread writer([&] { EXPECT_OK(Put("c")); });
  Housekeeper housekeeper(*core_, queue_.get());
  EXPECT_TRUE(Eventually([&] { return DurableSequence() == 2; }));
  EXPECT_EQ(core_->published.load(), 2u);
  LetWritersGo();
  writer.join();
  EXPECT_TRUE(Eventually([&] { return DurableSequence() == 3; }));
}

TEST_F(WriteQueueTest, SyncsEveryLogThatHoldsSomethingAcknowledged) {
  ASSERT_NO_FATAL_FAILURE(Open());
  // The run of the first log can't be made.
  faulty_.Inject({.op = FileOp::kCreate,
                  .path_contains = ".tbl",
                  .sticky = true,
                  .error = ENOSPC});
  ASSERT_OK(Put("a"));
  ASSERT_OK(queue_->SwitchMemtable());
  ASSERT_OK(Put("b"));
  EXPECT_EQ(DurableSequence(), 0u);
  const uint64_t syncs = faulty_.count(FileOp::kSync);
  EXPECT_OK(queue_->SyncAcknowledged());
  EXPECT_EQ(faulty_.count(FileOp::kSync), syncs + 2);
  EXPECT_EQ(DurableSequence(), 2u);
  EXPECT_TRUE(queue_->NeedsCover());
  EXPECT_OK(queue_->CoverDurablePoint());
  EXPECT_FALSE(queue_->NeedsCover());
}

TEST_F(WriteQueueTest, AFailedSyncOfWhatIsAcknowledgedRefusesWrites) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(Put("a"));
  faulty_.Inject({.op = FileOp::kSync, .error = ENOSPC});
  EXPECT_THAT(queue_->SyncAcknowledged(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ENOSPC")));
  EXPECT_EQ(DurableSequence(), 0u);
  EXPECT_THAT(Put("b"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 HasSubstr("ENOSPC")));
  // And is not repeated.
  EXPECT_THAT(queue_->SyncAcknowledged(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(DurableSequence(), 0u);
}

TEST_F(WriteQueueTest, AWriterThatWaitsIsToldOfAFailedSync) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(Put("a"));
  StopWriters();
  std::thread writer([&] {
    EXPECT_THAT(Put("b"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                   HasSubstr("EIO")));
  });
  faulty_.Inject({.op = FileOp::kSync, .error = EIO});
  EXPECT_THAT(queue_->SyncAcknowledged(),
              StatusIs(absl::StatusCode::kUnavailable));
  writer.join();
  EXPECT_EQ(core_->published.load(), 1u);
}

TEST_F(WriteQueueTest, AnIdleDatabaseStopsSyncing) {
  options_.sync_interval_ms = 10;
  ASSERT_NO_FATAL_FAILURE(Open());
  Housekeeper housekeeper(*core_, queue_.get());
  ASSERT_OK(Put("a"));
  // The record, and the group that covers it.
  ASSERT_TRUE(Eventually([&] {
    return core_->counters.groups_written.Sum() == 2 && DurableSequence() == 1;
  }));
  const uint64_t syncs = faulty_.count(FileOp::kSync);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(faulty_.count(FileOp::kSync), syncs);
  EXPECT_EQ(core_->counters.groups_written.Sum(), 2);
  // Writing goes on as before.
  ASSERT_OK(Put("b"));
  EXPECT_TRUE(Eventually([&] { return DurableSequence() == 2; }));
}

}  // namespace
}  // namespace quire::kv_internal
