#include "tools/entry_format.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tools/line_reader.h"

namespace quire::tools {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Entries = std::vector<std::pair<std::string, std::string>>;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// A file that holds `text` and is read from its start.
std::unique_ptr<std::FILE, CloseFile> FileOf(const std::string& text) {
  std::unique_ptr<std::FILE, CloseFile> file(std::tmpfile());
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file.get()), text.size());
  std::rewind(file.get());
  return file;
}

absl::StatusOr<Entries> ReadEntries(EntryFormat format, const std::string& text,
                                    StanzaKey stanza_key = {}) {
  const auto file = FileOf(text);
  LineReader lines(file.get());
  EntryReader reader(format, std::move(stanza_key), lines);
  Entries entries;
  for (;;) {
    std::string key;
    std::string value;
    const absl::StatusOr<bool> has_entry = reader.Next(&key, &value);
    if (!has_entry.ok()) return has_entry.status();
    if (!*has_entry) return entries;
    entries.emplace_back(std::move(key), std::move(value));
  }
}

std::string WriteEntries(EntryFormat format, const Entries& entries) {
  std::string text;
  for (const auto& [key, value] : entries) {
    AppendEntry(format, key, value, text);
  }
  return text;
}

// Every byte alone and among others, empty ones, text in UTF-8.
Entries AnyEntries() {
  Entries entries = {{"", ""},
                     {"key", ""},
                     {"", "value"},
                     {"na\xc3\xafve", "\xe2\x82\xac 5"},
                     {"\"quoted\"", "{\"key\":\"x\"}"}};
  std::string all;
  for (int i = 0; i < 256; ++i) {
    const std::string byte(1, static_cast<char>(i));
    entries.emplace_back(byte, "v" + byte + byte);
    all += byte;
  }
  entries.emplace_back(all, all);
  return entries;
}

class AnyBytesFormatTest : public ::testing::TestWithParam<EntryFormat> {};

TEST_P(AnyBytesFormatTest, WhatIsWrittenIsReadBack) {
  const std::string text = WriteEntries(GetParam(), AnyEntries());
  EXPECT_THAT(ReadEntries(GetParam(), text), IsOkAndHolds(AnyEntries()));
}

TEST_P(AnyBytesFormatTest, EachEntryIsOneLine) {
  const Entries entries = AnyEntries();
  const std::string text = WriteEntries(GetParam(), entries);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'),
            static_cast<int>(entries.size()));
}

INSTANTIATE_TEST_SUITE_P(Formats, AnyBytesFormatTest,
                         ::testing::Values(EntryFormat::kEscaped,
                                           EntryFormat::kHex,
                                           EntryFormat::kJson));

TEST(EntryFormatTest, LooksAsDocumented) {
  const Entries entries = {{"a\tb", "1\n"}, {"c", "\xff"}};
  EXPECT_EQ(WriteEntries(EntryFormat::kEscaped, entries),
            "a\\tb\t1\\n\nc\t\\xff\n");
  EXPECT_EQ(WriteEntries(EntryFormat::kHex, entries), "610962\t310a\n63\tff\n");
  EXPECT_EQ(WriteEntries(EntryFormat::kJson, entries),
            "{\"key\":\"a\\tb\",\"value\":\"1\\n\"}\n"
            "{\"key\":\"c\",\"value_hex\":\"ff\"}\n");
  EXPECT_EQ(WriteEntries(EntryFormat::kRaw, entries), "a\tb\t1\n\nc\t\xff\n");
  EXPECT_EQ(WriteEntries(EntryFormat::kLines, entries), "a\tb\n1\n\nc\n\xff\n");
  EXPECT_EQ(WriteEntries(EntryFormat::kStanza, entries), "1\n\n\xff\n");
}

TEST(EntryFormatTest, KeysAloneAreLines) {
  const auto key_line = [](EntryFormat format) {
    std::string text;
    AppendKey(format, "k\xff", text);
    return text;
  };
  EXPECT_EQ(key_line(EntryFormat::kEscaped), "k\\xff\n");
  EXPECT_EQ(key_line(EntryFormat::kHex), "6bff\n");
  EXPECT_EQ(key_line(EntryFormat::kJson), "{\"key_hex\":\"6bff\"}\n");
  EXPECT_EQ(key_line(EntryFormat::kRaw), "k\xff\n");
  EXPECT_EQ(key_line(EntryFormat::kLines), "k\xff\n");
  EXPECT_EQ(key_line(EntryFormat::kStanza), "k\xff\n");
}

