#include "tools/encoding.h"

#include <cstddef>
#include <cstdint>

namespace quire::tools {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

void AppendHexByte(uint8_t byte, std::string& dest) {
  dest += kHexDigits[byte >> 4];
  dest += kHexDigits[byte & 0xf];
}

// The value of a hexadecimal digit, or -1.
int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that the first two characters of `text` stand for, or -1.
int HexByte(std::string_view text) {
  if (text.size() < 2) return -1;
  const int high = HexValue(text[0]);
  const int low = HexValue(text[1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool IsPlain(uint8_t byte) {
  return byte >= 0x20 && byte < 0x7f && byte != '\\';
}

// Length of the well-formed UTF-8 sequence at the start of `bytes`, or 0.
size_t Utf8SequenceLength(std::string_view bytes) {
  const auto at = [&bytes](size_t i) {
    return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : uint8_t{0};
  };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // The second byte's range rules out overlong forms, surrogates and what lies
  // above U+10FFFF.
  const uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < low || at(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  return length;
}

}  // namespace

void AppendEscaped(std::string_view bytes, std::string& dest) {
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (IsPlain(byte)) {
      dest += c;
    } else if (c == '\\') {
      dest += "\\\\";
    } else if (c == '\t') {
      dest += "\\t";
    } else if (c == '\n') {
      dest += "\\n";
    } else {
      dest += "\\x";
      AppendHexByte(byte, dest);
    }
  }
}

bool AppendUnescaped(std::string_view text, std::string& dest) {
  while (!text.empty()) {
    const auto byte = static_cast<uint8_t>(text[0]);
    if (text[0] != '\\') {
      if (byte < 0x20 || byte == 0x7f) return false;
      dest += text[0];
      text.remove_prefix(1);
      continue;
    }
    const char kind = text.size() < 2 ? '\0' : text[1];
    size_t length = 2;
    if (kind == '\\') {
      dest += '\\';
    } else if (kind == 't') {
      dest += '\t';
    } else if (kind == 'n') {
      dest += '\n';
    } else if (kind == 'x') {
      const int value = HexByte(text.substr(2));
      if (value < 0) return false;
      dest += static_cast<char>(value);
      length = 4;
    } else {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

void AppendHex(std::string_view bytes, std::string& dest) {
  for (const char c : bytes) AppendHexByte(static_cast<uint8_t>(c), dest);
}

bool AppendUnhexed(std::string_view text, std::string& dest) {
  if (text.size() % 2 != 0) return false;
  for (; !text.empty(); text.remove_prefix(2)) {
    const int value = HexByte(text);
    if (value < 0) return false;
    dest += static_cast<char>(value);
  }
  return true;
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = Utf8SequenceLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

}  // namespace quire::tools
