// DB::Refresh: what a read-only open sees of a database that goes on.

#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "tests/kv/database_model.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::Dump;
using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOk;
using ::quire::testing::Model;
using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class RefreshTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  RefreshTest() : faulty_(io::PosixFileSystem()) {}

  void SetUp() override {
    Options options;
    options.create_if_missing = true;
    options.memtable_bytes = 64 << 10;
    auto writer = DB::Open(options, Path());
    ASSERT_OK(writer.status());
    writer_ = *std::move(writer);
  }

  void OpenReader() {
    Options options;
    options.read_only = true;
    options.provider.read_mode = GetParam();
    options.provider.cache_bytes = 1 << 20;
    options.file_system = &faulty_;
    auto reader = DB::Open(options, Path());
    ASSERT_OK(reader.status());
    reader_ = *std::move(reader);
  }

  // Several runs' worth, and something in the log.
  void Write(int round) {
    testing::OverwriteAndDelete(*writer_, 300, round, model_);
  }

  std::string Path() const { return dir_.File("db"); }

  testing::TempDirectory dir_;
  FaultyFileSystem faulty_;  // of the reader
  std::unique_ptr<DB> writer_;
  std::unique_ptr<DB> reader_;
  Model model_;
};

TEST_P(RefreshTest, SeesWhatWasWrittenSinceAndNothingOfItBefore) {
  OpenReader();
  EXPECT_EQ(Dump(*reader_), Model());
  Model before;
  for (int round = 0; round < 4; ++round) {
    Write(round);
    EXPECT_EQ(Dump(*reader_), before);
    ASSERT_OK(reader_->Refresh());
    EXPECT_EQ(Dump(*reader_), model_);
    before = model_;
  }
  std::string value;
  ASSERT_OK(reader_->Get({}, model_.begin()->first, &value));
  EXPECT_EQ(value, model_.begin()->second);
  // Whether the writer is there or not.
  ASSERT_OK(writer_->Close());
  ASSERT_OK(reader_->Refresh());
  EXPECT_EQ(Dump(*reader_), model_);
  EXPECT_EQ(reader_->GetProperty("quire.recovery"), "");
}

TEST_P(RefreshTest, IteratorsSnapshotsAndPinsKeepTheStateOfBefore) {
  Write(0);
  OpenReader();
  const Model before = model_;
  const std::string key = before.begin()->first;
  const auto snapshot = reader_->GetSnapshot();
  auto it = reader_->NewIterator({});
  it->SeekToFirst();
  PinnedValue pinned;
  ASSERT_OK(reader_->Get({}, key, &pinned));
  for (int round = 1; round < 4; ++round) {
    Write(round);
    ASSERT_OK(writer_->FlushMemtables());
    ASSERT_OK(reader_->Refresh());
  }
  EXPECT_EQ(Dump(*reader_), model_);
  EXPECT_EQ(Dump(*reader_, snapshot.get()), before);
  EXPECT_EQ(pinned.value(), before.at(key));
  Model iterated;
  for (; it->Valid(); it->Next())
    iterated[std::string(it->key())] = *it->value();
  EXPECT_EQ(iterated, before);

  ReadOptions old;
  old.snapshot = snapshot.get();
  for (const auto& [name, expected] : before) {
    std::string value;
    ASSERT_OK(reader_->Get(old, name, &value));
    EXPECT_EQ(value, expected);
  }
  const std::vector<std::string_view> keys = {key, "none"};
  std::vector<PinnedValue> values(2);
  std::vector<absl::Status> statuses(2);
  reader_->MultiGet(old, keys, values, statuses);
  EXPECT_THAT(statuses[0], IsOk());
  EXPECT_EQ(values[0].value(), before.at(key));
  EXPECT_THAT(statuses[1], StatusIs(absl::StatusCode::kNotFound, ""));

  const auto newer = reader_->GetSnapshot();
  EXPECT_GT(newer->sequence(), snapshot->sequence());
  EXPECT_EQ(Dump(*reader_, newer.get()), model_);
}

