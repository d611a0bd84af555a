// Starting to fetch memory before it is needed.

#ifndef QUIRE_BASE_PREFETCH_H_
#define QUIRE_BASE_PREFETCH_H_

#include <cstddef>
#include <cstdint>

namespace quire::base {

// Starts fetching the cache line of `address` for reading. Never faults; any
// address is allowed. As asm, because GCC's -O2 deletes a function or a loop
// that does nothing but __builtin_prefetch.
inline void PrefetchCacheLine(const void* address) {
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address);
#endif
}

inline constexpr size_t kCacheLineBytes = 64;

// Likewise of all lines that the `size` bytes at `address` touch. Returns how
// many they are.
inline size_t PrefetchBytes(const void* address, size_t size) {
  const auto begin = reinterpret_cast<uintptr_t>(address);
  const uintptr_t first = begin / kCacheLineBytes;
  const uintptr_t end = (begin + size + kCacheLineBytes - 1) / kCacheLineBytes;
  const char* line =
      static_cast<const char*>(address) - begin % kCacheLineBytes;
  for (uintptr_t i = first; i < end; ++i, line += kCacheLineBytes) {
    PrefetchCacheLine(line);
  }
  return end - first;
}

}  // namespace quire::base

#endif  // QUIRE_BASE_PREFETCH_H_
