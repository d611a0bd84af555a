// What `quire` says and returns when it can't do what it is asked for.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/checksum.h"
#include "tests/tools/run_tool.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

struct Failure {
  std::vector<std::string> arguments;
  int exit_code;
  std::string message;  // part of the standard error
  std::string input = "";
};

void ExpectFailures(const std::vector<Failure>& failures) {
  for (const Failure& failure : failures) {
    SCOPED_TRACE(::testing::PrintToString(failure.arguments));
    const ToolResult result =
        RunTool(failure.arguments, {.input = failure.input});
    EXPECT_EQ(result.exit_code, failure.exit_code);
    EXPECT_THAT(result.err, HasSubstr(failure.message));
  }
}

class QuireErrorsTest : public ::testing::Test {
 protected:
  QuireErrorsTest() : directory_(MakeTestDirectory()), db_(directory_ + "/db") {
    RunToolOk({"put", db_, "k", "v"});
  }

  // Path of the only file of the database with this ending.
  std::string FileEnding(const std::string& ending) const {
    for (const auto& file : fs::directory_iterator(db_)) {
      if (file.path().extension() == ending) return file.path().string();
    }
    ADD_FAILURE() << ending;
    return "";
  }

  std::string WriteFile(const std::string& name, const std::string& text) {
    std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  const std::string directory_;
  const std::string db_;
};

TEST_F(QuireErrorsTest, WrongUseNamesWhatIsWrong) {
  ExpectFailures({
      {{}, 2, "quire no command; see 'quire help'"},
      {{"dmup", db_}, 2, "no command \"dmup\""},
      {{"help", "dmup"}, 2, "no command \"dmup\""},
      {{"dump"}, 2, "quire dump: too few arguments\nUsage: quire dump "},
      {{"dump", db_, "x"}, 2, "one argument too many: \"x\""},
      {{"dump", "--form=a", db_}, 2, "unknown flag --form "},
      {{"get", db_, "k", "--reverse"}, 2, "unknown flag --reverse "},
      {{"get", db_, "-5"}, 2, "unknown flag -5 (put -- before"},
      {{"dump", db_, "--limit"}, 2, "--limit needs a value"},
      {{"dump", "--limit=x", db_}, 2, "--limit: expected a number, not \"x\""},
      {{"dump", "--format=xml", db_}, 2, "--format: expected one of escaped|"},
      {{"dump", "--count=yes", db_}, 2, "--count takes no value"},
      {{"dump", "--read-mode=disk", db_}, 2, "--read-mode: expected one of"},
      {{"dump", "--cache-size=1Q", db_}, 2, "--cache-size: expected a number"},
      {{"dump", "--key-format=hex", "--from=6", db_},
       2,
       "--from: \"6\" is not"},
      {{"get", "--key-format=escaped", db_, "\\"}, 2, "KEY: \"\\\\\" is not"},
      {{"put", "--value-format=hex", db_, "k", "x"}, 2, "VALUE: \"x\" is not"},
      {{"load", "--batch=0", db_}, 2, "--batch: expected at least 1"},
      {{"load", "--format=stanza", db_}, 2, "needs --key-fields"},
      {{"load", "--key-fields=A", db_}, 2, "are for --format=stanza"},
      {{"load", "--memtable-size=1", db_}, 2, "memtable"},
      {{"verify", "--rate-limit=x", db_}, 2, "--rate-limit: expected a number"},
  });
}

TEST_F(QuireErrorsTest, WhatCannotBeOpenedIsNamed) {
  const std::string missing = directory_ + "/missing";
  const std::string empty = MakeTestDirectory();
  const std::string file = WriteFile("file", "not a database\n");
  const std::string foreign = MakeTestDirectory();
  std::ofstream(foreign + "/notes.txt") << "mine\n";
  std::vector<Failure> failures;
  for (const std::string command : {"dump", "stat", "files", "verify"}) {
    failures.push_back({{command, missing}, 3, missing});
    failures.push_back({{command, empty}, 3, empty});
    failures.push_back({{command, file}, 3, file});
    failures.push_back({{command, foreign}, 3, foreign});
  }
  failures.push_back({{"get", missing, "k"}, 3, missing});
  failures.push_back({{"delete", missing, "k"}, 3, missing});
  failures.push_back({{"put", "--existing", missing, "k", "v"}, 3, missing});
  failures.push_back({{"load", "--existing", missing}, 3, missing});
  failures.push_back({{"put", foreign, "k", "v"}, 3, foreign});
  failures.push_back({{"manifest", missing}, 3, missing});
  failures.push_back({{"manifest", empty}, 3, empty});
  for (const std::string command : {"log", "table", "manifest"}) {
    failures.push_back({{command, missing}, 3, missing});
    failures.push_back({{command, file}, 3, file});
  }
  failures.push_back({{"log", FileEnding(".tbl")}, 3, "a table, not a log"});
  failures.push_back({{"table", FileEnding(".seg")}, 3, ".seg"});
  failures.push_back({{"manifest", FileEnding(".seg")}, 3, ".seg"});
  ExpectFailures(failures);
  EXPECT_FALSE(fs::exists(missing));
  EXPECT_TRUE(fs::is_empty(empty));
}

TEST_F(QuireErrorsTest, ANewerFormatIsRefused) {
  // The version stands behind the magic of 8 bytes; the last 8 bytes of CURRENT
  // and of a header page are the checksum of those before.
  for (const auto& file : fs::directory_iterator(db_)) {
    if (file.path().filename() == "LOCK") continue;
    std::fstream stream(file.path(),
                        std::ios::binary | std::ios::in | std::ios::out);
    std::string page(std::min<size_t>(fs::file_size(file), 4096), '\0');
    stream.read(page.data(), static_cast<std::streamsize>(page.size()));
    page[8] = 2;
    const size_t end = page.size() - sizeof(uint64_t);
    const uint64_t check =
        kv_internal::Checksum(std::string_view(page).substr(0, end));
    std::memcpy(page.data() + end, &check, sizeof check);
    stream.seekp(0);
    stream.write(page.data(), static_cast<std::streamsize>(page.size()));
  }
  ExpectFailures({{{"dump", db_}, 3, "CURRENT"},
                  {{"verify", db_}, 3, "CURRENT"},
                  {{"table", FileEnding(".tbl")}, 3, ".tbl"},
                  {{"log", FileEnding(".seg")}, 3, ".seg"}});
}

TEST_F(QuireErrorsTest, MalformedInputNamesItsLineAndKeepsWhatCameBefore) {
  const std::string db = directory_ + "/loaded";
  const ToolResult result =
      RunTool({"load", "--batch=2", db}, {.input = "a\t1\nb\t2\nc\t3\nd 4\n"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("line 4: no tab"));
  EXPECT_EQ(result.out, "loaded 3 entries\n");
  EXPECT_EQ(RunToolOk({"dump", db}), "a\t1\nb\t2\nc\t3\n");
}

TEST_F(QuireErrorsTest, KeysOverTheLimitAreRefused) {
  const std::string key(65536, 'k');
  const std::string largest(65535, 'k');
  ExpectFailures({
      {{"load", db_},
       5,
       "line 2: a key of 65536 bytes; at most 65535",
       "a\t1\n" + key + "\t2\n"},
      {{"put", db_, key, "v"}, 2, "65535"},
  });
  RunToolOk({"put", db_, largest, "v"});
  EXPECT_EQ(RunToolOk({"get", db_, largest}), "v\n");
  EXPECT_EQ(RunToolOk({"dump", "--keys-only", "--limit=1", db_}), "a\n");
}

TEST_F(QuireErrorsTest, OutputThatCannotBeWrittenIsExitCode6) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"dump", db_},
                                             {"get", db_, "k"},
                                             {"stat", db_},
                                             {"files", db_},
                                             {"verify", db_},
                                             {"help"}}) {
    SCOPED_TRACE(::testing::PrintToString(arguments));
    const ToolResult full = RunTool(arguments, {.output_path = "/dev/full"});
    EXPECT_EQ(full.exit_code, 6);
    EXPECT_THAT(full.err, HasSubstr("cannot write the output: No space left"));
    const ToolResult deaf = RunTool(arguments, {.deaf_output = true});
    EXPECT_EQ(deaf.exit_code, 6);
    EXPECT_THAT(deaf.err, HasSubstr("cannot write the output: Broken pipe"));
  }
}

TEST_F(QuireErrorsTest, ALoadWhoseProgressNobodyReadsStops) {
  std::string input;
  for (int i = 0; i < 1000; ++i) input += std::to_string(i) + "\tv\n";
  const std::string db = directory_ + "/loaded";
  const ToolResult result =
      RunTool({"load", "--progress", "--batch=10", db},
              {.input = input, .output_path = "/dev/full"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_EQ(RunToolOk({"dump", "--count", db}), "10\n");
}

TEST_F(QuireErrorsTest, UnreadableInputIsExitCode5) {
  // A directory can be opened and not read.
  RunningTool tool({"load", directory_ + "/loaded"}, directory_);
  EXPECT_EQ(tool.Wait(), 5);
}

}  // namespace
}  // namespace quire::testing
