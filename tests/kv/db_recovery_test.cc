// What is left after an unclean stop: the files of a running database are
// copied as they stand (what a kill leaves), cut, and opened.

#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

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
using ::quire::testing::Model;
using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

std::string Key(int i) { return "key" + std::to_string(i); }

class DbRecoveryTest : public ::testing::Test {
 protected:
  DbRecoveryTest() { options_.create_if_missing = true; }

  // The files as a kill at this moment would leave them.
  std::string Kill(const std::string& name) {
    std::string copy = dir_.File(name);
    fs::remove_all(copy);
    fs::copy(Path(), copy);
    return copy;
  }
  std::string Path() const { return dir_.File("db"); }
  static std::string NewestSegment(const std::string& path) {
    std::string newest;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == ".seg") {
        newest = std::max(newest, entry.path().string());
      }
    }
    return newest;
  }

  testing::TempDirectory dir_;
  Options options_;
};

TEST_F(DbRecoveryTest, EverythingWrittenSurvivesAKill) {
  options_.memtable_bytes = 64 << 10;
  // A merge may remove a file while the copy is being made.
  options_.automatic_merges = false;
  auto db = DB::Open(options_, Path());
  ASSERT_OK(db.status());
  Model model;
  for (int i = 0; i < 3000; ++i) {
    const std::string value(static_cast<size_t>(i) % 300, 'v');
    ASSERT_OK((*db)->Put({.sync = i % 50 == 0}, Key(i % 1000), value));
    model[Key(i % 1000)] = value;
    if (i % 700 != 0) continue;
    auto killed = DB::Open(options_, Kill("killed"));
    ASSERT_OK(killed.status());
    EXPECT_EQ(Dump(**killed), model);
    // And once more, after a recovery that was itself closed cleanly.
    ASSERT_OK((*killed)->Close());
    killed = DB::Open(options_, dir_.File("killed"));
    ASSERT_OK(killed.status());
    EXPECT_EQ(Dump(**killed), model);
  }
}

// Cuts the log at many lengths, every group boundary among them: what was
// synced is there or the open is refused; of the rest a prefix, never half a
// batch.
TEST_F(DbRecoveryTest, EveryCutOfTheLogLeavesAPrefixOrIsRefused) {
  auto db = DB::Open(options_, Path());
  ASSERT_OK(db.status());
  std::vector<Model> states = {{}};
  std::vector<uint64_t> ends;  // of the log after each batch
  for (int i = 0; i < 12; ++i) {
    WriteBatch batch;
    Model next = states.back();
    for (int j = 0; j < 3; ++j) {
      const std::string value = std::to_string(i) + std::string(20, 'x');
      batch.Put(Key(j), value);
      batch.Put(Key(i * 10 + j), value);
      next[Key(j)] = next[Key(i * 10 + j)] = value;
    }
    ASSERT_OK((*db)->Write({}, batch));
    states.push_back(next);
    ends.push_back(fs::file_size(NewestSegment(Path())));
  }
  const std::string segment =
      fs::path(NewestSegment(Path())).filename().string();
  std::set<uint64_t> cuts;
  for (uint64_t end : ends) cuts.insert({end - 8, end - 1, end});
  for (uint64_t at = 4096; at < ends.back(); at += 56) cuts.insert(at);
  for (uint64_t cut : cuts) {
    const std::string copy = Kill("cut");
    fs::resize_file(copy + "/" + segment, cut);
    size_t whole = 0;
    while (whole < ends.size() && ends[whole] <= cut) ++whole;
    auto cut_db = DB::Open(options_, copy);
    ASSERT_OK(cut_db.status()) << "cut at " << cut;
    EXPECT_EQ(Dump(**cut_db), states[whole]) << "cut at " << cut;
  }
}

TEST_F(DbRecoveryTest, DamageBelowWhatWasSyncedIsRefusedAndNothingIsChanged) {
  auto db = DB::Open(options_, Path());
  ASSERT_OK(db.status());
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK((*db)->Put({.sync = true}, Key(i), "value"));
  }
  const std::string copy = Kill("damaged");
  const std::string segment = NewestSegment(copy);
  std::string content = testing::ReadFile(segment);
  content[4096 + 70] = static_cast<char>(content[4096 + 70] ^ 1);
  testing::WriteFile(segment, content);
  EXPECT_THAT(
      DB::Open(options_, copy).status(),
      StatusIs(absl::StatusCode::kDataLoss,
               ::testing::AllOf(HasSubstr(segment), HasSubstr("offset 4"))));
  EXPECT_EQ(testing::ReadFile(segment), content);
}

TEST_F(DbRecoveryTest, DroppedTailIsKeptAsideAndReported) {
  auto db = DB::Open(options_, Path());
  ASSERT_OK(db.status());
  ASSERT_OK((*db)->Put({}, "a", "1"));
  ASSERT_OK((*db)->Put({}, "b", "2"));
  const std::string copy = Kill("torn");
  const std::string segment = NewestSegment(copy);
  fs::resize_file(segment, fs::file_size(segment) - 8);
  auto torn = DB::Open(options_, copy);
  ASSERT_OK(torn.status());
  EXPECT_EQ(Dump(**torn), (Model{{"a", "1"}}));
  EXPECT_THAT(*(*torn)->GetProperty("quire.recovery"), HasSubstr("dropped"));
  EXPECT_TRUE(fs::exists(fs::path(segment).replace_extension(".lost")));
}