TEST(EntryFormatTest, RawAndLinesComeBackWhereNothingCutsThem) {
  const Entries entries = {{"a b", "1\t2"}, {"c", ""}, {"d", "\xff\\n"}};
  for (const EntryFormat format : {EntryFormat::kRaw, EntryFormat::kLines}) {
    EXPECT_THAT(ReadEntries(format, WriteEntries(format, entries)),
                IsOkAndHolds(entries));
  }
}

TEST(EntryFormatTest, TheLastLineMayLackItsEnd) {
  EXPECT_THAT(ReadEntries(EntryFormat::kRaw, "a\t1\nb\t2"),
              IsOkAndHolds(ElementsAre(Pair("a", "1"), Pair("b", "2"))));
}

TEST(EntryFormatTest, JsonMembersMayStandInAnyOrderAndSpelling) {
  EXPECT_THAT(
      ReadEntries(EntryFormat::kJson,
                  " { \"value_hex\" : \"00FF\", \"key\":\"\\u00e9\"}\n"),
      IsOkAndHolds(ElementsAre(Pair("\xc3\xa9", std::string("\0\xff", 2)))));
}

struct Malformed {
  EntryFormat format;
  std::string text;
  std::string message;  // part of it
};

TEST(EntryFormatTest, MalformedInputNamesTheLineAndWhatIsWrong) {
  const std::vector<Malformed> cases = {
      {EntryFormat::kEscaped, "a\t1\nb\n", "line 2: no tab"},
      {EntryFormat::kEscaped, "a\t1\n\n", "line 2: no tab"},
      {EntryFormat::kEscaped, "a\\q\t1\n", "line 1: the key"},
      {EntryFormat::kEscaped, "a\t1\\x0\n", "line 1: the value"},
      {EntryFormat::kEscaped, "a\t1\t2\n", "line 1: the value"},
      {EntryFormat::kHex, "61\t0\n", "line 1: the value"},
      {EntryFormat::kHex, "zz\t00\n", "line 1: the key"},
      {EntryFormat::kRaw, "a\t1\nb 2\n", "line 2: no tab"},
      {EntryFormat::kLines, "a\n1\nb\n", "line 3: a key without"},
      {EntryFormat::kJson, "{\"key\":\"a\",\"value\":\"1\"}\n{\"key\":\"a\"\n",
       "line 2: not a JSON object"},
      {EntryFormat::kJson, "\n", "line 1: not a JSON object"},
      {EntryFormat::kJson, "[\"a\",\"1\"]\n", "line 1: not a JSON object"},
      {EntryFormat::kJson, "{\"key\":\"a\"}\n", "line 1: expected the members"},
      {EntryFormat::kJson, "{\"key\":\"a\",\"Value\":\"1\"}\n",
       "either \"value\" or \"value_hex\""},
      {EntryFormat::kJson, "{\"key\":\"a\",\"key_hex\":\"61\"}\n",
       "either \"key\" or \"key_hex\""},
      {EntryFormat::kJson, "{\"key\":\"a\",\"value\":1}\n",
       "line 1: the value is not a string"},
      {EntryFormat::kJson, "{\"key_hex\":\"abc\",\"value\":\"1\"}\n",
       "line 1: the key is not a string of hexadecimal"},
      {EntryFormat::kJson, "{\"key\":\"\xff\",\"value\":\"1\"}\n",
       "line 1: not a JSON object"},
      {EntryFormat::kJson, std::string(100000, '[') + "\n",
       "line 1: not a JSON object"},
  };
  for (const Malformed& malformed : cases) {
    EXPECT_THAT(ReadEntries(malformed.format, malformed.text),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(malformed.message)))
        << malformed.text.substr(0, 80);
  }
}

