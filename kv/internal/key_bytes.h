// Short byte strings without calls: for keys of common sizes a call of memcmp
// or memcpy costs more than the work.
#ifndef QUIRE_KV_INTERNAL_KEY_BYTES_H_
#define QUIRE_KV_INTERNAL_KEY_BYTES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace quire::kv_internal {

// As a.compare(b), word by word.
inline int CompareKeys(std::string_view a, std::string_view b) {
  const size_t shared = a.size() < b.size() ? a.size() : b.size();
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= shared; at += sizeof(uint64_t)) {
    uint64_t x;
    uint64_t y;
    std::memcpy(&x, a.data() + at, sizeof(x));
    std::memcpy(&y, b.data() + at, sizeof(y));
    if (x == y) continue;
    if constexpr (std::endian::native == std::endian::little) {
      x = __builtin_bswap64(x);
      y = __builtin_bswap64(y);
    }
    return x < y ? -1 : 1;
  }
  for (; at < shared; ++at) {
    const auto x = static_cast<unsigned char>(a[at]);
    const auto y = static_cast<unsigned char>(b[at]);
    if (x != y) return x < y ? -1 : 1;
  }
  if (a.size() == b.size()) return 0;
  return a.size() < b.size() ? -1 : 1;
}

// As a == b. Looks at the last bytes first, where neighbouring keys differ.
inline bool EqualKeys(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  size_t left = a.size();
  for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t)) {
    uint64_t x;
    uint64_t y;
    std::memcpy(&x, a.data() + left - sizeof(x), sizeof(x));
    std::memcpy(&y, b.data() + left - sizeof(y), sizeof(y));
    if (x != y) return false;
  }
  for (; left > 0; --left) {
    if (a[left - 1] != b[left - 1]) return false;
  }
  return true;
}

// Copies the key to `to`, which it must not overlap.
inline void CopyKey(std::string_view key, char* to) {
  constexpr size_t kWord = sizeof(uint64_t);
  const size_t size = key.size();
  if (size < kWord) {
    for (size_t i = 0; i < size; ++i) to[i] = key[i];
    return;
  }
  for (size_t at = 0; at + kWord < size; at += kWord) {
    std::memcpy(to + at, key.data() + at, kWord);
  }
  std::memcpy(to + size - kWord, key.data() + size - kWord, kWord);
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_KEY_BYTES_H_
