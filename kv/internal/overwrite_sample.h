// How much of what is written was there before.
#ifndef QUIRE_KV_INTERNAL_OVERWRITE_SAMPLE_H_
#define QUIRE_KV_INTERNAL_OVERWRITE_SAMPLE_H_

#include <cstdint>
#include <memory>
#include <span>

#include "kv/internal/run.h"

namespace quire::kv_internal {

// Estimates which share of a new run's keys older runs have, by probing for one
// key in kSampledIn. What looks like a key is taken for it: the tags of the
// hash section are wrong once in thousands of probes. A hash section that is
// not resident is not read: every key is taken to be there. Not thread-safe.
class OverwriteSample {
 public:
  static constexpr uint64_t kSampledIn = 32;

  // `older` must outlive the sample.
  explicit OverwriteSample(std::span<const std::shared_ptr<Run>> older)
      : older_(older) {}

  // Takes note of a key with this hash.
  void Add(uint64_t hash) {
    // Neither the bits that choose a line nor those of the tag.
    if ((hash >> kUnusedBit) % kSampledIn != 0) return;
    ++sampled_;
    if (IsThere(hash)) ++found_;
  }

  // From 0 to 1; 1 if there was nothing to look at.
  double share() const {
    return sampled_ == 0 || older_.empty()
               ? 1
               : static_cast<double>(found_) / static_cast<double>(sampled_);
  }

 private:
  static constexpr int kUnusedBit = 20;

  bool IsThere(uint64_t hash) const;

  const std::span<const std::shared_ptr<Run>> older_;
  uint64_t sampled_ = 0;
  uint64_t found_ = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_OVERWRITE_SAMPLE_H_
