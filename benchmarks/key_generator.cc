#include "benchmarks/key_generator.h"

#include <algorithm>
#include <cstring>

#include "benchmarks/random.h"

namespace quire::benchmarks {
namespace {

constexpr size_t kPoolBytesMin = size_t{1} << 20;
constexpr size_t kWordBytes = sizeof(uint64_t);

}  // namespace

ValuePool::ValuePool(uint64_t seed, size_t value_bytes_max) {
  pool_.resize(std::max(kPoolBytesMin, value_bytes_max));
  Random random(seed);
  for (size_t i = 0; i < pool_.size(); i += kWordBytes) {
    const uint64_t word = random.Next();
    std::memcpy(pool_.data() + i, &word,
                std::min(kWordBytes, pool_.size() - i));
  }
}

void DerivedValues::Fill(uint64_t number, std::string* value) const {
  value->resize(value_bytes_);
  Random random(StreamSeed(seed_, number));
  for (size_t i = 0; i < value_bytes_; i += kWordBytes) {
    const uint64_t word = random.Next();
    std::memcpy(value->data() + i, &word,
                std::min(kWordBytes, value_bytes_ - i));
  }
}

bool DerivedValues::Matches(uint64_t number, std::string_view value) const {
  if (value.size() != value_bytes_) return false;
  Random random(StreamSeed(seed_, number));
  for (size_t i = 0; i < value_bytes_; i += kWordBytes) {
    const uint64_t word = random.Next();
    if (std::memcmp(value.data() + i, &word,
                    std::min(kWordBytes, value_bytes_ - i)) != 0) {
      return false;
    }
  }
  return true;
}

uint64_t DerivedValues::FirstWord(std::string_view value) {
  uint64_t word = 0;
  if (value.size() >= kWordBytes) {
    std::memcpy(&word, value.data(), kWordBytes);
  } else if (!value.empty()) {
    std::memcpy(&word, value.data(), value.size());
  }
  return word;
}

}  // namespace quire::benchmarks
