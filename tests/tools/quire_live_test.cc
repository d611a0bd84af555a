// `quire` beside a process that has the database open, and where nothing can be
// written.
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/status_matchers.h"
#include "tests/tools/run_tool.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kReadModes[] = {"pread", "buffered", "mmap", "direct"};

// Names, contents and times of a directory's files.
std::map<std::string, std::pair<std::string, fs::file_time_type>> Snapshot(
    const std::string& directory) {
  std::map<std::string, std::pair<std::string, fs::file_time_type>> files;
  for (const auto& file : fs::directory_iterator(directory)) {
    std::ostringstream text;
    text << std::ifstream(file.path(), std::ios::binary).rdbuf();
    files[file.path().filename().string()] = {text.str(),
                                              fs::last_write_time(file)};
  }
  return files;
}

class QuireLiveTest : public ::testing::Test {
 protected:
  QuireLiveTest() : db_path_(MakeTestDirectory() + "/db") {}

  void Open(bool automatic_merges = true) {
    Options options;
    options.create_if_missing = true;
    options.automatic_merges = automatic_merges;
    options.memtable_bytes = 64 << 10;
    QUIRE_ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, db_path_));
  }

  // Puts entries that fill several memtables, and leaves some in the last one.
  // Returns what `dump` must print.
  std::string Fill() {
    std::string expected;
    for (int i = 1000; i < 3000; ++i) {
      const std::string key = "key" + std::to_string(i);
      const std::string value(100, static_cast<char>('a' + i % 26));
      EXPECT_OK(db_->Put({}, key, value));
      expected += key + "\t" + value + "\n";
    }
    return expected;
  }

  const std::string db_path_;
  std::unique_ptr<DB> db_;
};

TEST_F(QuireLiveTest, ReadsBesideAWriterInEveryMode) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string expected = Fill();
  for (const char* mode : kReadModes) {
    const std::string flag = std::string("--read-mode=") + mode;
    EXPECT_EQ(RunToolOk({"dump", flag, db_path_}), expected) << mode;
    EXPECT_EQ(RunToolOk({"get", flag, db_path_, "key2999"}),
              std::string(100, static_cast<char>('a' + 2999 % 26)) + "\n");
  }
  EXPECT_THAT(RunToolOk({"verify", db_path_}), HasSubstr("problems=0"));
  EXPECT_THAT(RunToolOk({"files", db_path_}), HasSubstr(" active "));
  EXPECT_THAT(RunToolOk({"manifest", db_path_}), HasSubstr("not closed"));
  // The writer goes on, and what it writes is seen.
  EXPECT_OK(db_->Put({.sync = true}, "later", "written"));
  EXPECT_EQ(RunToolOk({"get", db_path_, "later"}), "written\n");
  EXPECT_OK(db_->Close());
}

TEST_F(QuireLiveTest, FindsNoProblemBesideAWriterThatGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Open());
  std::atomic<bool> stop{false};
  std::atomic<int> round{0};
  std::thread writer([&] {
    for (int written = 0; !stop; ++written) {
      // Not further ahead than a few memtables for each look at it.
      while (written > round * 10 && !stop) std::this_thread::yield();
      for (int i = 0; i < 100; ++i) {
        const std::string key = "key" + std::to_string((written + i) % 500);
        EXPECT_OK(db_->Put({.sync = i == 0}, key, std::string(500, 'v')));
      }
    }
  });
  for (; round < 8; ++round) {
    EXPECT_THAT(RunToolOk({"verify", db_path_}), HasSubstr("problems=0"));
    EXPECT_THAT(RunToolOk({"files", db_path_}), Not(HasSubstr(" missing ")));
    RunToolOk({"dump", "--count", db_path_});
    RunToolOk({"manifest", db_path_});
  }
  stop = true;
  writer.join();
  EXPECT_OK(db_->Close());
}

TEST_F(QuireLiveTest, WritingIsRefusedWhileAnotherProcessHoldsTheDatabase) {
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_OK(db_->Put({}, "k", "v"));
  const std::string holder = "held by pid " + std::to_string(::getpid());
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"put", db_path_, "k", "w"},
                                             {"delete", db_path_, "k"},
                                             {"load", db_path_}}) {
    const ToolResult result = RunTool(arguments);
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.err, AllOf(HasSubstr(db_path_), HasSubstr(holder)));
  }
  std::string value;
  EXPECT_OK(db_->Get({}, "k", &value));
  EXPECT_EQ(value, "v");
}

TEST_F(QuireLiveTest, ReadingChangesNothingAndNeedsNoRightToWrite) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::string expected = Fill();
  ASSERT_OK(db_->Close());
  db_.reset();
  for (const auto& file : fs::directory_iterator(db_path_)) {
    fs::permissions(file, fs::perms(0444));
  }
  fs::permissions(db_path_, fs::perms(0555));
  const auto before = Snapshot(db_path_);
  const auto run = [](const std::vector<std::string>& arguments) {
    const ToolResult result = RunTool(arguments, {.obey_modes = true});
    EXPECT_EQ(result.exit_code, 0) << ::testing::PrintToString(arguments);
    EXPECT_EQ(result.err, "") << ::testing::PrintToString(arguments);
    return result.out;
  };
  for (const char* mode : kReadModes) {
    const std::string flag = std::string("--read-mode=") + mode;
    EXPECT_EQ(run({"dump", flag, db_path_}), expected) << mode;
    EXPECT_THAT(run({"verify", flag, db_path_}), HasSubstr("problems=0"));
  }
  run({"stat", db_path_});
  run({"files", db_path_});
  run({"manifest", db_path_});
  const ToolResult put =
      RunTool({"put", db_path_, "k", "v"}, {.obey_modes = true});
  EXPECT_EQ(put.exit_code, 3);
  EXPECT_THAT(put.err, AllOf(HasSubstr(db_path_), HasSubstr("EACCES")));
  EXPECT_EQ(Snapshot(db_path_), before);
  fs::permissions(db_path_, fs::perms(0755));
}

TEST_F(QuireLiveTest, ReadsADatabaseThatWasNotClosedWithoutChangingIt) {
  ASSERT_NO_FATAL_FAILURE(Open(/*automatic_merges=*/false));
  std::string expected = Fill();
  // Nothing is made in the background after this, so that a copy of the files,
  // which takes one after the other, is what a killed process leaves.
  ASSERT_OK(db_->FlushMemtables());
  EXPECT_OK(db_->Put({}, "key3000", "in the log alone"));
  expected += "key3000\tin the log alone\n";
  ASSERT_OK(db_->Sync());
  const std::string copy = MakeTestDirectory() + "/copy";
  fs::copy(db_path_, copy);
  const auto before = Snapshot(copy);
  EXPECT_EQ(RunToolOk({"dump", copy}), expected);
  EXPECT_THAT(RunToolOk({"verify", copy}), HasSubstr("problems=0"));
  EXPECT_EQ(Snapshot(copy), before);
  EXPECT_THAT(RunToolOk({"put", copy, "key3001", "v"}), "");
  EXPECT_EQ(RunToolOk({"dump", copy}), expected + "key3001\tv\n");
  EXPECT_THAT(RunToolOk({"verify", copy}), HasSubstr("problems=0"));
  EXPECT_OK(db_->Close());
}

}  // namespace
}  // namespace quire::testing
