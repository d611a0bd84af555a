// Sorting records of a memtable by key.
#ifndef QUIRE_KV_INTERNAL_RECORD_SORT_H_
#define QUIRE_KV_INTERNAL_RECORD_SORT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace quire::kv_internal {

inline constexpr size_t kWordBytes = 8;

// The 8 bytes of `key` from `skip` on as a big-endian number, zeros where the
// key has ended: words compare as the bytes do. REQUIRES: skip <= key.size().
inline uint64_t KeyWord(std::string_view key, size_t skip) {
  const size_t left = key.size() - skip;
  uint64_t word = 0;
  if (left >= kWordBytes) [[likely]] {
    std::memcpy(&word, key.data() + skip, kWordBytes);
  } else if (left > 0) {
    std::memcpy(&word, key.data() + skip, left);
  }
  return __builtin_bswap64(word);
}

// Length of the longest common prefix.
inline size_t SharedBytes(std::string_view a, std::string_view b) {
  const size_t limit = std::min(a.size(), b.size());
  // Whole prefixes are the common case, and the fast one.
  if (a.substr(0, limit) == b.substr(0, limit)) return limit;
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
         a.begin();
}

// A record being sorted.
struct SortEntry {
  uint64_t word;   // of its key, behind `shared` bytes
  uint32_t rest;   // key bytes behind those, at most kWordBytes + 1: tells keys
                   // of one word apart, and whether the word is the whole rest
  uint32_t place;  // in units of 8 bytes
};

// Sorts `entries` by (key ascending, place descending), setting their words.
// Only places are read at the call, and they must descend. Returns `shared`:
// bytes that all keys have in common at their start. `scratch` is as large as
// `entries`, its content unspecified. REQUIRES: !entries.empty().
//
// Keys are sorted by one word, each group of equal words by the next one behind
// what that group shares, and so on: after multikey quicksort (Bentley and
// Sedgewick, "Fast algorithms for sorting and searching strings", 1997) with
// words for characters. Large groups are sorted by a radix sort from the last
// byte to the first that leaves out bytes in which all words agree. Each pass
// reads each key of the group once, however long the prefixes are.
size_t SortRecords(const std::byte* image, std::span<SortEntry> entries,
                   std::span<SortEntry> scratch);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RECORD_SORT_H_
