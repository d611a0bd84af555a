// Random numbers that are the same wherever they are drawn from the same seed.

#ifndef QUIRE_TESTS_TORTURE_DICE_H_
#define QUIRE_TESTS_TORTURE_DICE_H_

#include <cstdint>

namespace quire::torture {

// The finaliser of splitmix64 (Steele, Lea, Flood 2014): mixes all bits.
inline uint64_t MixBits(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return MixBits(state_++); }
  // From 0 to bound - 1.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_DICE_H_
