// `quire` on damaged databases: what is readable is read, and every damaged
// place is named.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/seed.h"
#include "tests/tools/run_tool.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kEntries = 2000;

std::string Key(int i) { return "key" + std::to_string(10000 + i); }
std::string Value(int i) {
  return std::string(100, static_cast<char>('a' + i % 26));
}

class QuireDamageTest : public ::testing::Test {
 protected:
  QuireDamageTest() : db_(MakeTestDirectory() + "/db") {
    std::string input;
    for (int i = 0; i < kEntries; ++i) {
      expected_.push_back(Key(i) + "\t" + Value(i) + "\n");
      input += expected_.back();
    }
    RunToolOk({"load", "--batch=100", db_}, input);
  }

  // Path of the only file whose name contains `part`.
  std::string FileNamed(const std::string& part) const {
    std::vector<std::string> found;
    for (const auto& file : fs::directory_iterator(db_)) {
      const std::string name = file.path().filename().string();
      if (name.find(part) != std::string::npos) {
        found.push_back(file.path().string());
      }
    }
    EXPECT_EQ(found.size(), 1u) << part;
    return found.empty() ? "" : found[0];
  }

  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  static void FlipByte(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 0x10));
  }

  // Flips a byte in the middle of the value of entry `i`; returns its offset.
  uint64_t DamageValue(int i) {
    const std::string path = FileNamed(".seg");
    const uint64_t offset = Read(path).find(Key(i)) + Key(i).size() + 50;
    FlipByte(path, offset);
    return offset;
  }

  // All entries but those.
  std::string Without(const std::vector<int>& missing) const {
    std::string text;
    for (int i = 0; i < kEntries; ++i) {
      if (std::find(missing.begin(), missing.end(), i) == missing.end()) {
        text += expected_[i];
      }
    }
    return text;
  }

  const std::string db_;
  std::vector<std::string> expected_;  // lines of the dump
};

TEST_F(QuireDamageTest, DumpPassesUnreadableValuesAndNamesThem) {
  DamageValue(700);
  DamageValue(1500);
  for (const char* mode : {"pread", "buffered", "mmap", "direct"}) {
    const ToolResult result =
        RunTool({"dump", std::string("--read-mode=") + mode, db_});
    EXPECT_EQ(result.exit_code, 4) << mode;
    EXPECT_EQ(result.out, Without({700, 1500})) << mode;
    EXPECT_THAT(result.err,
                AllOf(ContainsRegex("\"key10700\": DATA_LOSS: .*\\.seg"),
                      ContainsRegex("\"key11500\": DATA_LOSS: .*\\.seg")));
  }
  EXPECT_EQ(RunToolOk({"dump", "--count", db_}), "2000\n");
  const ToolResult get = RunTool({"get", db_, Key(700)});
  EXPECT_EQ(get.exit_code, 4);
  EXPECT_EQ(get.out, "");
  EXPECT_THAT(get.err, HasSubstr("DATA_LOSS"));
  EXPECT_EQ(RunToolOk({"get", db_, Key(701)}), Value(701) + "\n");
}

TEST_F(QuireDamageTest, VerifyNamesEachDamagedRecordAndGoesOn) {
  const uint64_t first = DamageValue(700);
  const uint64_t second = DamageValue(1500);
  const std::string name = fs::path(FileNamed(".seg")).filename().string();
  const ToolResult result = RunTool({"verify", "--json", db_});
  EXPECT_EQ(result.exit_code, 1);
  std::istringstream lines(result.out);
  std::vector<uint64_t> damaged;  // offsets of flipped bytes that were named
  nlohmann::json last;
  for (std::string line; std::getline(lines, line);) {
    last = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(last.is_object()) << line;
    if (last.at("severity") != "problem") continue;
    EXPECT_EQ(last.at("file"), name);
    const uint64_t offset = last.at("offset");
    const uint64_t size = last.at("size");
    for (const uint64_t at : {first, second}) {
      if (at >= offset && at < offset + size) damaged.push_back(at);
    }
  }
  EXPECT_THAT(damaged, ::testing::ElementsAre(first, second));
  EXPECT_EQ(last.at("severity"), "summary");
  EXPECT_EQ(last.at("records"), kEntries - 2);
  // The records, and the entries that point to them.
  EXPECT_EQ(last.at("problems"), 4);
}

