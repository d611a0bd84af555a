#include "base/striped_counter.h"

#include <bit>

namespace quire::base::internal {
namespace {

static_assert(kSharedStripe == 63, "one bit of a word for each other stripe");

// Bit i: stripe i belongs to a thread. The shared stripe's is set for good.
constinit std::atomic<uint64_t> owned_stripes{uint64_t{1} << kSharedStripe};

// Gives the stripe back when its thread ends. What still counts in that thread
// afterwards does so in the shared stripe.
struct Ownership {
  ~Ownership() {
    if (stripe == kSharedStripe) return;
    this_thread_stripe = kSharedStripe;
    // Release: the next owner continues from our last stores.
    owned_stripes.fetch_and(~(uint64_t{1} << stripe),
                            std::memory_order_release);
  }
  std::size_t stripe = kSharedStripe;
};

std::size_t ClaimStripe() {
  uint64_t owned = owned_stripes.load(std::memory_order_relaxed);
  while (~owned != 0) {
    const auto stripe = static_cast<std::size_t>(std::countr_one(owned));
    // Acquire: pairs with the release above. Relaxed on failure: nothing but
    // the bits is read.
    if (owned_stripes.compare_exchange_weak(
            owned, owned | uint64_t{1} << stripe, std::memory_order_acquire,
            std::memory_order_relaxed)) {
      return stripe;
    }
  }
  return kSharedStripe;
}

}  // namespace

constinit thread_local std::size_t this_thread_stripe = kNoStripe;

std::size_t AssignStripe() {
  thread_local Ownership ownership;
  ownership.stripe = ClaimStripe();
  this_thread_stripe = ownership.stripe;
  return this_thread_stripe;
}

}  // namespace quire::base::internal
