// Binary search over indexes.
#ifndef QUIRE_KV_INTERNAL_PARTITION_POINT_H_
#define QUIRE_KV_INTERNAL_PARTITION_POINT_H_

#include <cstdint>

namespace quire::kv_internal {

// The first index in [0, count) for which `before` is false, or `count`. Calls
// it about log2(count) times.
// REQUIRES: `before` is true up to some index and false from there on;
// otherwise the result is some index or `count`.
template <typename Predicate>
uint64_t PartitionPoint(uint64_t count, Predicate before) {
  uint64_t low = 0;
  while (count > 0) {
    const uint64_t half = count / 2;
    if (before(low + half)) {
      low += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return low;
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_PARTITION_POINT_H_
