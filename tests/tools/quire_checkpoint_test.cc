// `quire checkpoint`, with and without somebody who has the database open.
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

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

class QuireCheckpointTest : public ::testing::Test {
 protected:
  QuireCheckpointTest()
      : directory_(MakeTestDirectory()),
        db_path_(directory_ + "/db"),
        copy_path_(directory_ + "/copy") {}

  void Open() {
    Options options;
    options.create_if_missing = true;
    QUIRE_ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, db_path_));
  }

  const std::string directory_;
  const std::string db_path_;
  const std::string copy_path_;
  std::unique_ptr<DB> db_;
};

TEST_F(QuireCheckpointTest, CopiesADatabaseThatNobodyHasOpen) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(db_->Put({}, "a", "1"));
  ASSERT_OK(db_->Close());
  EXPECT_EQ(RunToolOk({"checkpoint", db_path_, copy_path_}), "");
  EXPECT_EQ(RunToolOk({"dump", copy_path_}), "a\t1\n");
  EXPECT_THAT(RunToolOk({"verify", copy_path_}), HasSubstr("problems=0"));
  EXPECT_THAT(RunToolOk({"files", copy_path_}), HasSubstr("closed cleanly"));
  EXPECT_EQ(RunToolOk({"dump", db_path_}), "a\t1\n");
}

TEST_F(QuireCheckpointTest, RecoversWhatWasNotClosedFirst) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(db_->Put({}, "a", "1"));
  const std::string killed = directory_ + "/killed";
  fs::copy(db_path_, killed);
  EXPECT_EQ(RunToolOk({"checkpoint", killed, copy_path_}), "");
  EXPECT_EQ(RunToolOk({"dump", copy_path_}), "a\t1\n");
  ASSERT_OK(db_->Close());
}

TEST_F(QuireCheckpointTest, CopiesTheRunsBesideAWriterAndSaysWhatIsLeftOut) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_OK(db_->Put({}, "a", "1"));
  ASSERT_OK(db_->FlushMemtables());
  ASSERT_OK(db_->Put({}, "b", "2"));
  const ToolResult result = RunTool({"checkpoint", db_path_, copy_path_});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("left out"),
                                HasSubstr(std::to_string(::getpid()))));
  EXPECT_EQ(RunToolOk({"dump", copy_path_}), "a\t1\n");
  EXPECT_THAT(RunToolOk({"verify", copy_path_}), HasSubstr("problems=0"));
  // The copy is a database of its own.
  EXPECT_EQ(RunToolOk({"put", copy_path_, "c", "3"}), "");
  EXPECT_EQ(RunToolOk({"dump", copy_path_}), "a\t1\nc\t3\n");
  EXPECT_EQ(RunToolOk({"dump", db_path_}), "a\t1\nb\t2\n");
  ASSERT_OK(db_->Close());
}

TEST_F(QuireCheckpointTest, RefusesWhatIsNoDatabaseAndAFullTarget) {
  ToolResult result = RunTool({"checkpoint", db_path_, copy_path_});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr(db_path_));
  EXPECT_FALSE(fs::exists(copy_path_));
  ASSERT_NO_FATAL_FAILURE(Open());
  for (const bool is_open : {true, false}) {
    result = RunTool({"checkpoint", db_path_, directory_});
    EXPECT_EQ(result.exit_code, 4);
    EXPECT_THAT(result.err,
                AllOf(HasSubstr(directory_), HasSubstr("not empty")));
    if (is_open) {
      ASSERT_OK(db_->Close());
    }
  }
  EXPECT_EQ(RunToolOk({"dump", db_path_}), "");
}

}  // namespace
}  // namespace quire::testing
