// How long-lived shared objects are kept while somebody uses them outside of an
// epoch guard: a count that never becomes a contended cache line.

#ifndef QUIRE_CACHE_STRIPED_HOLDS_H_
#define QUIRE_CACHE_STRIPED_HOLDS_H_

#include "base/striped_counter.h"

namespace quire::cache {

// Holds on one object, such as a view of a database or a mapped file. Large
// (see base::StripedCounter): for objects of which a process has few.
//
// The life of an object with holds:
//   1. It is published; readers find it inside a guard and may Acquire there.
//   2. It is unlinked and retired (cache/epoch.h). From then on no new guard
//      finds it.
//   3. Once the epoch has passed, its owner asks Idle() and frees the object
//      when the answer is true; else it asks again later.
//
// So Acquire is allowed only inside a guard through which the object was found,
// or to the owner before publishing. Whoever has a hold must not take a second
// one from it later: that is what makes Idle() final.
//
// Why Idle() == true is final. Every Acquire happens before the guard that
// allowed it ended, hence before the epoch passed, hence before Idle() looks:
// it sees all of them. From then on the only writes are Releases, so each part
// of the count only falls. Idle() reads the parts one after the other; a part
// may have fallen further after it was read, so the sum that Idle() computes is
// at least the true number of holds at its end, which is never negative. If it
// computes 0, the true number is 0, and nobody can raise it again. (One part
// alone may be negative: a hold may be let go by another thread.)
//
// Thread-safe; nothing blocks.
class StripedHolds {
 public:
  // Takes a hold. Relaxed is enough: the guard, not the count, orders it before
  // the free (above), and the guard's acquire load made the object visible.
  void Acquire() { count_.Add(1); }

  // Lets one hold go, on any thread. Release: all uses of the object come
  // before it, and Idle() acquires.
  void Release() { count_.Add(-1); }

  // True once every hold has been let go; what their holders did to the object
  // then happens before what the caller does next.
  // REQUIRES: the object is unreachable and an epoch has passed since.
  bool Idle() const { return count_.SumAcquire() == 0; }

 private:
  base::StripedCounter count_;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_STRIPED_HOLDS_H_
