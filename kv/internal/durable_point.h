// How far the log is known to survive a power loss.
#ifndef QUIRE_KV_INTERNAL_DURABLE_POINT_H_
#define QUIRE_KV_INTERNAL_DURABLE_POINT_H_

#include <algorithm>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "kv/internal/group.h"

namespace quire::kv_internal {

// The end of the durable prefix of the log, as a place and as a sequence
// number. Only grows. Thread-safe.
class DurablePoint {
 public:
  struct Point {
    LogPosition position;
    uint64_t sequence = 0;
  };

  // Everything before `point.position`, all earlier segments included, and up
  // to `point.sequence` is durable.
  void Advance(const Point& point) {
    base::MutexLock lock(mu_);
    point_.position = std::max(point_.position, point.position);
    point_.sequence = std::max(point_.sequence, point.sequence);
  }

  Point Get() const {
    base::MutexLock lock(mu_);
    return point_;
  }

 private:
  mutable base::Mutex mu_;
  Point point_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DURABLE_POINT_H_
