// The entries of a data set: which keys there are, and what their values must
// be.
#ifndef QUIRE_BENCHMARKS_COMPARE_KEY_SPACE_H_
#define QUIRE_BENCHMARKS_COMPARE_KEY_SPACE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "benchmarks/compare/engine.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/random.h"

namespace quire::benchmarks {

// Keys are KeyBuffer's of the numbers below num(). Nothing is kept for a key:
// what a value must be is worked out when it is asked for. Immutable.
class KeySpace {
 public:
  // REQUIRES: num > 0.
  KeySpace(uint64_t num, uint64_t value_bytes, uint64_t seed)
      : num_(num),
        value_bytes_(value_bytes),
        seed_(seed),
        values_(StreamSeed(seed, 0), value_bytes) {}

  // So many keys that they and their values are about `data_bytes`; at least
  // one.
  static KeySpace OfSize(uint64_t data_bytes, uint64_t value_bytes,
                         uint64_t seed) {
    const uint64_t num = data_bytes / (KeyBuffer::kDigits + value_bytes);
    return {num == 0 ? 1 : num, value_bytes, seed};
  }

  uint64_t num() const { return num_; }
  uint64_t value_bytes() const { return value_bytes_; }
  uint64_t seed() const { return seed_; }
  uint64_t key_bytes() const { return num_ * KeyBuffer::kDigits; }
  uint64_t data_bytes() const { return key_bytes() + num_ * value_bytes_; }

  void FillValue(uint64_t number, std::string* value) const {
    values_.Fill(number, value);
  }

  // SumOf the value of key `number`; `*scratch` is overwritten.
  uint64_t SumOfValue(uint64_t number, std::string* scratch) const {
    values_.Fill(number, scratch);
    return SumOf(*scratch);
  }

  // What a scan over all must find.
  ScanSums SumsOfAll() const {
    ScanSums sums = {.entries = num_, .key_bytes = key_bytes(), .values = 0};
    std::string scratch;
    for (uint64_t number = 0; number < num_; ++number) {
      sums.values += SumOfValue(number, &scratch);
    }
    return sums;
  }

  // The numbers of all keys in a random order.
  Permutation LoadOrder() const { return {num_, StreamSeed(seed_, 1)}; }

  // Random numbers for reading, the same for each contender.
  Random ReadRandom(uint64_t stream) const {
    return Random(StreamSeed(StreamSeed(seed_, 2), stream));
  }

 private:
  const uint64_t num_;
  const uint64_t value_bytes_;
  const uint64_t seed_;
  const DerivedValues values_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_KEY_SPACE_H_
