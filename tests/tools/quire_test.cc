// The commands of `quire`, run as a user runs them.
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "nlohmann/json.hpp"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/tools/run_tool.h"
#include "tools/encoding.h"

namespace quire::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kReadModes[] = {"pread", "buffered", "mmap", "direct"};

class QuireTest : public ::testing::Test {
 protected:
  // A database of a..e with the values 1..5.
  static std::string MakeLetters() {
    std::string db = MakeTestDirectory() + "/db";
    RunToolOk({"load", db}, "a\t1\nb\t2\nc\t3\nd\t4\ne\t5\n");
    return db;
  }
};

TEST_F(QuireTest, LoadSaysHowManyEntriesItStored) {
  const std::string db = MakeTestDirectory() + "/db";
  EXPECT_EQ(RunToolOk({"load", db}, "a\t1\nb\t2\n"), "loaded 2 entries\n");
  EXPECT_EQ(RunToolOk({"load", db}, ""), "loaded 0 entries\n");
  EXPECT_EQ(RunToolOk({"dump", db}), "a\t1\nb\t2\n");
}

TEST_F(QuireTest, LoadReportsEachBatchWithProgress) {
  const std::string db = MakeTestDirectory() + "/db";
  EXPECT_EQ(RunToolOk({"load", "--progress", "--batch=2", "--sync", db},
                      "a\t1\nb\t2\nc\t3\nd\t4\ne\t5\n"),
            "stored 2\nstored 4\nstored 5\nloaded 5 entries\n");
}

TEST_F(QuireTest, TheLastEntryOfAKeyStays) {
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"load", db}, "a\t1\nb\t2\na\t3\n");
  RunToolOk({"load", db}, "b\t4\n");
  EXPECT_EQ(RunToolOk({"dump", db}), "a\t3\nb\t4\n");
}

TEST_F(QuireTest, DumpPrintsKeysInOrderOfUnsignedBytes) {
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"load", "--format=hex", db},
            "ff\t04\n\t00\n61\t01\n6161\t02\n80\t03\n");
  EXPECT_EQ(RunToolOk({"dump", "--format=hex", db}),
            "\t00\n61\t01\n6161\t02\n80\t03\nff\t04\n");
}

TEST_F(QuireTest, DumpKeepsToRangesPrefixesAndLimits) {
  const std::string db = MakeLetters();
  const struct {
    std::vector<std::string> flags;
    const char* keys;
  } cases[] = {
      {{}, "a b c d e "},
      {{"--from=b"}, "b c d e "},
      {{"--to=b"}, "a "},
      {{"--from=b", "--to=d"}, "b c "},
      {{"--from=bb", "--to=dd"}, "c d "},
      {{"--from=d", "--to=b"}, ""},
      {{"--prefix=c"}, "c "},
      {{"--prefix="}, "a b c d e "},
      {{"--prefix=x"}, ""},
      {{"--limit=2"}, "a b "},
      {{"--limit=0"}, ""},
      {{"--limit=99"}, "a b c d e "},
      {{"--reverse"}, "e d c b a "},
      {{"--reverse", "--limit=2"}, "e d "},
      {{"--reverse", "--from=b", "--to=d"}, "c b "},
      {{"--reverse", "--prefix=c"}, "c "},
      {{"--key-format=hex", "--from=62", "--to=64"}, "b c "},
      {{"--key-format=escaped", "--from=\\x63"}, "c d e "},
  };
  for (const auto& test : cases) {
    std::vector<std::string> arguments = {"dump", "--keys-only", db};
    arguments.insert(arguments.end(), test.flags.begin(), test.flags.end());
    std::string keys = RunToolOk(arguments);
    for (char& c : keys) c = c == '\n' ? ' ' : c;
    EXPECT_EQ(keys, test.keys) << ::testing::PrintToString(test.flags);
  }
}

TEST_F(QuireTest, DumpCounts) {
  const std::string db = MakeLetters();
  EXPECT_EQ(RunToolOk({"dump", "--count", db}), "5\n");
  EXPECT_EQ(RunToolOk({"dump", "--count", "--from=c", "--limit=2", db}), "2\n");
  EXPECT_EQ(RunToolOk({"dump", "--count", "--prefix=x", db}), "0\n");
}

