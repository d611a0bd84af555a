// Slowing writers down when merging can't keep up.
#ifndef QUIRE_KV_INTERNAL_WRITE_THROTTLE_H_
#define QUIRE_KV_INTERNAL_WRITE_THROTTLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace quire::kv_internal {

// What waits to be merged costs every read a probe of each run, and disk space
// for what it obsoletes, so neither may grow without bound. Below kSlowRuns and
// kSlowBacklog writers are free; from there on their rate falls, smoothly; at
// kMostRuns or kMostBacklog they wait; all of it only while a merge is under
// way or due, since at rest the newer runs may weigh a quarter of the oldest
// (merge_policy.h). Thread-safe.
class WriteThrottle {
 public:
  static constexpr size_t kSlowRuns = 16;
  static constexpr size_t kMostRuns = 32;
  // Weight of the other runs in proportion to the oldest, or to four memtables
  // if that is lighter.
  static constexpr double kSlowBacklog = 0.2;
  static constexpr double kMostBacklog = 0.4;
  // Bytes a second of log where slowing begins, and just before writers wait.
  static constexpr double kFastestRate = 128 << 20;
  static constexpr double kSlowestRate = 4 << 20;

  struct Load {
    size_t run_count = 0;
    double backlog = 0;
  };

  // How things stand. `merging`: how merging goes. OK: a merge is under way or
  // will be; an error: the load will fall only if that goes away.
  void Update(const Load& load, const absl::Status& merging);

  // Whether Admit has anything to wait for. Never blocks.
  bool engaged() const { return engaged_.load(std::memory_order_relaxed); }

  // Called before `bytes` of log are written: sleeps or blocks as long as it is
  // the writers' turn to wait. Returns the error of Update, without blocking,
  // where writers would have to wait for merging that fails for want of space;
  // any other failure of merging does not hold writers up.
  absl::Status Admit(uint64_t bytes);

  // "free", "slowed to N bytes/s: M runs, ...", "stopped: ...": for people.
  std::string Describe() const;

 private:
  // 0: free; 1 and more: writers wait.
  static double Pressure(const Load& load);
  static double RateFor(double pressure);

  // Relaxed: whether there is anything to wait for; mu_ guards the rest.
  std::atomic<bool> engaged_{false};

  mutable base::Mutex mu_;
  base::CondVar changed_;
  Load load_ ABSL_GUARDED_BY(mu_);
  absl::Status merging_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_WRITE_THROTTLE_H_
