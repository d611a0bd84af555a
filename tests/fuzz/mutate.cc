#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <random>

#include "tests/fuzz/fuzz_target.h"

namespace quire::testing {

size_t MutateUsedBytes(uint8_t* data, size_t size, size_t max_size,
                       unsigned int seed) {
  constexpr size_t kFew = 16;
  std::minstd_rand random(seed);
  if (size <= kFew || random() % 4 == 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  size_t at = random() % (size - kFew);
  // The next place that isn't zero, if there is one.
  const uint8_t* const used = std::find_if(
      data + at, data + size - kFew, [](uint8_t byte) { return byte != 0; });
  at = static_cast<size_t>(used - data);
  const size_t few = 1 + random() % kFew;
  // It may leave fewer bytes: those behind stay as they are.
  LLVMFuzzerMutate(data + at, few, few);
  return size;
}

}  // namespace quire::testing
