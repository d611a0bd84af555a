// Any bytes as text and back: escaped, hexadecimal, and a test for UTF-8.
//
// Every decoder accepts exactly what its encoder makes, and a few spellings
// more where stated; anything else is refused, never guessed. Thread-safe.
#ifndef QUIRE_TOOLS_ENCODING_H_
#define QUIRE_TOOLS_ENCODING_H_

#include <string>
#include <string_view>

namespace quire::tools {

// Appends `bytes` so that the result is printable ASCII in one line without
// tabs: backslash as \\, tab as \t, newline as \n, printable ASCII as it is,
// every other byte as \xNN with two lower-case hexadecimal digits.
void AppendEscaped(std::string_view bytes, std::string& dest);

// Appends the bytes that `text` stands for. Digits may be upper case, and bytes
// from 0x80 may stand for themselves. False, with `dest` unspecified, for an
// unknown or unfinished escape and for a control character that should have
// been escaped.
[[nodiscard]] bool AppendUnescaped(std::string_view text, std::string& dest);

// Appends two lower-case hexadecimal digits for each byte.
void AppendHex(std::string_view bytes, std::string& dest);

// Appends the bytes that `text` stands for; digits may be upper case. False,
// with `dest` unspecified, for an odd number of digits and for anything that
// is not one.
[[nodiscard]] bool AppendUnhexed(std::string_view text, std::string& dest);

// Whether `bytes` is well-formed UTF-8: no overlong forms, no surrogates,
// nothing above U+10FFFF.
bool IsUtf8(std::string_view bytes);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_ENCODING_H_
