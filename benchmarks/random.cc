#include "benchmarks/random.h"

#include <algorithm>
#include <bit>
#include <random>

#include "base/check.h"

namespace quire::benchmarks {

uint64_t DrawSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

Permutation::Permutation(uint64_t size, uint64_t seed) : size_(size) {
  QUIRE_CHECK(size > 0 && size <= uint64_t{1} << 62);
  const int bits = static_cast<int>(std::bit_width(size - 1));
  half_bits_ = std::max(1, (bits + 1) / 2);
  half_mask_ = (uint64_t{1} << half_bits_) - 1;
  Random random(seed);
  for (uint64_t& key : round_keys_) key = random.Next();
}

}  // namespace quire::benchmarks
