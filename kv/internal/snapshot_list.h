// The sequence numbers that readers still need: of live snapshots, or of
// iterators.
#ifndef QUIRE_KV_INTERNAL_SNAPSHOT_LIST_H_
#define QUIRE_KV_INTERNAL_SNAPSHOT_LIST_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace quire::kv_internal {

// A multiset of sequence numbers, each with the time of its beginning.
// Thread-safe; what whoever removes one did before, comes before a later
// size().
class SnapshotList {
 public:
  using Clock = std::chrono::steady_clock;
  // By sequence number.
  using Entries = std::multimap<uint64_t, Clock::time_point>;
  // Of one entry, until it is removed. `->first` is its sequence number.
  using Handle = Entries::const_iterator;

  // Adds the value of `published`, read under the lock: whoever lists the
  // sequences afterwards sees it, so no merge can miss a snapshot whose
  // sequence was taken before the merge looked.
  Handle AddCurrent(const std::atomic<uint64_t>& published) {
    base::MutexLock lock(mu_);
    return entries_.emplace(published.load(std::memory_order_acquire),
                            Clock::now());
  }

  // Adds a sequence number that no merge of this process could lose.
  Handle Add(uint64_t sequence) {
    base::MutexLock lock(mu_);
    return entries_.emplace(sequence, Clock::now());
  }

  void Remove(Handle handle) {
    base::MutexLock lock(mu_);
    entries_.erase(handle);
  }

  // Ascending, without duplicates.
  std::vector<uint64_t> Sequences() const {
    base::MutexLock lock(mu_);
    std::vector<uint64_t> result;
    for (const auto& [sequence, since] : entries_) {
      if (result.empty() || result.back() != sequence) {
        result.push_back(sequence);
      }
    }
    return result;
  }

  // A copy.
  Entries entries() const {
    base::MutexLock lock(mu_);
    return entries_;
  }

  size_t size() const {
    base::MutexLock lock(mu_);
    return entries_.size();
  }

 private:
  mutable base::Mutex mu_;
  Entries entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SNAPSHOT_LIST_H_
