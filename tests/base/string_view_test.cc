#include "base/string_view.h"

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace quire::base {
namespace {

using namespace std::string_view_literals;

TEST(StringViewTest, ConversionsBorrowTheSameBytes) {
  const std::string_view text = "a\0b"sv;
  const absl::string_view abseil = AbslView(text);
  EXPECT_EQ(abseil.data(), text.data());
  EXPECT_EQ(abseil.size(), text.size());
  EXPECT_EQ(StdView(abseil).data(), text.data());
  EXPECT_EQ(StdView(abseil).size(), text.size());
}

TEST(EscapeKeyTest, PrintableKeysStayReadable) {
  EXPECT_EQ(EscapeKey(""), "\"\"");
  EXPECT_EQ(EscapeKey("user:17 ~"), "\"user:17 ~\"");
}

TEST(EscapeKeyTest, OtherBytesAreEscaped) {
  EXPECT_EQ(EscapeKey("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(EscapeKey("\0\n\x7f\xff"sv), "\"\\x00\\x0a\\x7f\\xff\"");
}

TEST(EscapeKeyTest, LongKeysAreCutAndSized) {
  EXPECT_EQ(EscapeKey(std::string(64, 'k')), '"' + std::string(64, 'k') + '"');
  EXPECT_EQ(EscapeKey(std::string(65, 'k')),
            '"' + std::string(64, 'k') + "...\" (65 bytes)");
}

}  // namespace
}  // namespace quire::base
