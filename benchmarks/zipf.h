// Numbers of which few are drawn often and most seldom.
#ifndef QUIRE_BENCHMARKS_ZIPF_H_
#define QUIRE_BENCHMARKS_ZIPF_H_

#include <cstdint>

#include "benchmarks/random.h"

namespace quire::benchmarks {

// Draws ranks from [0, size), rank r about as often as 1 / (r + 1)^theta, in
// constant time: the method of Gray et al., "Quickly generating billion-record
// synthetic databases" (SIGMOD 1994), which YCSB uses too. Where hot numbers
// shouldn't be neighbours, send the rank through a Permutation. Making one
// costs a sum over `size` terms. Immutable.
class Zipf {
 public:
  // REQUIRES: size > 0, 0 < theta < 1.
  Zipf(uint64_t size, double theta);

  uint64_t Draw(Random& random) const;

 private:
  const uint64_t size_;
  const double alpha_;
  const double sum_;            // of all weights
  const double second_weight_;  // of rank 1
  const double eta_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_ZIPF_H_
