// Which versions of a key somebody can still see.
#ifndef QUIRE_KV_INTERNAL_VERSION_FILTER_H_
#define QUIRE_KV_INTERNAL_VERSION_FILTER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quire::kv_internal {

// Fed with entries in the order (key ascending, sequence descending); says for
// each whether to keep it: the newest version of each key, and for each
// snapshot the newest version at or below it. Not thread-safe.
class VersionFilter {
 public:
  // `snapshots`: the sequence numbers of live snapshots, ascending.
  explicit VersionFilter(std::vector<uint64_t> snapshots)
      : snapshots_(std::move(snapshots)) {}

  bool Keep(std::string_view key, uint64_t sequence) {
    if (!started_ || key != key_) {
      started_ = true;
      key_.assign(key);
      newer_sequence_ = sequence;
      unserved_ = snapshots_.size();
      return true;
    }
    // Snapshots at or above the next newer version see that one or a newer.
    while (unserved_ > 0 && snapshots_[unserved_ - 1] >= newer_sequence_) {
      --unserved_;
    }
    newer_sequence_ = sequence;
    return unserved_ > 0 && snapshots_[unserved_ - 1] >= sequence;
  }

 private:
  const std::vector<uint64_t> snapshots_;
  std::string key_;  // of the last entry
  bool started_ = false;
  uint64_t newer_sequence_ = 0;  // of the last entry
  size_t unserved_ = 0;          // snapshots below every version seen so far
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VERSION_FILTER_H_
