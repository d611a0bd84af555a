// Starting to fetch memory before it is needed.

#ifndef QUIRE_BASE_PREFETCH_H_
#define QUIRE_BASE_PREFETCH_H_

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

}  // namespace quire::base

#endif  // QUIRE_BASE_PREFETCH_H_