TEST_F(QuireTest, DumpAndGetPrintEachFormat) {
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"put", "--key-format=escaped", "--value-format=escaped", db,
             "k\\x00", "v\\n\\xff"});
  const std::string key("k\0", 2);
  EXPECT_EQ(RunToolOk({"dump", db}), "k\\x00\tv\\n\\xff\n");
  EXPECT_EQ(RunToolOk({"dump", "--format=hex", db}), "6b00\t760aff\n");
  EXPECT_EQ(RunToolOk({"dump", "--format=json", db}),
            "{\"key\":\"k\\u0000\",\"value_hex\":\"760aff\"}\n");
  EXPECT_EQ(RunToolOk({"dump", "--format=raw", db}), key + "\tv\n\xff\n");
  EXPECT_EQ(RunToolOk({"dump", "--format=lines", db}), key + "\nv\n\xff\n");
  EXPECT_EQ(RunToolOk({"dump", "--format=stanza", db}), "v\n\xff\n");
  const std::vector<std::string> get = {"get", "--key-format=hex", db, "6b00"};
  const auto get_as = [&get](const std::string& format) {
    std::vector<std::string> arguments = get;
    arguments.push_back("--format=" + format);
    return RunToolOk(arguments);
  };
  EXPECT_EQ(RunToolOk(get), "v\\n\\xff\n");
  EXPECT_EQ(get_as("hex"), "760aff\n");
  EXPECT_EQ(get_as("raw"), "v\n\xff");
  EXPECT_EQ(get_as("json"),
            "{\"key\":\"k\\u0000\",\"value_hex\":\"760aff\"}\n");
}

TEST_F(QuireTest, GetOfAnAbsentKeyIsExitCode1) {
  const std::string db = MakeLetters();
  const ToolResult result = RunTool({"get", db, "x"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("no key \"x\" in " + db));
}

TEST_F(QuireTest, PutTakesItsValueFromTheInputWhereNoneIsGiven) {
  const std::string db = MakeTestDirectory() + "/db";
  std::string value(3'000'000, 'x');
  value[1'000'000] = '\0';
  value += "\n";
  RunToolOk({"put", "--sync", db, "large"}, value);
  EXPECT_EQ(RunToolOk({"get", "--format=raw", db, "large"}), value);
  RunToolOk({"put", db, "empty"}, "");
  EXPECT_EQ(RunToolOk({"get", "--format=raw", db, "empty"}), "");
  RunToolOk({"put", db, "", "value of the empty key"});
  EXPECT_EQ(RunToolOk({"get", db, ""}), "value of the empty key\n");
}

TEST_F(QuireTest, PutTakesArgumentsThatLookLikeFlagsBehindDashes) {
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"put", db, "--", "-k", "--sync"});
  EXPECT_EQ(RunToolOk({"dump", db}), "-k\t--sync\n");
}

TEST_F(QuireTest, DeleteRemovesAndDoesNotMindAbsentKeys) {
  const std::string db = MakeLetters();
  RunToolOk({"delete", db, "b"});
  RunToolOk({"delete", "--sync", "--key-format=hex", db, "64"});
  RunToolOk({"delete", db, "x"});
  EXPECT_EQ(RunToolOk({"dump", db}), "a\t1\nc\t3\ne\t5\n");
}

TEST_F(QuireTest, StatPrintsTextAndJson) {
  const std::string db = MakeLetters();
  EXPECT_THAT(RunToolOk({"stat", "--read-mode=pread", db}),
              AllOf(ContainsRegex("runs: 1\n"), ContainsRegex("entries: 5\n"),
                    ContainsRegex("effective-provider: .*pread")));
  const auto json =
      nlohmann::json::parse(RunToolOk({"stat", "--json", db}), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json.at("stats").at("runs"), 1);
  EXPECT_EQ(json.at("stats").at("last_sequence"), 5);
  EXPECT_TRUE(json.at("properties").at("quire.effective-provider").is_string());
}

