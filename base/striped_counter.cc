#include "base/striped_counter.h"

namespace quire::base::internal {

constinit thread_local std::size_t this_thread_stripe = kNoStripe;

std::size_t AssignStripe() {
  // Relaxed: each thread needs a number of its own, and nothing else is handed
  // over with it.
  static constinit std::atomic<std::size_t> next_stripe{0};
  this_thread_stripe =
      next_stripe.fetch_add(1, std::memory_order_relaxed) % kStripeCount;
  return this_thread_stripe;
}

}  // namespace quire::base::internal
