#include "kv/internal/merge_scheduler.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "kv/internal/database_core.h"
#include "kv/internal/open_database.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kResourceExhausted = absl::StatusCode::kResourceExhausted;

class MergeSchedulerTest : public ::testing::Test {
 protected:
  MergeSchedulerTest() : faulty_(io::PosixFileSystem()) {
    options_.create_if_missing = true;
    options_.memtable_bytes = 64 << 10;
    options_.automatic_merges = false;
    options_.file_system = &faulty_;
  }

  // There is no space for a table, until faulty_.Clear().
  void FillDisk() {
    faulty_.Inject({.op = FileOp::kCreate,
                    .path_contains = ".tbl",
                    .sticky = true,
                    .error = ENOSPC});
  }

  // A database of so many runs that are all due to be merged, opened with
  // merging on but nobody to do it yet.
  void OpenWithRuns(int runs) {
    {
      auto db = DB::Open(options_, directory_.File("db"));
      ASSERT_OK(db.status());
      for (int run = 0; run < runs; ++run) {
        for (int i = 0; i < 60; ++i) {
          ASSERT_OK((*db)->Put({}, std::to_string(i), std::string(500, 'v')));
        }
        ASSERT_OK((*db)->FlushMemtables());
      }
      ASSERT_OK((*db)->Close());
    }
    options_.automatic_merges = true;
    auto core = OpenDatabase(options_, directory_.File("db"));
    ASSERT_OK(core.status());
    core_ = *std::move(core);
  }

  void TearDown() override {
    if (core_ != nullptr) core_->views.FreeAll();
  }

  testing::TempDirectory directory_;
  FaultyFileSystem faulty_;
  Options options_;
  std::unique_ptr<DatabaseCore> core_;
};

TEST_F(MergeSchedulerTest, MergesWhatIsDueAndLetsWritersGo) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  MergeScheduler scheduler(*core_);
  // It waits for as long as there is too much to merge.
  EXPECT_OK(core_->throttle.Admit(1, 1 << 20));
  EXPECT_OK(scheduler.WaitUntilIdle());
  EXPECT_EQ(core_->views.Hold()->runs.size(), 1u);
  EXPECT_EQ(core_->throttle.Describe(), "free");
}

TEST_F(MergeSchedulerTest, WritersDoNotWaitOnceWritesAreRefused) {
  // A merge that doesn't end.
  options_.merge_bytes_per_second = 1;
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  MergeScheduler scheduler(*core_);
  EXPECT_THAT(core_->throttle.Describe(), StartsWith("stopped"));
  std::thread writer([&] { EXPECT_OK(core_->throttle.Admit(1, 1 << 20)); });
  core_->write_error.Set(absl::UnavailableError("a failed sync"));
  scheduler.Wake();
  writer.join();
}

TEST_F(MergeSchedulerTest, WritersAreToldThatThereIsNoSpaceUntilThereIs) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  FillDisk();
  MergeScheduler scheduler(*core_);
  EXPECT_THAT(scheduler.WaitUntilIdle(), StatusIs(kResourceExhausted));
  EXPECT_THAT(core_->throttle.Admit(1, 1 << 20), StatusIs(kResourceExhausted));
  EXPECT_THAT(scheduler.error(), StatusIs(kResourceExhausted));
  faulty_.Clear();
  // It is tried again by itself.
  while (!scheduler.error().ok()) scheduler.Wake();
  EXPECT_OK(scheduler.WaitUntilIdle());
  EXPECT_OK(core_->throttle.Admit(1, 1 << 20));
  EXPECT_EQ(core_->views.Hold()->runs.size(), 1u);
}

TEST_F(MergeSchedulerTest, WhoWaitsForMergesIsNotToldOfSpaceThatWasMissing) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  FillDisk();
  MergeScheduler scheduler(*core_);
  EXPECT_THAT(scheduler.WaitUntilIdle(), StatusIs(kResourceExhausted));
  faulty_.Clear();
  EXPECT_OK(scheduler.WaitUntilIdle());
  EXPECT_OK(scheduler.error());
  EXPECT_EQ(core_->views.Hold()->runs.size(), 1u);
}

