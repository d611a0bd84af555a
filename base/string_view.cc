#include "base/string_view.h"

#include <cstddef>

namespace quire::base {
namespace {

constexpr std::size_t kEscapedKeyBytesMax = 64;

void AppendEscaped(std::string_view bytes, std::string& dest) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      dest += '\\';
      dest += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      dest += c;
    } else {
      dest += "\\x";
      dest += kHexDigits[byte >> 4];
      dest += kHexDigits[byte & 0xf];
    }
  }
}

}  // namespace

std::string EscapeKey(std::string_view key) {
  const bool is_cut = key.size() > kEscapedKeyBytesMax;
  std::string escaped = "\"";
  AppendEscaped(key.substr(0, kEscapedKeyBytesMax), escaped);
  if (is_cut) {
    escaped += "...\" (" + std::to_string(key.size()) + " bytes)";
  } else {
    escaped += '"';
  }
  return escaped;
}

}  // namespace quire::base
