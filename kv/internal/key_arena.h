// Copies of keys, one behind the other.
#ifndef QUIRE_KV_INTERNAL_KEY_ARENA_H_
#define QUIRE_KV_INTERNAL_KEY_ARENA_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "kv/internal/key_bytes.h"

namespace quire::kv_internal {

// A std::string that keys are appended to, but for what each append costs
// there. Not thread-safe.
class KeyArena {
 public:
  // Copies `key`; returns where it begins.
  uint32_t Add(std::string_view key) {
    if (end_ + key.size() > size_) Grow(key.size());
    const uint32_t begin = end_;
    CopyKey(key, bytes_.get() + begin);
    end_ += static_cast<uint32_t>(key.size());
    return begin;
  }

  // A key of that size that was added there; the view dies with the next Add.
  std::string_view Get(uint32_t begin, size_t size) const {
    return {bytes_.get() + begin, size};
  }

  // Forgets all keys; keeps the memory.
  void Clear() { end_ = 0; }

 private:
  static constexpr size_t kLeastBytes = 4096;

  // Makes room for a key of `size` bytes.
  void Grow(size_t size) {
    const size_t grown = std::max({2 * size_, end_ + size, kLeastBytes});
    std::unique_ptr<char[]> bytes(new char[grown]);
    if (end_ > 0) std::memcpy(bytes.get(), bytes_.get(), end_);
    bytes_ = std::move(bytes);
    size_ = grown;
  }

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  uint32_t end_ = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_KEY_ARENA_H_
