#include "tests/tidy/rules.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::tidy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> Text(const std::vector<Finding>& findings) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(finding.ToString());
  return texts;
}

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "x\n";
  return text;
}

TEST(BannedNamesTest, RawCallsAreFoundWithTheirReplacement) {
  const Files files = {
      {"kv/a.cc", "int n;\nn = pread(fd, p, 1, 0);\nreturn ::close(fd);\n"}};
  EXPECT_THAT(Text(CheckBannedNames(files)),
              ElementsAre(AllOf(StartsWith("kv/a.cc:2: pread:"),
                                HasSubstr("io/page_provider.h")),
                          AllOf(StartsWith("kv/a.cc:3: close:"),
                                HasSubstr("io/file_system.h"))));
}

TEST(BannedNamesTest, OtherThingsOfThatNameAreNot) {
  const Files files = {{"kv/a.cc",
                        "// pread( and O_DIRECT in a comment\n"
                        "/* mmap(\n io_uring_enter( */\n"
                        "const char* s = \"fsync(\\\"mmap(\";\n"
                        "auto r = R\"(O_DIRECT)\";\n"
                        "file.read(1); file->write(2); Reader::open(3);\n"
                        "int read = 1'000; char c = '\"'; f(read);\n"
                        "const auto write = [] {}; write();\n"}};
  EXPECT_THAT(Text(CheckBannedNames(files)), IsEmpty());
}

TEST(BannedNamesTest, NamesAndPrefixesAreFoundWithoutACall) {
  const Files files = {
      {"tools/a.cc", "int f = O_DIRECT;\nio_uring_sqe* sqe;\n"}};
  EXPECT_THAT(Text(CheckBannedNames(files)),
              ElementsAre(StartsWith("tools/a.cc:1: O_DIRECT"),
                          StartsWith("tools/a.cc:2: io_uring_sqe")));
}

TEST(BannedNamesTest, LinesAreCountedThroughCommentsAndRawStrings) {
  const Files files = {
      {"kv/a.cc", "/*\n\n*/ auto r = R\"x(\n\")\n)x\";\nmmap(0);\n"}};
  EXPECT_THAT(Text(CheckBannedNames(files)),
              ElementsAre(StartsWith("kv/a.cc:6: mmap")));
}

TEST(BannedNamesTest, LayersDiffer) {
  const std::string text = "void f() { mmap(0); madvise(0); }\n";
  const Files allowed = {
      {"io/a.cc", text}, {"cache/a.cc", text}, {"tests/io/a.cc", text}};
  EXPECT_THAT(Text(CheckBannedNames(allowed)), IsEmpty());
  EXPECT_THAT(Text(CheckBannedNames({{"benchmarks/a.cc", text}})),
              ElementsAre(HasSubstr("mmap"), HasSubstr("madvise")));
}

TEST(BannedNamesTest, LocksAndAssertHaveOwnForms) {
  const Files files = {
      {"base/mutex.h", "std::mutex mu_;\n"},
      {"io/a.h", "std::mutex mu_;\nint mutex;\nassert(mutex);\n"}};
  EXPECT_THAT(
      Text(CheckBannedNames(files)),
      ElementsAre(
          AllOf(StartsWith("io/a.h:1: mutex"), HasSubstr("base/mutex.h")),
          AllOf(StartsWith("io/a.h:3: assert"), HasSubstr("base/check.h"))));
}

TEST(BannedNamesTest, PathsAreNoFiles) {
  const Files files = {{"kv/a.cc",
                        "std::filesystem::path p;\n"
                        "std::filesystem::exists(p);\n"}};
  EXPECT_THAT(Text(CheckBannedNames(files)),
              ElementsAre(StartsWith("kv/a.cc:2: filesystem")));
}

TEST(IncludeDirectionTest, OnlyDownwardsAndWithinALayer) {
  const Files files = {
      {"base/a.h", "#include \"cache/b.h\"\n"},
      {"cache/a.h", "#include \"io/b.h\"\n#include \"base/b.h\"\n"},
      {"io/a.h", "#include \"kv/b.h\"\n#include \"cache/b.h\"\n"},
      {"kv/a.h", "#include \"absl/b.h\"\n#include \"io/b.h\"\n"},
      {"kv/b.cc", "#include \"tests/testing/b.h\"\n"},
      {"tools/a.cc", "#include \"benchmarks/b.h\"\n#include \"kv/b.h\"\n"},
      {"benchmarks/a.cc", "#include \"tests/testing/b.h\"\n"}};
  EXPECT_THAT(Text(CheckIncludeDirection(files)),
              ElementsAre(StartsWith("base/a.h:1: cache/b.h"),
                          StartsWith("cache/a.h:1: io/b.h"),
                          StartsWith("io/a.h:1: kv/b.h"),
                          StartsWith("kv/b.cc:1: tests/testing/b.h"),
                          StartsWith("tools/a.cc:1: benchmarks/b.h")));
}

