#include "tools/encoding.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace quire::tools {
namespace {

std::string AllBytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

std::string Escaped(std::string_view bytes) {
  std::string text;
  AppendEscaped(bytes, text);
  return text;
}

std::string Hexed(std::string_view bytes) {
  std::string text;
  AppendHex(bytes, text);
  return text;
}

TEST(EscapeTest, EveryByteComesBack) {
  for (const char byte : AllBytes()) {
    const std::string bytes(1, byte);
    std::string back;
    ASSERT_TRUE(AppendUnescaped(Escaped(bytes), back));
    EXPECT_EQ(back, bytes);
  }
}

TEST(EscapeTest, EveryPairOfBytesComesBack) {
  for (const char first : AllBytes()) {
    for (const char second : AllBytes()) {
      const std::string bytes{first, second};
      std::string back;
      ASSERT_TRUE(AppendUnescaped(Escaped(bytes), back));
      ASSERT_EQ(back, bytes);
    }
  }
}

TEST(EscapeTest, GivesOneLineOfPrintableAsciiWithoutTabs) {
  for (const char c : Escaped(AllBytes())) {
    EXPECT_GE(c, 0x20);
    EXPECT_LT(c, 0x7f);
  }
}

TEST(EscapeTest, LooksAsDocumented) {
  EXPECT_EQ(Escaped(std::string("a\\b\tc\nd\r\0\x7f\xff", 11)),
            "a\\\\b\\tc\\nd\\x0d\\x00\\x7f\\xff");
  EXPECT_EQ(Escaped(""), "");
}

TEST(EscapeTest, ReadsUpperCaseDigitsAndBytesThatStandForThemselves) {
  std::string bytes;
  ASSERT_TRUE(AppendUnescaped("\\xFf\xc3\xa9", bytes));
  EXPECT_EQ(bytes, "\xff\xc3\xa9");
}

TEST(EscapeTest, RefusesWhatIsNotEscapedText) {
  for (const char* text : {"\\", "a\\", "\\q", "\\x", "\\x1", "\\xg0", "\\x0g",
                           "\\X00", "a\tb", "a\nb", "\x01", "\x7f"}) {
    std::string bytes;
    EXPECT_FALSE(AppendUnescaped(text, bytes)) << text;
  }
}

TEST(HexTest, AllBytesComeBackInEitherCase) {
  const std::string text = Hexed(AllBytes());
  EXPECT_TRUE(text.starts_with("000102"));
  EXPECT_TRUE(text.ends_with("fdfeff"));
  std::string back;
  ASSERT_TRUE(AppendUnhexed(text, back));
  EXPECT_EQ(back, AllBytes());
  std::string upper;
  ASSERT_TRUE(AppendUnhexed("DEADBEEF", upper));
  EXPECT_EQ(upper, "\xde\xad\xbe\xef");
}

TEST(HexTest, RefusesOddLengthsAndOtherCharacters) {
  for (const char* text : {"0", "abc", "0g", "g0", "0x00", " 00", "0 "}) {
    std::string bytes;
    EXPECT_FALSE(AppendUnhexed(text, bytes)) << text;
  }
}

TEST(Utf8Test, AcceptsTheFirstAndLastOfEachLength) {
  for (const char* text :
       {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
        "a\xc3\xa9z"}) {
    EXPECT_TRUE(IsUtf8(text)) << Escaped(text);
  }
  EXPECT_TRUE(IsUtf8(std::string_view("\0", 1)));
}

TEST(Utf8Test, RefusesWhatIsNotWellFormed) {
  const char* const texts[] = {
      "\x80",              // a continuation alone
      "\xc3",              // cut short
      "\xe2\x82",          // cut short
      "\xf0\x9f\x98",      // cut short
      "\xc0\xaf",          // overlong
      "\xc1\xbf",          // overlong
      "\xe0\x9f\xbf",      // overlong
      "\xf0\x8f\xbf\xbf",  // overlong
      "\xed\xa0\x80",      // a surrogate
      "\xed\xbf\xbf",      // a surrogate
      "\xf4\x90\x80\x80",  // above U+10FFFF
      "\xf5\x80\x80\x80",  // never
      "\xff",              // never
      "\xc3(",             // no continuation
      "ok\xe2\x28\xa1",    // no continuation
  };
  for (const char* text : texts) EXPECT_FALSE(IsUtf8(text)) << Escaped(text);
}

}  // namespace
}  // namespace quire::tools
