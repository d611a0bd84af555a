// The sequence numbers that readers still need: live snapshots and iterators.
#ifndef QUIRE_KV_INTERNAL_SNAPSHOT_LIST_H_
#define QUIRE_KV_INTERNAL_SNAPSHOT_LIST_H_

#include <atomic>
#include <cstdint>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace quire::kv_internal {

// A multiset of sequence numbers. Thread-safe.
class SnapshotList {
 public:
  // Adds the value of `published`, read under the lock: whoever lists the
  // sequences afterwards sees it, so no merge can miss a snapshot whose
  // sequence was taken before the merge looked.
  uint64_t AddCurrent(const std::atomic<uint64_t>& published) {
    base::MutexLock lock(mu_);
    const uint64_t sequence = published.load(std::memory_order_acquire);
    sequences_.insert(sequence);
    return sequence;
  }

  // Adds a sequence number that no merge of this process could lose.
  void Add(uint64_t sequence) {
    base::MutexLock lock(mu_);
    sequences_.insert(sequence);
  }

  void Remove(uint64_t sequence) {
    base::MutexLock lock(mu_);
    sequences_.erase(sequences_.find(sequence));
  }

  // Ascending, without duplicates.
  std::vector<uint64_t> Sequences() const {
    base::MutexLock lock(mu_);
    std::vector<uint64_t> result;
    for (uint64_t sequence : sequences_) {
      if (result.empty() || result.back() != sequence) {
        result.push_back(sequence);
      }
    }
    return result;
  }

  size_t size() const {
    base::MutexLock lock(mu_);
    return sequences_.size();
  }

 private:
  mutable base::Mutex mu_;
  std::multiset<uint64_t> sequences_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SNAPSHOT_LIST_H_