TEST_F(QuireDamageTest, LogGoesOnBehindDamage) {
  const uint64_t offset = DamageValue(700);
  const ToolResult result = RunTool({"log", FileNamed(".seg")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, AllOf(HasSubstr("key=\"key10699\""),
                                HasSubstr("key=\"key11999\""),
                                Not(HasSubstr("key=\"key10700\""))));
  const size_t at = result.out.find("damage offset=");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LE(std::stoull(result.out.substr(at + 14)), offset);
  EXPECT_EQ(result.out.find("damage", at + 1), std::string::npos);
}

TEST_F(QuireDamageTest, LogReadsRecordsBehindADamagedGroupHeader) {
  // The group of the first 100 entries starts behind the header page.
  FlipByte(FileNamed(".seg"), 4096 + 8);
  const ToolResult result = RunTool({"log", FileNamed(".seg")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(
      result.out,
      ContainsRegex("damage offset=4096 size=[0-9]+ what=\"no valid group\""));
  for (const int i : {0, 1, 99, 100, 1999}) {
    EXPECT_THAT(result.out, HasSubstr("key=\"" + Key(i) + "\"")) << i;
  }
}

TEST_F(QuireDamageTest, LogReadsAFileWhoseHeaderPageIsDamaged) {
  FlipByte(FileNamed(".seg"), 100);
  const ToolResult result = RunTool({"log", FileNamed(".seg")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, AllOf(HasSubstr("damage offset=0 size=4096"),
                                HasSubstr("key=\"" + Key(1999) + "\"")));
}

TEST_F(QuireDamageTest, LogSaysWhereAFileIsCutShort) {
  const std::string path = FileNamed(".seg");
  fs::resize_file(path, fs::file_size(path) - 1000);
  const ToolResult result = RunTool({"log", path});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("key=\"" + Key(1980) + "\""),
                    HasSubstr("what=\"the file ends inside the group")));
  const ToolResult verify = RunTool({"verify", db_});
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.out, ContainsRegex("problem file=[0-9]+.seg "
                                        "offset=[0-9]+ size=1000 kind=length"));
}

TEST_F(QuireDamageTest, ADamagedTableIsNamedAndTheDatabaseStillReads) {
  const std::string path = FileNamed(".tbl");
  FlipByte(path, 4096 + 100);               // the first sorted block
  FlipByte(path, fs::file_size(path) / 2);  // some page
  const ToolResult table = RunTool({"table", path});
  EXPECT_EQ(table.exit_code, 1);
  EXPECT_THAT(table.out, HasSubstr("damage offset=4096 size=8192 "
                                   "what=\"damaged sorted block\""));
  const ToolResult verify = RunTool({"verify", db_});
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.out,
              AllOf(ContainsRegex("problem file=[0-9]+.tbl offset=4096 "
                                  "size=8192 kind=table"),
                    HasSubstr("records=2000")));
  // Gets don't touch the sorted section.
  EXPECT_EQ(RunToolOk({"get", db_, Key(1999)}), Value(1999) + "\n");
}

TEST_F(QuireDamageTest, AMissingFileIsNamed) {
  for (const std::string part : {".tbl", ".seg"}) {
    const std::string path = FileNamed(part);
    fs::rename(path, path + ".away");
    const ToolResult verify = RunTool({"verify", db_});
    EXPECT_EQ(verify.exit_code, 1);
    EXPECT_THAT(verify.out, AllOf(HasSubstr("problem file=" +
                                            fs::path(path).filename().string()),
                                  HasSubstr("kind=missing")));
    EXPECT_THAT(RunToolOk({"files", db_}), HasSubstr(" missing "));
    fs::rename(path + ".away", path);
  }
  EXPECT_THAT(RunToolOk({"verify", db_}), HasSubstr("problems=0"));
}

TEST_F(QuireDamageTest, WithoutAManifestEachFileIsStillVerified) {
  DamageValue(700);
  for (const std::string part : {"MANIFEST", "CURRENT"}) {
    FlipByte(FileNamed(part), 20);
    const ToolResult verify = RunTool({"verify", db_});
    EXPECT_EQ(verify.exit_code, 1);
    EXPECT_THAT(verify.out,
                AllOf(HasSubstr("problem file=" +
                                fs::path(FileNamed(part)).filename().string()),
                      ContainsRegex("problem file=[0-9]+.seg offset=[0-9]+ "),
                      ContainsRegex("records=[0-9]+ entries=2000")));
    EXPECT_EQ(RunTool({"dump", db_}).exit_code, 3);
    EXPECT_EQ(RunTool({"files", db_}).exit_code, 1);
    EXPECT_EQ(RunTool({"manifest", db_}).exit_code, part == "CURRENT" ? 3 : 1);
  }
}

TEST_F(QuireDamageTest, VerifyFindsEveryFlippedBit) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (const std::string part : {"CURRENT", "MANIFEST", ".seg", ".tbl"}) {
    const std::string path = FileNamed(part);
    const std::string name = fs::path(path).filename().string();
    for (int i = 0; i < 8; ++i) {
      const uint64_t offset = random() % fs::file_size(path);
      FlipByte(path, offset);
      const ToolResult verify = RunTool({"verify", db_});
      EXPECT_NE(verify.exit_code, 0) << name << " at " << offset;
      EXPECT_THAT(verify.out + verify.err, HasSubstr(name))
          << name << " at " << offset;
      FlipByte(path, offset);
    }
  }
  EXPECT_THAT(RunToolOk({"verify", db_}), HasSubstr("problems=0"));
}

}  // namespace
}  // namespace quire::testing
