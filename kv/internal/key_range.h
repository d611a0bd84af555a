// Ranges of keys.
#ifndef QUIRE_KV_INTERNAL_KEY_RANGE_H_
#define QUIRE_KV_INTERNAL_KEY_RANGE_H_

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "kv/options.h"

namespace quire::kv_internal {

// Keys from `lower` to just before `upper`; no `upper`: to the last. May be
// empty.
struct KeyRange {
  std::string lower;
  std::optional<std::string> upper;

  bool IsBelow(std::string_view key) const {
    return !lower.empty() && key < lower;
  }
  bool IsAbove(std::string_view key) const {
    return upper.has_value() && key >= *upper;
  }
};

// The first string behind all that start with `prefix`; nothing if there is
// none (all bytes are 0xff, or no bytes).
inline std::optional<std::string> PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return std::nullopt;
  ++end.back();
  return end;
}

// What `options` allow an iterator to see: bounds and prefix together.
inline KeyRange IteratorRange(const ReadOptions& options) {
  KeyRange range;
  range.lower = std::max(options.lower_bound.value_or(""), options.prefix);
  range.upper = PrefixEnd(options.prefix);
  if (options.upper_bound.has_value() && !range.IsAbove(*options.upper_bound)) {
    range.upper = options.upper_bound;
  }
  return range;
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_KEY_RANGE_H_
