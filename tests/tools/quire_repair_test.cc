// `quire repair`: what it makes, says and returns.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/tools/run_tool.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class QuireRepairTest : public ::testing::Test {
 protected:
  QuireRepairTest()
      : directory_(MakeTestDirectory()),
        db_(directory_ + "/db"),
        to_(directory_ + "/to") {
    std::string input;
    for (int i = 0; i < 500; ++i) {
      input +=
          "key" + std::to_string(1000 + i) + "\t" + std::string(50, 'v') + "\n";
    }
    RunToolOk({"load", "--batch=10", db_}, input);
    dump_ = RunToolOk({"dump", db_});
  }

  std::string Segment() const {
    for (const auto& file : fs::directory_iterator(db_)) {
      if (file.path().extension() == ".seg") return file.path().string();
    }
    ADD_FAILURE() << "no segment";
    return "";
  }

  // Changes one byte of the value of key1234.
  void Damage() {
    std::fstream file(Segment(),
                      std::ios::binary | std::ios::in | std::ios::out);
    std::ostringstream text;
    text << file.rdbuf();
    const size_t at = text.str().find("key1234");
    ASSERT_NE(at, std::string::npos);
    file.seekp(static_cast<std::streamoff>(at + 20));
    file.put('x');
  }

  std::string DumpWithoutTheLost() const {
    const size_t at = dump_.find("key1234");
    return dump_.substr(0, at) + dump_.substr(dump_.find('\n', at) + 1);
  }

  const std::string directory_;
  const std::string db_;
  const std::string to_;
  std::string dump_;
};

TEST_F(QuireRepairTest, NothingLostIsZero) {
  const ToolResult result = RunTool({"repair", db_, to_});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              AllOf(StartsWith("repaired segments=1 records=500"),
                    HasSubstr("lost_ranges=0"), HasSubstr("manifest_usable=1"),
                    Not(HasSubstr("originals"))));
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(RunToolOk({"dump", to_}), dump_);
  EXPECT_THAT(RunToolOk({"verify", to_}), HasSubstr("problems=0"));
}

TEST_F(QuireRepairTest, WhatIsLostIsListedAndOne) {
  Damage();
  const std::string name = fs::path(Segment()).filename().string();
  const ToolResult result = RunTool({"repair", db_, to_});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out,
              AllOf(ContainsRegex("lost file=" + name +
                                  " offset=[0-9]+ size=88 what=\""),
                    HasSubstr("records=499"), HasSubstr("lost_bytes=88")));
  EXPECT_EQ(RunToolOk({"dump", to_}), DumpWithoutTheLost());
  EXPECT_THAT(RunToolOk({"verify", to_}), HasSubstr("problems=0"));
  EXPECT_EQ(RunTool({"verify", db_}).exit_code, 1);
}

TEST_F(QuireRepairTest, JsonIsAnObjectForEachLine) {
  Damage();
  fs::remove(db_ + "/CURRENT");
  const ToolResult result = RunTool({"repair", "--json", db_, to_});
  EXPECT_EQ(result.exit_code, 1);
  std::istringstream lines(result.out);
  std::vector<nlohmann::json> objects;
  for (std::string line; std::getline(lines, line);) {
    objects.push_back(nlohmann::json::parse(line, nullptr, false));
    ASSERT_TRUE(objects.back().is_object()) << line;
  }
  ASSERT_THAT(objects, SizeIs(3));
  EXPECT_EQ(objects[0].at("severity"), "lost");
  EXPECT_EQ(objects[0].at("size"), 88);
  EXPECT_EQ(objects[1].at("severity"), "warning");
  EXPECT_EQ(objects[2].at("severity"), "summary");
  EXPECT_EQ(objects[2].at("records"), 499);
}

TEST_F(QuireRepairTest, ForceRepairsInPlaceAndKeepsTheOriginals) {
  Damage();
  const ToolResult result = RunTool({"repair", "--force", db_});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("originals=damaged-1"));
  EXPECT_EQ(RunToolOk({"dump", db_}), DumpWithoutTheLost());
  EXPECT_THAT(RunToolOk({"verify", db_}), HasSubstr("problems=0"));
  EXPECT_EQ(RunTool({"verify", db_ + "/damaged-1"}).exit_code, 1);
}

TEST_F(QuireRepairTest, WhatCantBeDoneIsToldByTheExitCode) {
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
    std::string message;
  } cases[] = {
      {{"repair", db_}, 2, "TO is missing"},
      {{"repair", "--force", db_, to_}, 2, "there is no TO"},
      {{"repair", "--memtable-size=1", db_, to_}, 2, "memtable_bytes"},
      {{"repair", to_, directory_ + "/x"}, 3, "no file of a database"},
      {{"repair", db_, db_}, 3, "empty directory"},
      {{"repair", db_, directory_ + "/missing/to"}, 3, "missing"},
  };
  for (const auto& failure : cases) {
    SCOPED_TRACE(::testing::PrintToString(failure.arguments));
    const ToolResult result = RunTool(failure.arguments);
    EXPECT_EQ(result.exit_code, failure.exit_code);
    EXPECT_THAT(result.err, HasSubstr(failure.message));
  }
}

}  // namespace
}  // namespace quire::testing