TEST_P(RefreshTest, KeepsFilesOpenThatAreStillInUse) {
  Write(0);
  ASSERT_OK(writer_->Close());
  OpenReader();
  while (reader_->GetStats().index_resident_bytes == 0) {
    std::this_thread::yield();
  }
  // No table and no segment is opened again, so none of this is met.
  for (const char* kind : {".tbl", ".seg"}) {
    faulty_.Inject({.op = FileOp::kOpen,
                    .path_contains = kind,
                    .sticky = true,
                    .error = EMFILE});
  }
  ASSERT_OK(reader_->Refresh());
  EXPECT_EQ(faulty_.injected_count(), 0u);
  EXPECT_GT(reader_->GetStats().index_resident_bytes, 0u);
  EXPECT_EQ(Dump(*reader_), model_);
}

TEST_P(RefreshTest, AfterAFailureTheStateOfBeforeStays) {
  Write(0);
  OpenReader();
  const Model before = model_;
  Write(1);
  for (const char* file : {"CURRENT", "MANIFEST", ".tbl", ".seg"}) {
    SCOPED_TRACE(file);
    faulty_.Inject({.op = FileOp::kOpen, .path_contains = file, .error = EIO});
    EXPECT_THAT(reader_->Refresh(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr(file)));
    faulty_.Clear();
    EXPECT_EQ(Dump(*reader_), before);
  }
  ASSERT_OK(reader_->Refresh());
  EXPECT_EQ(Dump(*reader_), model_);
}

TEST_P(RefreshTest, WhatIsMissingForAMomentIsLookedForAgain) {
  Write(0);
  OpenReader();
  for (const char* file : {"MANIFEST", ".tbl", ".seg"}) {
    SCOPED_TRACE(file);
    Write(1);
    // So that there is a new file of each kind, and stays.
    ASSERT_OK(writer_->FlushMemtables());
    ASSERT_OK(writer_->WaitForMerges());
    // Read first: the thread that loads the index may be the one that meets it.
    const uint64_t before = faulty_.injected_count();
    faulty_.Inject(
        {.op = FileOp::kOpen, .path_contains = file, .error = ENOENT});
    ASSERT_OK(reader_->Refresh());
    EXPECT_EQ(faulty_.injected_count(), before + 1);
    faulty_.Clear();
    EXPECT_EQ(Dump(*reader_), model_);
    EXPECT_EQ(reader_->GetProperty("quire.recovery"), "");
  }
}

TEST_P(RefreshTest, WhatStaysMissingIsDataLossOrATableDoneWithout) {
  Write(0);
  OpenReader();
  const Model before = model_;
  Write(1);
  ASSERT_OK(writer_->Close());
  faulty_.Inject({.op = FileOp::kOpen,
                  .path_contains = ".seg",
                  .sticky = true,
                  .error = ENOENT});
  EXPECT_THAT(reader_->Refresh(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("missing")));
  EXPECT_EQ(Dump(*reader_), before);
  faulty_.Clear();
  faulty_.Inject({.op = FileOp::kOpen,
                  .path_contains = ".tbl",
                  .sticky = true,
                  .error = ENOENT});
  ASSERT_OK(reader_->Refresh());
  EXPECT_EQ(Dump(*reader_), model_);
  EXPECT_THAT(*reader_->GetProperty("quire.recovery"),
              HasSubstr("table not used"));
  faulty_.Clear();
  ASSERT_OK(reader_->Refresh());
  EXPECT_EQ(Dump(*reader_), model_);
  EXPECT_EQ(reader_->GetProperty("quire.recovery"), "");
}

TEST_P(RefreshTest, RefusesAnotherDatabaseInThePlace) {
  Write(0);
  OpenReader();
  ASSERT_OK(writer_->Close());
  fs::rename(Path(), dir_.File("moved"));
  ASSERT_NO_FATAL_FAILURE(SetUp());
  EXPECT_THAT(
      reader_->Refresh(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Path())));
  EXPECT_EQ(Dump(*reader_), model_);
}

TEST_P(RefreshTest, IsForReadOnlyOpens) {
  EXPECT_THAT(
      writer_->Refresh(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(Path())));
}

INSTANTIATE_TEST_SUITE_P(All, RefreshTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& instance) {
                           return io::ReadModeName(instance.param);
                         });

}  // namespace
}  // namespace quire
