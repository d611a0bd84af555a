#include "kv/internal/fork_check.h"

#include <pthread.h>

#include <atomic>

namespace quire::kv_internal {
namespace {

// Relaxed everywhere: the child is single-threaded when its handler runs, and
// threads made later see it through their creation.
std::atomic<uint64_t> generation{0};

[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] {
  generation.fetch_add(1, std::memory_order_relaxed);
});

}  // namespace

uint64_t ForkGeneration() { return generation.load(std::memory_order_relaxed); }

}  // namespace quire::kv_internal
