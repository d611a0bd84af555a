#include "benchmarks/zipf.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace quire::benchmarks {
namespace {

double SumOfWeights(uint64_t size, double theta) {
  double sum = 0;
  for (uint64_t rank = 0; rank < size; ++rank) {
    sum += std::pow(static_cast<double>(rank + 1), -theta);
  }
  return sum;
}

}  // namespace

Zipf::Zipf(uint64_t size, double theta)
    : size_(size),
      alpha_(1 / (1 - theta)),
      sum_(SumOfWeights(size, theta)),
      second_weight_(std::pow(0.5, theta)),
      eta_((1 - std::pow(2 / static_cast<double>(size), 1 - theta)) /
           (1 - (1 + second_weight_) / sum_)) {
  QUIRE_CHECK(size > 0 && theta > 0 && theta < 1);
}

uint64_t Zipf::Draw(Random& random) const {
  // 53 bits, as many as a double holds.
  const double u =
      static_cast<double>(random.Next() >> 11) / (uint64_t{1} << 53);
  if (u * sum_ < 1) return 0;
  if (u * sum_ < 1 + second_weight_) return std::min<uint64_t>(1, size_ - 1);
  const auto rank = static_cast<uint64_t>(
      static_cast<double>(size_) * std::pow(eta_ * u - eta_ + 1, alpha_));
  return std::min(rank, size_ - 1);
}

}  // namespace quire::benchmarks