TEST_F(QuireTest, StatShowsRunsSegmentsGarbageIndexAndWhatReadersKeep) {
  const std::string db = MakeLetters();
  RunToolOk({"put", db, "a", "newer"});
  const auto json =
      nlohmann::json::parse(RunToolOk({"stat", "--json", db}), nullptr, false);
  ASSERT_TRUE(json.is_object());
  const auto& report = json.at("report");
  ASSERT_GE(report.at("runs").size(), 1u);
  EXPECT_TRUE(report.at("runs")[0].at("hash_section_resident").is_boolean());
  uint64_t garbage = 0;
  for (const auto& segment : report.at("segments")) {
    EXPECT_GT(segment.at("bytes"), 0);
    garbage += segment.at("garbage_bytes").get<uint64_t>();
  }
  EXPECT_EQ(report.at("segments").size(), json.at("stats").at("segments"));
  EXPECT_EQ(garbage, json.at("stats").at("garbage_bytes"));
  EXPECT_GT(report.at("index").at("hash_section_bytes_per_key"), 0);
  EXPECT_TRUE(report.at("index").at("budget_bytes").is_null());
  EXPECT_EQ(report.at("outstanding").at("pinned_values"), 0);
  EXPECT_EQ(report.at("kept").at("files"), 0);
  EXPECT_FALSE(json.at("properties").contains("quire.report-json"));

  EXPECT_THAT(
      RunToolOk({"stat", db}),
      AllOf(
          ContainsRegex("quire.runs:\n[^\n]+tbl: [0-9]+ entries, [0-9]+ "
                        "bytes, hash section (resident|paged), segments [0-9]"),
          ContainsRegex("quire.segments:\n[0-9]+ segments, [0-9]+ with "
                        "garbage: [0-9]+ bytes, garbage [0-9]+ bytes"),
          ContainsRegex("quire.index:\nhash sections: [0-9]+ bytes, "
                        "[0-9.]+ bytes per key\nresident: [^\n]*\nbudget: "
                        "no bound\n"),
          ContainsRegex(
              "quire.outstanding:\n0 pinned values, 0 iterators, 0 "
              "snapshots\nkept for readers of [0-9]+ old views: 0 ")));
}

TEST_F(QuireTest, FilesNamesEveryFileAndItsRole) {
  const std::string db = MakeLetters();
  EXPECT_THAT(
      RunToolOk({"files", db}),
      AllOf(ContainsRegex("CURRENT +current +- +72 live +closed cleanly\n"),
            ContainsRegex("MANIFEST-[0-9]+ +manifest +[0-9]+ +[0-9]+ live"),
            ContainsRegex("[0-9]+.seg +segment +[0-9]+ +[0-9]+ live +run "
                          "[0-9]+, sequence 1 to 5, garbage 0 bytes\n"),
            ContainsRegex("[0-9]+.tbl +table +[0-9]+ +[0-9]+ live +5 "
                          "entries, segments [0-9]+\n"),
            ContainsRegex("LOCK +lock +- +[0-9]+ live")));
}

TEST_F(QuireTest, FilesTellsOrphansFromStrangers) {
  const std::string db = MakeLetters();
  std::filesystem::copy_file(db + "/CURRENT", db + "/000077.tbl");
  std::filesystem::copy_file(db + "/CURRENT", db + "/notes.txt");
  EXPECT_THAT(RunToolOk({"files", db}),
              AllOf(ContainsRegex("000077.tbl +table +77 +72 orphan\n"),
                    ContainsRegex("notes.txt +other +- +72 foreign\n")));
}

// Path of the only file with this ending.
std::string FileEnding(const std::string& db, const std::string& ending) {
  std::vector<std::string> found;
  for (const auto& file : std::filesystem::directory_iterator(db)) {
    const std::string path = file.path().string();
    if (path.ends_with(ending) ||
        (ending == "MANIFEST" && path.find(ending) != std::string::npos)) {
      found.push_back(path);
    }
  }
  EXPECT_EQ(found.size(), 1u) << ending;
  return found.empty() ? "" : found[0];
}

TEST_F(QuireTest, LogPrintsGroupsAndRecords) {
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"load", "--batch=1", db}, "key\tvalue\n");
  const std::string path = FileEnding(db, ".seg");
  const std::string text = RunToolOk({"log", path});
  EXPECT_THAT(
      text,
      AllOf(StartsWith("type: segment\nnumber: "),
            ContainsRegex("\ngroup offset=4096 size=[0-9]+ records=1 "
                          "synced_upto=[0-9]+:[0-9]+ last_sequence=1\n"),
            ContainsRegex("\nrecord offset=[0-9]+ size=32 kind=put sequence=1 "
                          "key_size=3 value_size=5 key=\"key\"\n")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("damage")));
  const std::string manifest = RunToolOk({"log", FileEnding(db, "MANIFEST")});
  EXPECT_THAT(manifest,
              AllOf(StartsWith("type: manifest\n"), HasSubstr(" kind=edit ")));
}

