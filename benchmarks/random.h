// Random numbers for workloads: quick, and the same for the same seed on every
// machine.
#ifndef QUIRE_BENCHMARKS_RANDOM_H_
#define QUIRE_BENCHMARKS_RANDOM_H_

#include <cstdint>

namespace quire::benchmarks {

// Spreads `x` over all 64 bits: the finaliser of SplitMix64 (Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", 2014). A bijection.
inline uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The SplitMix64 generator; about a nanosecond a number. Not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15); }

  // A number below `bound`. REQUIRES: bound > 0. (Taking the upper half of a
  // product favours some numbers by less than bound / 2^64.)
  uint64_t Uniform(uint64_t bound) {
    return static_cast<uint64_t>(
        (static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

 private:
  uint64_t state_;
};

// The seed of stream `stream` (a thread, a round) of a run seeded with `seed`.
inline uint64_t StreamSeed(uint64_t seed, uint64_t stream) {
  return Mix(seed + Mix(stream + 1));
}

// A seed that the operating system draws: each run differs unless it is given
// one.
uint64_t DrawSeed();

// A bijection of [0, size) onto itself that looks random: visits every number
// once without a table. A four-round Feistel network over the next even number
// of bits, walked until it falls inside (Black and Rogaway, "Ciphers with
// arbitrary finite domains", 2002). Immutable.
class Permutation {
 public:
  // REQUIRES: 0 < size <= 2^62.
  Permutation(uint64_t size, uint64_t seed);

  // REQUIRES: i < size.
  uint64_t operator()(uint64_t i) const {
    do {
      i = Encrypt(i);
    } while (i >= size_);
    return i;
  }

 private:
  uint64_t Encrypt(uint64_t x) const {
    uint64_t left = x >> half_bits_;
    uint64_t right = x & half_mask_;
    for (const uint64_t key : round_keys_) {
      const uint64_t next = left ^ (Mix(right + key) & half_mask_);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  static constexpr int kRounds = 4;

  const uint64_t size_;
  int half_bits_;
  uint64_t half_mask_;
  uint64_t round_keys_[kRounds];
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_RANDOM_H_
