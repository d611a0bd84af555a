// Whether batches touch mapped pages or have them read.
#ifndef QUIRE_KV_INTERNAL_FAULT_WATCH_H_
#define QUIRE_KV_INTERNAL_FAULT_WATCH_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace quire::kv_internal {

// Mapped pages that aren't in memory can be touched only one after the other,
// each for the time that the device takes; by PageProvider::Read they come
// together. But where they are in memory, touching them costs a fifth. Which of
// the two it is, the clock tells: after a batch that took long the next ones
// are read, a few at first, more whenever the batch that is then tried took
// long again. Where batches were quick, one that isn't is forgiven: the thread
// may have lost its processor. It begins with reading: what was just opened is
// not in memory.
//
// Thread-safe. Everything is relaxed, and an update may be lost: these are
// hints.
class FaultWatch {
 public:
  // Whether the next batch shall touch: tell Touched then.
  bool MayTouch() {
    const uint32_t left = reads_left_.load(std::memory_order_relaxed);
    if (left == 0) return true;
    reads_left_.store(left - 1, std::memory_order_relaxed);
    return false;
  }

  // A batch of `keys` that touched has taken so long.
  void Touched(size_t keys, std::chrono::steady_clock::duration elapsed) {
    if (elapsed <= kSlowKey * static_cast<int64_t>(keys)) {
      if (!quick_.load(std::memory_order_relaxed)) {
        quick_.store(true, std::memory_order_relaxed);
        next_reads_.store(kLeastReads, std::memory_order_relaxed);
      }
      return;
    }
    if (quick_.load(std::memory_order_relaxed)) {
      quick_.store(false, std::memory_order_relaxed);
      return;
    }
    const uint32_t reads = next_reads_.load(std::memory_order_relaxed);
    reads_left_.store(reads, std::memory_order_relaxed);
    next_reads_.store(std::min(2 * reads, kMostReads),
                      std::memory_order_relaxed);
  }

 private:
  // Ten times what a key in memory takes; a twentieth of a device's read.
  static constexpr std::chrono::microseconds kSlowKey{4};
  // Batches that are read before one touches again.
  static constexpr uint32_t kLeastReads = 8;
  static constexpr uint32_t kMostReads = 512;

  std::atomic<uint32_t> reads_left_{kLeastReads};
  std::atomic<uint32_t> next_reads_{kLeastReads};
  std::atomic<bool> quick_{false};  // the last batch that touched was
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_FAULT_WATCH_H_