TEST_F(QuireTest, LogKeepsToItsLimits) {
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"load", db}, "a\t1\nb\t2\nc\t3\n");
  const std::string path = FileEnding(db, ".seg");
  const std::string two = RunToolOk({"log", "--limit=2", path});
  EXPECT_THAT(two, AllOf(HasSubstr("key=\"a\""), HasSubstr("key=\"b\""),
                         ::testing::Not(HasSubstr("key=\"c\""))));
  const size_t at = two.find("record offset=", two.find("key=\"a\""));
  const std::string offset =
      two.substr(at + 14, two.find(' ', at + 14) - at - 14);
  EXPECT_THAT(RunToolOk({"log", "--from=" + offset, path}),
              AllOf(::testing::Not(HasSubstr("key=\"a\"")),
                    HasSubstr("key=\"b\""), HasSubstr("key=\"c\"")));
}

TEST_F(QuireTest, TablePrintsItsPartsAndEntries) {
  const std::string db = MakeLetters();
  RunToolOk({"delete", db, "a"});
  std::string path;
  for (const auto& file : std::filesystem::directory_iterator(db)) {
    if (file.path().extension() == ".tbl") {
      path = std::max(path, file.path().string());
    }
  }
  EXPECT_THAT(
      RunToolOk({"table", "--entries", path}),
      AllOf(StartsWith("type: table\n"), HasSubstr("\nentries: 1\n"),
            HasSubstr("\ntombstones: 1\n"), HasSubstr("\nsorted_blocks: 1\n"),
            HasSubstr("\nhash_fill: "), HasSubstr("\nbytes_per_key: "),
            ContainsRegex("\nentry sequence=6 kind=delete segment=[0-9]+ "
                          "offset=[0-9]+ value_size=0 key=\"a\"\n")));
}

TEST_F(QuireTest, ManifestPrintsChangesAndState) {
  const std::string db = MakeLetters();
  const std::string text = RunToolOk({"manifest", db});
  EXPECT_THAT(text,
              AllOf(StartsWith("current: manifest "),
                    HasSubstr(", closed\ntype: manifest\n"),
                    HasSubstr("\nchange offset="), HasSubstr(" RunAdded "),
                    HasSubstr("\nstate next_file_number="),
                    ContainsRegex("\nsegment number=[0-9]+ id=[0-9a-f]{16} "
                                  "first_sequence=1 length=[0-9]+ "
                                  "last_sequence=5 "),
                    ContainsRegex("\nrun table=[0-9]+ .* entries=5 "
                                  "last_sequence=5 segments=[0-9]+\n")));
  // The file alone gives the same but for what CURRENT says.
  EXPECT_EQ(RunToolOk({"manifest", FileEnding(db, "MANIFEST")}),
            text.substr(text.find('\n') + 1));
}

TEST_F(QuireTest, VerifyCountsWhatItVerified) {
  const std::string db = MakeLetters();
  // Three runs, which must not be merged by the time that they are counted.
  for (const bool deletes : {false, true}) {
    Options options;
    options.automatic_merges = false;
    auto opened = DB::Open(options, db);
    ASSERT_OK(opened.status());
    ASSERT_OK(deletes ? (*opened)->Delete({}, "b")
                      : (*opened)->Put({}, "a", "new"));
    ASSERT_OK((*opened)->Close());
  }
  for (const char* mode : kReadModes) {
    EXPECT_THAT(RunToolOk({"verify", std::string("--read-mode=") + mode, db}),
                ContainsRegex("^verified files=8 bytes=[0-9]+ groups=[0-9]+ "
                              "records=7 entries=7 problems=0\n$"))
        << mode;
  }
  const auto json = nlohmann::json::parse(RunToolOk({"verify", "--json", db}),
                                          nullptr, false);
  EXPECT_EQ(json.at("severity"), "summary");
  EXPECT_EQ(json.at("records"), 7);
  EXPECT_EQ(json.at("problems"), 0);
}

