// Between std::string_view, which this library speaks, and a packaged Abseil
// that is built with a string_view type of its own; and text that is safe to
// print.

#ifndef QUIRE_BASE_STRING_VIEW_H_
#define QUIRE_BASE_STRING_VIEW_H_

#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace quire::base {

// The same bytes as an Abseil view. Neither copies; both borrow from the owner
// of `text`.
inline absl::string_view AbslView(std::string_view text) {
  return absl::string_view(text.data(), text.size());
}

// The same bytes as a standard view.
inline std::string_view StdView(absl::string_view text) {
  return std::string_view(text.data(), text.size());
}

// `key` for an error message, in double quotes: printable ASCII as it is, `"`
// and `\` after a backslash, every other byte as \xNN. A key of more than 64
// bytes is cut there, and its size follows: "abc..." (70000 bytes). A Status
// message must be UTF-8; keys may be any bytes.
std::string EscapeKey(std::string_view key);

}  // namespace quire::base

#endif  // QUIRE_BASE_STRING_VIEW_H_
