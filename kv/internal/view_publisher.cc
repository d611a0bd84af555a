#include "kv/internal/view_publisher.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/check.h"
#include "cache/epoch.h"

namespace quire::kv_internal {
namespace {

template <typename T>
using Strong = std::vector<std::shared_ptr<T>>;
template <typename T>
using Weak = std::vector<std::weak_ptr<T>>;

template <typename T>
bool Contains(const Strong<T>& list, const std::shared_ptr<T>& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Adds to `old` what is in `before` and not in `after`, and forgets what is
// freed.
template <typename T>
void NoteDropped(const Strong<T>& before, const Strong<T>& after,
                 Weak<T>* old) {
  std::erase_if(*old, [](const auto& item) { return item.expired(); });
  for (const auto& item : before) {
    if (!Contains(after, item)) old->push_back(item);
  }
}

template <typename T>
Strong<T> StillThere(const Weak<T>& old) {
  Strong<T> result;
  for (const auto& item : old) {
    if (auto locked = item.lock()) result.push_back(std::move(locked));
  }
  return result;
}

}  // namespace

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
    NoteDropped(old->memtables, next->memtables, &old_memtables_);
    NoteDropped(old->runs, next->runs, &old_runs_);
    current_.store(next.release(), std::memory_order_seq_cst);
  }
  Retire(old);
}

void ViewPublisher::Retire(const View* old) noexcept {
  waiting_->fetch_add(1, std::memory_order_relaxed);
  cache::RetireAfterEpoch([old, waiting = waiting_] {
    if (!old->holds.Idle()) return false;
    delete old;
    waiting->fetch_sub(1, std::memory_order_release);
    return true;
  });
  cache::ReclaimRetired();
}

ViewPublisher::Kept ViewPublisher::KeptByOldViews() const {
  base::MutexLock lock(mu_);
  return {.memtables = StillThere(old_memtables_),
          .runs = StillThere(old_runs_)};
}

void ViewPublisher::FreeAll() noexcept {
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
