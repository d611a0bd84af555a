#include "benchmarks/compare/memory_floor.h"

#include <cstddef>
#include <utility>

#include "base/status_macros.h"
#include "benchmarks/random.h"
#include "benchmarks/stopwatch.h"

namespace quire::benchmarks {
namespace {

constexpr size_t kLineWords = 8;
constexpr uint64_t kBlock = 10'000;  // pairs between two looks at the clock

}  // namespace

absl::StatusOr<MemoryFloor> MemoryFloor::Create(uint64_t bytes, uint64_t seed) {
  QUIRE_ASSIGN_OR_RETURN(cache::HugeBuffer buffer,
                         cache::HugeBuffer::Create(bytes));
  Random random(seed);
  auto* const words = reinterpret_cast<uint64_t*>(buffer.data());
  for (size_t i = 0; i < buffer.size() / sizeof(uint64_t); ++i) {
    words[i] = random.Next();
  }
  return MemoryFloor(std::move(buffer));
}

std::span<const uint64_t> MemoryFloor::words() const {
  return {reinterpret_cast<const uint64_t*>(buffer_.data()),
          buffer_.size() / sizeof(uint64_t)};
}

double MemoryFloor::TwoTouchesNs(double seconds, uint64_t seed) const {
  const std::span<const uint64_t> memory = words();
  const uint64_t lines = memory.size() / kLineWords;
  Random random(seed);
  uint64_t word = 0;
  uint64_t pairs = 0;
  Stopwatch watch;
  do {
    watch.Start();
    for (uint64_t i = 0; i < kBlock; ++i) {
      for (int touch = 0; touch < 2; ++touch) {
        // The walk alone would end in a cycle, which may fit into a cache.
        word ^= random.Next();
        const auto line = static_cast<uint64_t>(
            (static_cast<unsigned __int128>(word) * lines) >> 64);
        word = memory[line * kLineWords];
      }
    }
    // Without a use of its result the compiler may leave out the loop.
    asm volatile("" : : "r"(word));
    watch.Stop();
    pairs += kBlock;
  } while (watch.seconds() < seconds);
  return watch.seconds() * 1e9 / static_cast<double>(pairs);
}

}  // namespace quire::benchmarks
