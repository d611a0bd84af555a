// Keys and values of the workloads.
#ifndef QUIRE_BENCHMARKS_KEY_GENERATOR_H_
#define QUIRE_BENCHMARKS_KEY_GENERATOR_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quire::benchmarks {

// A key as LevelDB's db_bench makes them: a prefix of 'a's, then a number in 16
// decimal digits, zeros in front. Writing one takes some nanoseconds, so that
// it may stand in a timed loop. Not thread-safe.
class KeyBuffer {
 public:
  static constexpr size_t kDigits = 16;
  // Numbers are below this.
  static constexpr uint64_t kNumberEnd = 10'000'000'000'000'000;

  explicit KeyBuffer(size_t prefix_bytes = 0)
      : text_(prefix_bytes + kDigits, 'a') {}

  // Makes this the key of `number` and returns view().
  // REQUIRES: number < kNumberEnd.
  std::string_view Set(uint64_t number) {
    char* const first = text_.data() + text_.size() - kDigits;
    for (char* digit = first + kDigits; digit != first;) {
      *--digit = static_cast<char>('0' + number % 10);
      number /= 10;
    }
    return text_;
  }

  // The key of the last Set; dies with the next one.
  std::string_view view() const { return text_; }

 private:
  std::string text_;
};

// Values of random bytes, cut from a pool of at least 1 MiB one after the
// other. Not thread-safe.
class ValuePool {
 public:
  // Values of up to `value_bytes_max`.
  ValuePool(uint64_t seed, size_t value_bytes_max);

  // Dies with the pool. REQUIRES: bytes <= value_bytes_max.
  std::string_view Next(size_t bytes) {
    if (position_ + bytes > pool_.size()) position_ = 0;
    const std::string_view value(pool_.data() + position_, bytes);
    position_ += bytes;
    return value;
  }

 private:
  std::string pool_;
  size_t position_ = 0;
};

// Values that follow from the number of their key, so that a reader knows what
// it must find. Immutable.
class DerivedValues {
 public:
  DerivedValues(uint64_t seed, size_t value_bytes)
      : seed_(seed), value_bytes_(value_bytes) {}

  // Makes `*value` the value of key `number`.
  void Fill(uint64_t number, std::string* value) const;

  // Whether `value` is that of key `number`, in every byte.
  bool Matches(uint64_t number, std::string_view value) const;

  // A part of the check that costs a load and an addition and needs no key: the
  // first bytes of `value`, up to eight, as a number. The sum over all keys
  // doesn't depend on their order.
  static uint64_t FirstWord(std::string_view value);

 private:
  const uint64_t seed_;
  const size_t value_bytes_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_KEY_GENERATOR_H_
