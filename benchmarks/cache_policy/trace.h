// Which pages are asked for, in which order: what an eviction policy is tried
// on.
#ifndef QUIRE_BENCHMARKS_CACHE_POLICY_TRACE_H_
#define QUIRE_BENCHMARKS_CACHE_POLICY_TRACE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace quire::benchmarks {

struct PageAccess {
  uint32_t page = 0;
  bool scan = false;  // by a scan that says so; else by a point read
};

struct Trace {
  std::string name;
  std::string meaning;
  uint32_t pages = 0;  // all accesses are below this
  std::vector<PageAccess> accesses;
};

// All traces, over `pages` pages with about `accesses` point reads each. The
// same for the same seed. REQUIRES: pages >= 100.
std::vector<Trace> MakeTraces(uint32_t pages, uint64_t accesses, uint64_t seed);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_CACHE_POLICY_TRACE_H_