TEST_F(MergeSchedulerTest, WithoutSpaceTheThreadsDoNotDriveOneAnother) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  FillDisk();
  MergeScheduler scheduler(*core_);
  EXPECT_THAT(scheduler.WaitUntilIdle(), StatusIs(kResourceExhausted));
  const auto start = std::chrono::steady_clock::now();
  const uint64_t before = faulty_.injected_count();
  for (int i = 0; i < 100; ++i) {
    scheduler.Wake();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const uint64_t tries = faulty_.injected_count() - before;
  // One every half second, and two that may have been under way.
  const auto half_seconds =
      static_cast<uint64_t>((std::chrono::steady_clock::now() - start) /
                            std::chrono::milliseconds(500));
  EXPECT_LE(tries, half_seconds + 2);
}

TEST_F(MergeSchedulerTest, ACompactionWithoutSpaceIsItsCallersAffair) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  MergeScheduler scheduler(*core_);
  ASSERT_OK(scheduler.WaitUntilIdle());
  faulty_.Inject({.op = FileOp::kCreate, .sticky = true, .error = ENOSPC});
  EXPECT_THAT(scheduler.CompactRange({}), StatusIs(kResourceExhausted));
  EXPECT_OK(scheduler.error());
  EXPECT_OK(scheduler.WaitUntilIdle());
  EXPECT_EQ(core_->throttle.Describe(), "free");
}

TEST_F(MergeSchedulerTest, WantOfMemoryIsNotTakenForDamage) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  faulty_.Inject({.op = FileOp::kRead,
                  .path_contains = ".seg",
                  .sticky = true,
                  .error = ENOMEM});
  core_->options.automatic_merges = false;
  MergeScheduler scheduler(*core_);
  EXPECT_THAT(scheduler.CompactRange({}), StatusIs(kResourceExhausted));
  EXPECT_GT(faulty_.injected_count(), 0u);
  EXPECT_EQ(core_->counters.checksum_failures.Sum(), 0);
  EXPECT_EQ(core_->views.Hold()->runs.size(), 8u);
  faulty_.Clear();
  EXPECT_OK(scheduler.CompactRange({}));
  EXPECT_EQ(core_->views.Hold()->runs.size(), 1u);
}

TEST_F(MergeSchedulerTest, ADirectoryThatAMergeCannotSyncEndsAllWriting) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  faulty_.Inject({.op = FileOp::kSyncDirectory, .error = ENOSPC});
  MergeScheduler scheduler(*core_);
  EXPECT_THAT(scheduler.WaitUntilIdle(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ENOSPC")));
  EXPECT_EQ(faulty_.injected_count(), 1u);
  EXPECT_THAT(
      core_->write_error.Check(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ENOSPC")));
}

TEST_F(MergeSchedulerTest, WhatHaltedMergingIsToldUntilItIsOver) {
  ASSERT_NO_FATAL_FAILURE(OpenWithRuns(8));
  faulty_.Inject(
      {.op = FileOp::kCreate, .path_contains = ".tbl", .error = EIO});
  MergeScheduler scheduler(*core_);
  EXPECT_THAT(scheduler.WaitUntilIdle(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(".tbl")));
  // Nobody waits for what never comes.
  EXPECT_OK(core_->throttle.Admit(1, 1 << 20));
  EXPECT_EQ(core_->views.Hold()->runs.size(), 8u);
  EXPECT_THAT(scheduler.error(), StatusIs(absl::StatusCode::kUnavailable));
  // On request it is tried again.
  EXPECT_OK(scheduler.CompactRange({}));
  EXPECT_EQ(core_->views.Hold()->runs.size(), 1u);
  EXPECT_OK(scheduler.error());
}

}  // namespace
}  // namespace quire::kv_internal