TEST_F(DbRecoveryTest, NoSpaceFailsThatWriteOnlyAndTheNextSucceeds) {
  FaultyFileSystem faulty(io::PosixFileSystem());
  options_.file_system = &faulty;
  auto db = DB::Open(options_, Path());
  ASSERT_OK(db.status());
  ASSERT_OK((*db)->Put({}, "a", "1"));
  faulty.Inject({.op = FileOp::kWrite,
                 .path_contains = ".seg",
                 .error = ENOSPC,
                 .partial_bytes = 30});
  EXPECT_THAT((*db)->Put({}, "b", "2"),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(faulty.injected_count(), 1u);
  std::string value;
  EXPECT_THAT((*db)->Get({}, "b", &value),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK((*db)->Put({}, "c", "3"));
  const Model expected = {{"a", "1"}, {"c", "3"}};
  EXPECT_EQ(Dump(**db), expected);
  auto killed = DB::Open(Options(), Kill("killed"));
  ASSERT_OK(killed.status());
  EXPECT_EQ(Dump(**killed), expected);
}

TEST_F(DbRecoveryTest, FailedSyncRefusesWritesKeepsReadsAndReopenRecovers) {
  FaultyFileSystem faulty(io::PosixFileSystem());
  options_.file_system = &faulty;
  {
    auto db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    ASSERT_OK((*db)->Put({.sync = true}, "a", "1"));
    faulty.Inject({.op = FileOp::kSync, .path_contains = ".seg"});
    EXPECT_FALSE((*db)->Put({.sync = true}, "b", "2").ok());
    EXPECT_EQ(faulty.injected_count(), 1u);
    EXPECT_THAT(
        (*db)->Put({}, "c", "3"),
        StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("EIO")));
    std::string value;
    EXPECT_OK((*db)->Get({}, "a", &value));
    EXPECT_THAT((*db)->Get({}, "b", &value),
                StatusIs(absl::StatusCode::kNotFound));
  }
  faulty.Clear();
  auto db = DB::Open(options_, Path());
  ASSERT_OK(db.status());
  Model model = Dump(**db);
  EXPECT_EQ(model["a"], "1");
  EXPECT_FALSE(model.contains("c"));
  ASSERT_OK((*db)->Put({.sync = true}, "d", "4"));
}

TEST_F(DbRecoveryTest, ASyncThatFailsForWantOfSpaceIsFinalToo) {
  struct Sync {
    FileOp op;
    const char* path;
    uint64_t nth;
  };
  // Of the log; of the directory for a new log, and for the table of a run.
  for (const Sync& sync :
       {Sync{FileOp::kSync, ".seg", 1}, Sync{FileOp::kSyncDirectory, "db", 1},
        Sync{FileOp::kSyncDirectory, "db", 2}}) {
    fs::remove_all(Path());
    FaultyFileSystem faulty(io::PosixFileSystem());
    options_.file_system = &faulty;
    auto db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    ASSERT_OK((*db)->Put({}, "a", "1"));
    faulty.Inject({.op = sync.op,
                   .path_contains = sync.path,
                   .nth = sync.nth,
                   .error = EDQUOT});
    EXPECT_THAT(sync.op == FileOp::kSync ? (*db)->Put({.sync = true}, "b", "2")
                                         : (*db)->FlushMemtables(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("EDQUOT")));
    EXPECT_EQ(faulty.injected_count(), 1u);
    EXPECT_THAT(
        (*db)->Put({}, "c", "3"),
        StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("EDQUOT")));
    (*db).reset();
    db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    EXPECT_THAT(Dump(**db), ::testing::Contains(Model::value_type("a", "1")));
  }
}

// Every operation of the file system fails once, in the whole life of a small
// database: no acknowledged write may be lost, and no wrong answer given.
TEST_F(DbRecoveryTest, AnyOneFailureLosesNothingAcknowledged) {
  options_.memtable_bytes = 64 << 10;
  // The same operations in the same order each time.
  options_.automatic_merges = false;
  uint64_t points = 0;
  for (int error : {EIO, ENOSPC}) {
    for (uint64_t nth = 1;; ++nth) {
      FaultyFileSystem faulty(io::PosixFileSystem());
      faulty.Inject({.op = FileOp::kAny, .nth = nth, .error = error});
      const std::string path = dir_.File("faulty");
      fs::remove_all(path);
      options_.file_system = &faulty;
      Model acknowledged;
      std::map<std::string, std::vector<std::string>> tried;
      if (auto db = DB::Open(options_, path); db.ok()) {
        for (int i = 0; i < 40; ++i) {
          const std::string value = std::to_string(i) + std::string(3000, 'v');
          tried[Key(i % 15)].push_back(value);
          if ((*db)->Put({.sync = i % 4 == 0}, Key(i % 15), value).ok()) {
            acknowledged[Key(i % 15)] = value;
            tried[Key(i % 15)] = {value};
          }
          if (i == 20) (*db)->FlushMemtables().IgnoreError();
          if (i % 15 == 14) (*db)->CompactRange({}).IgnoreError();
        }
        (*db)->Close().IgnoreError();
      }
      const bool injected = faulty.injected_count() > 0;
      faulty.Clear();
      auto db = DB::Open(options_, path);
      ASSERT_OK(db.status()) << "operation " << nth << ", errno " << error;
      const Model found = Dump(**db);
      for (const auto& [key, value] : acknowledged) {
        ASSERT_TRUE(found.contains(key)) << key << ", operation " << nth;
        EXPECT_THAT(tried[key], ::testing::Contains(found.at(key)))
            << key << ", operation " << nth << ", errno " << error;
      }
      ASSERT_OK((*db)->Close());
      ++points;
      if (!injected) break;
    }
  }
  EXPECT_GT(points, 50u);
  RecordProperty("fault_points", std::to_string(points));
}

}  // namespace
}  // namespace quire