TEST_F(QuireTest, VerifyKeepsToItsRate) {
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"put", db, "k"}, std::string(1'000'000, 'v'));
  EXPECT_THAT(RunToolOk({"verify", "--rate-limit=4", db}),
              HasSubstr("problems=0"));
}

// Seeded entries of any bytes, sizes from none to several pages, in many small
// batches over several memtables.
std::map<std::string, std::string> RandomEntries(uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto bytes = [&random](size_t size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text += static_cast<char>(random());
    return text;
  };
  std::map<std::string, std::string> entries;
  for (int i = 0; i < 3000; ++i) {
    const size_t key_size = random() % (i % 10 == 0 ? 300 : 20);
    const size_t value_size = random() % (i % 50 == 0 ? 20000 : 200);
    entries[bytes(key_size)] = bytes(value_size);
  }
  return entries;
}

TEST_F(QuireTest, AnyBytesGoInAndComeOutInEveryFormatAndMode) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::string expected;
  for (const auto& [key, value] : RandomEntries(seed)) {
    tools::AppendHex(key, expected);
    expected += '\t';
    tools::AppendHex(value, expected);
    expected += '\n';
  }
  const std::string db = MakeTestDirectory() + "/db";
  RunToolOk({"load", "--format=hex", "--memtable-size=256K", "--batch=100", db},
            expected);
  for (const char* mode : kReadModes) {
    const std::string flag = std::string("--read-mode=") + mode;
    EXPECT_EQ(RunToolOk({"dump", "--format=hex", flag, db}), expected) << mode;
    EXPECT_EQ(RunToolOk({"dump", "--format=hex", "--cache-size=2M", flag,
                         "--io-engine=preadv", db}),
              expected)
        << mode;
  }
  for (const std::string format : {"escaped", "hex", "json"}) {
    const std::string copy = MakeTestDirectory() + "/copy";
    RunToolOk({"load", "--format=" + format, copy},
              RunToolOk({"dump", "--format=" + format, db}));
    EXPECT_EQ(RunToolOk({"dump", "--format=hex", copy}), expected) << format;
  }
}

TEST_F(QuireTest, RequireGivesTheModeOrSaysWhyNot) {
  const std::string db = MakeLetters();
  for (const std::string mode : kReadModes) {
    const ToolResult result =
        RunTool({"stat", "--require", "--read-mode=" + mode, db});
    if (result.exit_code == 0) {
      EXPECT_THAT(result.out,
                  ContainsRegex("effective-provider: " + mode + "\n"));
    } else {
      EXPECT_EQ(result.exit_code, 3) << mode;
      EXPECT_THAT(result.err, HasSubstr(mode));
    }
  }
}

TEST_F(QuireTest, HelpExplainsEveryCommand) {
  const std::string overview = RunToolOk({"help"});
  EXPECT_EQ(RunToolOk({"--help"}), overview);
  EXPECT_THAT(overview, HasSubstr("Exit codes:\n  0  done\n"));
  const char* const commands[] = {"dump",   "get",      "load",  "put",
                                  "delete", "stat",     "files", "log",
                                  "table",  "manifest", "verify"};
  for (const std::string command : commands) {
    EXPECT_THAT(overview, ContainsRegex("\n  " + command + " +[a-z]"));
    const std::string help = RunToolOk({"help", command});
    EXPECT_THAT(help, StartsWith("Usage: quire " + command + " [FLAG...] "));
    EXPECT_THAT(help, HasSubstr("Exit codes:\n"));
    EXPECT_EQ(RunToolOk({command, "--help"}), help);
    EXPECT_EQ(RunToolOk({command, "-h"}), help);
  }
}

TEST_F(QuireTest, HelpFitsAScreensWidth) {
  for (const std::string command : {"dump", "load", "verify", "log", "files"}) {
    const std::string help = RunToolOk({"help", command});
    size_t begin = 0;
    for (size_t end; (end = help.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      EXPECT_LE(end - begin, 80u) << help.substr(begin, end - begin);
    }
  }
}

TEST_F(QuireTest, VersionNamesToolAndFormat) {
  EXPECT_THAT(RunToolOk({"version"}),
              ContainsRegex("^quire [0-9.]+, format 1\n$"));
  EXPECT_EQ(RunToolOk({"--version"}), RunToolOk({"version"}));
}

}  // namespace
}  // namespace quire::testing
