// Eviction policies side by side: Quire's, driven through the real page cache,
// two that everybody knows, and the limit.
#ifndef QUIRE_BENCHMARKS_CACHE_POLICY_POLICIES_H_
#define QUIRE_BENCHMARKS_CACHE_POLICY_POLICIES_H_

#include <cstdint>
#include <span>
#include <string>

#include "benchmarks/cache_policy/trace.h"

namespace quire::benchmarks {

// What a policy made of a trace. Only point reads count.
struct HitCount {
  uint64_t reads = 0;
  uint64_t hits = 0;

  double Ratio() const {
    return reads == 0 ? 0
                      : static_cast<double>(hits) / static_cast<double>(reads);
  }
};

struct CachePolicy {
  std::string name;
  HitCount (*run)(const Trace& trace, uint32_t frames);
};

// cache::PageCache. It holds frames / 128 and up to 256 fewer pages than it has
// frames, since some are always on their way to be reused.
HitCount RunQuire(const Trace& trace, uint32_t frames);

// Least recently used; scans count as any other read.
HitCount RunLru(const Trace& trace, uint32_t frames);

// A clock with counts up to 3: a page enters with 1, or 0 if a scan reads it,
// and a scan doesn't count as use.
HitCount RunClock(const Trace& trace, uint32_t frames);

// The most point reads that any policy can make hits, knowing the future
// (Belady, 1966), where pages need not be kept and scans may leave some.
HitCount RunOptimum(const Trace& trace, uint32_t frames);

// Quire first, the optimum last.
std::span<const CachePolicy> CachePolicies();

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_CACHE_POLICY_POLICIES_H_