TEST(IncludeGuardTest, NamesThePath) {
  const Files files = {
      {"io/ok.h",
       "// Text.\n\n#ifndef QUIRE_IO_OK_H_\n#define QUIRE_IO_OK_H_\n"},
      {"kv/internal/bad.h", "\n#ifndef BAD_H_\n#define BAD_H_\n"}};
  EXPECT_THAT(Text(CheckIncludeGuards(files)),
              ElementsAre(AllOf(StartsWith("kv/internal/bad.h"),
                                HasSubstr("QUIRE_KV_INTERNAL_BAD_H_"))));
}

TEST(UnfinishedMarksTest, WholeWordsInAnyFile) {
  const std::string mark = std::string("TO") + "DO";
  const Files files = {{"README.md", "done\n" + mark + ": more\n"},
                       {"dev", "METHO" + mark + "S\n"}};
  EXPECT_THAT(Text(CheckUnfinishedMarks(files)),
              ElementsAre(StartsWith("README.md:2: ")));
}

TEST(LengthsTest, LimitsByKindOfFile) {
  const Files files = {{"io/a.h", Lines(200)},
                       {"io/b.h", Lines(201)},
                       {"io/a.cc", Lines(500)},
                       {"io/b.cc", Lines(501)},
                       {"io/note.md", Lines(900)}};
  EXPECT_THAT(Text(CheckLengths(files, {})),
              ElementsAre(StartsWith("io/b.cc:0: 501 lines, of 500"),
                          StartsWith("io/b.h:0: 201 lines, of 200")));
}

TEST(LengthsTest, ListedFilesMayBeLongerWithinReason) {
  const Files files = {{"io/a.cc", Lines(600)},
                       {"io/b.cc", Lines(601)},
                       {"io/c.cc", Lines(801)},
                       {"io/d.cc", Lines(500)}};
  const std::map<std::string, int> long_files = ParseLongFiles(
      "# comment 9\nio/a.cc 600\nio/b.cc 600\nio/c.cc 900\n\nio/d.cc 600\n"
      "io/gone.cc 600\n");
  EXPECT_THAT(Text(CheckLengths(files, long_files)),
              ElementsAre(StartsWith("io/b.cc:0: 601 lines, of 600"),
                          StartsWith("io/c.cc:0: 801 lines, of 800"),
                          StartsWith("io/d.cc:0: is short enough"),
                          StartsWith("io/gone.cc:0: is gone")));
}

TEST(TargetsTest, EveryFileIsNamedByItsPackage) {
  const Files files = {
      {"kv/BUILD.bazel",
       "cc_library(\n    name = \"a\",\n    srcs = [\"internal/a.cc\"],\n"
       "    # hdrs = [\"internal/b.cc\"],\n)\n"},
      {"kv/internal/a.cc", ""},
      {"kv/internal/b.cc", ""},
      {"alone/a.cc", ""}};
  EXPECT_THAT(
      Text(CheckTargets(files)),
      ElementsAre(HasSubstr("alone/a.cc"), HasSubstr("kv/internal/b.cc")));
}

TEST(TargetsTest, TestsAreNamedByATest) {
  const Files files = {
      {"tests/BUILD.bazel",
       "cc_library(\n    srcs = [\"a_test.cc\"],\n)\n\n"
       "cc_test(\n    srcs = [\"b_test.cc\"],\n)\n\n"
       "[\n    cc_test(\n        srcs = [\"c_test.cc\"],\n    )\n]\n"},
      {"tests/a_test.cc", ""},
      {"tests/b_test.cc", ""},
      {"tests/c_test.cc", ""}};
  EXPECT_THAT(Text(CheckTargets(files)),
              ElementsAre(AllOf(HasSubstr("tests/a_test.cc"),
                                HasSubstr("cc_library"))));
}

}  // namespace
}  // namespace quire::tidy
