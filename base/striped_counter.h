// A counter that many threads change often and few read.

#ifndef QUIRE_BASE_STRIPED_COUNTER_H_
#define QUIRE_BASE_STRIPED_COUNTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace quire::base {

// Number of stripes. All but the last belong to one thread each; the last is
// shared by the threads beyond their number, which costs speed only.
inline constexpr std::size_t kStripeCount = 64;

namespace internal {

inline constexpr std::size_t kSharedStripe = kStripeCount - 1;
inline constexpr std::size_t kNoStripe = kStripeCount;

// The calling thread's stripe, or kNoStripe before its first use. `constinit`
// spares each access a check for a dynamic initialiser.
extern constinit thread_local std::size_t this_thread_stripe;

// Gives the calling thread its stripe and returns it.
std::size_t AssignStripe();

}  // namespace internal

// The stripe of the calling thread, below kStripeCount: a free one from its
// first call until its objects of thread storage duration are destroyed. Never
// blocks.
inline std::size_t ThisThreadStripe() {
  const std::size_t stripe = internal::this_thread_stripe;
  return stripe != internal::kNoStripe ? stripe : internal::AssignStripe();
}

// A signed 64-bit count, kept as one part per stripe so that threads which add
// at the same time don't write to one cache line. For statistics, and for
// holds: Add(1) to take, Add(-1) to let go, from the same or another thread.
//
// Takes kStripeCount * 128 bytes: keep it for shared, long-lived things.
// Thread-safe; no call blocks.
//
// Order. A part is written by the one thread that owns its stripe, so a load
// and a store add to it: no locked instruction, which costs a hot read as much
// as the rest of its bookkeeping. The next owner of a stripe has acquired what
// the last one released with it. Only the shared stripe's part needs a
// read-modify-write. Whoever acts on a sum of holds (frees the thing once it
// is 0) needs SumAcquire; it pairs with every Add, since a release store that a
// later relaxed store replaced would not count any more.
class StripedCounter {
 public:
  StripedCounter() = default;
  StripedCounter(const StripedCounter&) = delete;
  StripedCounter& operator=(const StripedCounter&) = delete;

  // Adds `delta`, which may be negative, to the calling thread's part. Release:
  // what this thread did to a held thing before it let it go happens before a
  // SumAcquire that reads the result. Acquire isn't needed by the letting go
  // itself.
  void Add(int64_t delta) {
    const std::size_t stripe = ThisThreadStripe();
    std::atomic<int64_t>& part = parts_[stripe].value;
    if (stripe == internal::kSharedStripe) [[unlikely]] {
      part.fetch_add(delta, std::memory_order_release);
    } else {
      part.store(part.load(std::memory_order_relaxed) + delta,
                 std::memory_order_release);
    }
  }

  // The sum of all parts, read one after the other: exact when nobody adds
  // meanwhile, else near what the count was; it may even be negative for a
  // moment where holds are let go in other threads than took them.
  int64_t Sum() const { return SumWithOrder(std::memory_order_relaxed); }

  // As Sum, and pairs with Add: the uses of the holds that this sum saw
  // end happen before what the caller does next. A sum of 0 means that no hold
  // is left only if none can start meanwhile, not even from another hold, and
  // if every Add(1) happens before this call: take the thing out of reach and
  // wait for the readers' guards first. Then only ends of holds are still to
  // come, and a part read too early makes the sum too high, never too low.
  int64_t SumAcquire() const { return SumWithOrder(std::memory_order_acquire); }

 private:
  // Two lines of 64 bytes: the processor fetches lines in adjacent pairs.
  struct alignas(128) Part {
    std::atomic<int64_t> value{0};
  };

  int64_t SumWithOrder(std::memory_order order) const {
    int64_t sum = 0;
    for (const Part& part : parts_) sum += part.value.load(order);
    return sum;
  }

  std::array<Part, kStripeCount> parts_;
};

}  // namespace quire::base

#endif  // QUIRE_BASE_STRIPED_COUNTER_H_
