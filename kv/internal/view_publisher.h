// Publishes the current view and frees the replaced ones.
#ifndef QUIRE_KV_INTERNAL_VIEW_PUBLISHER_H_
#define QUIRE_KV_INTERNAL_VIEW_PUBLISHER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "base/mutex.h"
#include "kv/internal/view.h"

namespace quire::kv_internal {

// Thread-safe. Readers never wait for whoever changes the view.
class ViewPublisher {
 public:
  // Starts with an empty view.
  ViewPublisher();
  // REQUIRES: no reader is left, and FreeAll has been called.
  ~ViewPublisher();
  ViewPublisher(const ViewPublisher&) = delete;
  ViewPublisher& operator=(const ViewPublisher&) = delete;

  // The current view, valid while the guard is held. REQUIRES: an epoch guard.
  const View* Current() const {
    // seq_cst, pairing with the store in Change: a reader whose guard the
    // reclaimer did not see must not load the view that was replaced before
    // (cache/epoch.h). A plain load on x86.
    return current_.load(std::memory_order_seq_cst);
  }

  // The current view, kept until the result is destroyed.
  HeldView Hold() const;

  // Publishes a copy of the current view with `edit` applied. Changes are
  // serialised; `edit` must not call back. Must be called outside of any guard.
  void Change(absl::FunctionRef<void(View&)> edit);

  // Replaces the view by an empty one and waits until every view and all that
  // they hold has been freed. REQUIRES: no holds are left, no reads run.
  // Ends the process where not even an empty view can be allocated.
  void FreeAll() noexcept;

  // What only replaced views still hold.
  struct Kept {
    std::vector<std::shared_ptr<Memtable>> memtables;
    std::vector<std::shared_ptr<Run>> runs;
  };
  // Whatever of it is let go of meanwhile is freed with the result.
  Kept KeptByOldViews() const;

  // Replaced views that are not freed yet.
  int64_t waiting() const { return waiting_->load(std::memory_order_relaxed); }

 private:
  // Frees a replaced view once nobody can see it.
  void Retire(const View* old) noexcept;

  mutable base::Mutex mu_;  // serialises Change
  // What is no longer in the current view but may be in older ones.
  std::vector<std::weak_ptr<Memtable>> old_memtables_ ABSL_GUARDED_BY(mu_);
  std::vector<std::weak_ptr<Run>> old_runs_ ABSL_GUARDED_BY(mu_);
  std::atomic<const View*> current_;
  // Shared with reclaimers, which may run on any thread. Relaxed to look at;
  // the count falls by a release that FreeAll acquires.
  const std::shared_ptr<std::atomic<int64_t>> waiting_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VIEW_PUBLISHER_H_
