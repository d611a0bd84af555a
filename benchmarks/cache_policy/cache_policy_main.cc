// cache_policy: hit ratios of Quire's eviction policy, of others, and of the
// optimum, in percent of the point reads of made-up traces. Deterministic: the
// same seed gives the same table on every machine.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "benchmarks/cache_policy/policies.h"
#include "benchmarks/cache_policy/trace.h"

namespace quire::benchmarks {
namespace {

constexpr uint32_t kPages = 100'000;
constexpr uint64_t kAccesses = 2'000'000;
constexpr uint64_t kSeed = 301;

// Frames, in parts of the pages.
constexpr std::array kSizes = {0.01, 0.05, 0.25};

void PrintTable() {
  std::printf("%-16s %6s", "trace", "frames");
  for (const CachePolicy& policy : CachePolicies()) {
    std::printf(" %8s", policy.name.c_str());
  }
  std::printf("\n");
  for (const Trace& trace : MakeTraces(kPages, kAccesses, kSeed)) {
    for (const double size : kSizes) {
      const auto frames = static_cast<uint32_t>(size * trace.pages);
      std::printf("%-16s %5.0f%%", trace.name.c_str(), 100 * size);
      for (const CachePolicy& policy : CachePolicies()) {
        std::printf(" %8.2f", 100 * policy.run(trace, frames).Ratio());
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace quire::benchmarks

int main() {
  quire::benchmarks::PrintTable();
  return EXIT_SUCCESS;
}
