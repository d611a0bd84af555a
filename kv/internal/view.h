// A view: the immutable list of everything that a read has to look at, and how
// readers keep it alive.
#ifndef QUIRE_KV_INTERNAL_VIEW_H_
#define QUIRE_KV_INTERNAL_VIEW_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "cache/striped_holds.h"
#include "kv/internal/database_state.h"
#include "kv/internal/memtable.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// Memtables and runs, each newest first. The current view is published by one
// atomic pointer in the database; a replaced view is retired through the epoch
// and freed once nothing holds it. Contents never change; the newest memtable
// grows (see Memtable).
struct View {
  std::vector<std::shared_ptr<Memtable>> memtables;
  std::vector<std::shared_ptr<Run>> runs;
  // Of a read-only open: the newest sequence number of the state that this is.
  // A writer's views share DatabaseCore::published.
  uint64_t last_sequence = 0;
  // Of a read-only open: what the manifest says of that state's files. A
  // writer's is in its catalog.
  std::shared_ptr<const DatabaseState> state;

  // Readers that left their guard and still use the view. Acquired only inside
  // the guard in which the view was loaded.
  mutable cache::StripedHolds holds;
};

// Keeps a view alive outside of a guard: a count, no lock. Move-only.
class HeldView {
 public:
  HeldView() = default;
  // REQUIRES: an epoch guard is active since before `view` was loaded.
  explicit HeldView(const View* view) : view_(view) { view_->holds.Acquire(); }
  HeldView(HeldView&& other) noexcept
      : view_(std::exchange(other.view_, nullptr)) {}
  HeldView& operator=(HeldView&& other) noexcept {
    if (this != &other) {
      Reset();
      view_ = std::exchange(other.view_, nullptr);
    }
    return *this;
  }
  ~HeldView() { Reset(); }

  void Reset() {
    if (view_ != nullptr) std::exchange(view_, nullptr)->holds.Release();
  }
  const View* get() const { return view_; }
  const View* operator->() const { return view_; }
  const View& operator*() const { return *view_; }

 private:
  const View* view_ = nullptr;
};

// One hold of which there are many, taken and let go anywhere: who has a hold
// may not take a second one from the view (StripedHolds).
using SharedView = std::shared_ptr<const HeldView>;

inline SharedView Share(HeldView view) {
  return std::make_shared<const HeldView>(std::move(view));
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VIEW_H_
