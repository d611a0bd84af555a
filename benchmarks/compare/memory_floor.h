// What memory alone costs: the floor of a hot read.
#ifndef QUIRE_BENCHMARKS_COMPARE_MEMORY_FLOOR_H_
#define QUIRE_BENCHMARKS_COMPARE_MEMORY_FLOOR_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"

namespace quire::benchmarks {

// Memory in huge pages, as large as the data, and a walk through it in which
// each touch depends on the one before. Threads may walk together.
class MemoryFloor {
 public:
  // ResourceExhausted if there isn't so much memory.
  static absl::StatusOr<MemoryFloor> Create(uint64_t bytes, uint64_t seed);

  // Nanoseconds of two touches of random cache lines, of which the second
  // depends on the first, and the first on the two before; the mean of
  // `seconds` of them.
  double TwoTouchesNs(double seconds, uint64_t seed) const;

 private:
  explicit MemoryFloor(cache::HugeBuffer buffer) : buffer_(std::move(buffer)) {}

  std::span<const uint64_t> words() const;

  cache::HugeBuffer buffer_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_MEMORY_FLOOR_H_
