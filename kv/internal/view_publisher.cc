#include "kv/internal/view_publisher.h"

#include <thread>

#include "base/check.h"
#include "cache/epoch.h"

namespace quire::kv_internal {

ViewPublisher::ViewPublisher()
    : current_(new View), waiting_(std::make_shared<std::atomic<int64_t>>(0)) {}

ViewPublisher::~ViewPublisher() {
  delete current_.load(std::memory_order_relaxed);
}

HeldView ViewPublisher::Hold() const {
  cache::EpochGuard guard;
  return HeldView(Current());
}

void ViewPublisher::Change(absl::FunctionRef<void(View&)> edit) {
  const View* old;
  {
    base::MutexLock lock(mu_);
    // Only Change stores, under mu_, so relaxed sees the newest.
    old = current_.load(std::memory_order_relaxed);
    auto next = std::make_unique<View>();
    next->memtables = old->memtables;
    next->runs = old->runs;
    edit(*next);
    current_.store(next.release(), std::memory_order_seq_cst);
  }
  waiting_->fetch_add(1, std::memory_order_relaxed);
  cache::RetireAfterEpoch([old, waiting = waiting_] {
    if (!old->holds.Idle()) return false;
    delete old;
    waiting->fetch_sub(1, std::memory_order_release);
    return true;
  });
  cache::ReclaimRetired();
}

void ViewPublisher::FreeAll() {
  Change([](View& view) {
    view.memtables.clear();
    view.runs.clear();
  });
  while (waiting_->load(std::memory_order_acquire) != 0) {
    cache::SynchronizeEpoch();
    std::this_thread::yield();
  }
}

}  // namespace quire::kv_internal