TEST(StanzaTest, KeysAreMadeOfFieldsAndValuesAreTheLines) {
  const StanzaKey key = {.fields = {"Package", "Version"}, .separator = " "};
  const std::string first = "Package: bash\nVersion:  5.2 \nSize: 1\n more\n";
  const std::string second = "Version: 1\nPackage: zlib\n";
  EXPECT_THAT(ReadEntries(EntryFormat::kStanza,
                          "\n\n" + first + "\n\n\n" + second + "\n", key),
              IsOkAndHolds(ElementsAre(Pair("bash 5.2", first),
                                       Pair("zlib 1", second))));
  EXPECT_EQ(WriteEntries(EntryFormat::kStanza,
                         {{"bash 5.2", first}, {"zlib 1", second}}),
            first + "\n" + second + "\n");
}

TEST(StanzaTest, TheLastStanzaMayLackItsEmptyLine) {
  const StanzaKey key = {.fields = {"Package"}, .separator = ""};
  EXPECT_THAT(ReadEntries(EntryFormat::kStanza, "Package: a", key),
              IsOkAndHolds(ElementsAre(Pair("a", "Package: a\n"))));
}

TEST(StanzaTest, AMissingFieldNamesItAndTheStanzasFirstLine) {
  const StanzaKey key = {.fields = {"Package", "Version"}, .separator = "_"};
  EXPECT_THAT(
      ReadEntries(EntryFormat::kStanza,
                  "Package: a\nVersion: 1\n\nPackage: b\nVersions: 1\n", key),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("line 4: the stanza has no field \"Version\"")));
}

TEST(DecodeTextTest, ReadsEachFormat) {
  EXPECT_THAT(DecodeText(TextFormat::kLiteral, "KEY", "a\\x00"),
              IsOkAndHolds("a\\x00"));
  EXPECT_THAT(DecodeText(TextFormat::kEscaped, "KEY", "a\\x00"),
              IsOkAndHolds(std::string("a\0", 2)));
  EXPECT_THAT(DecodeText(TextFormat::kHex, "KEY", "6100"),
              IsOkAndHolds(std::string("a\0", 2)));
}

TEST(DecodeTextTest, NamesWhatIsMalformed) {
  EXPECT_THAT(DecodeText(TextFormat::kEscaped, "--from", "a\\"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--from: \"a\\\\\" is not escaped text")));
  EXPECT_THAT(DecodeText(TextFormat::kHex, "KEY", "6"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("KEY: \"6\" is not an even number")));
}

TEST(LineReaderTest, GivesLinesThatSpanItsBufferAndOnesWithNulBytes) {
  const std::string long_line(1 << 20, 'x');
  const auto file =
      FileOf(long_line + "\n" + std::string("a\0b", 3) + "\n\n" + long_line);
  LineReader lines(file.get());
  std::string_view line;
  ASSERT_THAT(lines.Next(&line), IsOkAndHolds(true));
  EXPECT_EQ(line, long_line);
  ASSERT_THAT(lines.Next(&line), IsOkAndHolds(true));
  EXPECT_EQ(line, std::string("a\0b", 3));
  ASSERT_THAT(lines.Next(&line), IsOkAndHolds(true));
  EXPECT_EQ(line, "");
  ASSERT_THAT(lines.Next(&line), IsOkAndHolds(true));
  EXPECT_EQ(line, long_line);
  EXPECT_EQ(lines.line_number(), 4u);
  EXPECT_THAT(lines.Next(&line), IsOkAndHolds(false));
}

TEST(LineReaderTest, RefusesALineThatIsTooLong) {
  const auto file = FileOf("short\n" + std::string(100, 'x'));
  LineReader lines(file.get(), 99);
  std::string_view line;
  ASSERT_THAT(lines.Next(&line), IsOkAndHolds(true));
  EXPECT_THAT(lines.Next(&line),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("line 2: longer than 99 bytes")));
}

TEST(LineReaderTest, AnErrorOfTheFileIsAnError) {
  const std::unique_ptr<std::FILE, CloseFile> directory(std::fopen("/", "r"));
  ASSERT_NE(directory, nullptr);
  LineReader lines(directory.get());
  std::string_view line;
  EXPECT_THAT(lines.Next(&line), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("EISDIR")));
}

}  // namespace
}  // namespace quire::tools
