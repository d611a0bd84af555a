// Slowing writers down when the work behind them can't keep up.
#ifndef QUIRE_KV_INTERNAL_WRITE_THROTTLE_H_
#define QUIRE_KV_INTERNAL_WRITE_THROTTLE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace quire::kv_internal {

// Two things make writers wait, a little at each group rather than for long at
// one: no group of up to a megabyte is held up for more than kLongestDelay
// unless something is badly behind.
//
// Merging. What waits to be merged costs every read a probe of each run, and
// disk space for what it obsoletes, so neither may grow without bound. Below
// kSlowRuns and kSlowBacklog writers are free; from there on their rate falls,
// smoothly; from kMostRuns or kMostBacklog on each group is held up for
// kLongestDelay; and as far beyond that again, writers wait. All of it only
// while a merge is under way or due, since at rest the newer runs may weigh a
// part of the oldest (merge_policy.h).
//
// Memtables. While all that may wait for their runs do, the writers' rate is
// such that the memtable being filled lasts until a run is done.
//
// Thread-safe.
class WriteThrottle {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr size_t kSlowRuns = 16;
  static constexpr size_t kMostRuns = 32;
  // Bytes of older records that the newer runs are thought to have made
  // obsolete, in proportion to the weight of the oldest run, or to four
  // memtables if that is lighter.
  static constexpr double kSlowBacklog = 0.2;
  static constexpr double kMostBacklog = 0.4;
  // Bytes a second of log where slowing begins, and just before kMostRuns or
  // kMostBacklog.
  static constexpr double kFastestRate = 128 << 20;
  static constexpr double kSlowestRate = 4 << 20;
  // For each megabyte of a group, or a part of one.
  static constexpr std::chrono::milliseconds kLongestDelay{40};

  struct Load {
    size_t run_count = 0;
    double backlog = 0;
  };

  // How things stand. `merging`: how merging goes. OK: a merge is under way or
  // will be; an error: the load will fall only if that goes away.
  void Update(const Load& load, const absl::Status& merging);

  // A run of a memtable is being made.
  struct RunMaking {
    Clock::time_point start;
    // What the one before took; 0: not known.
    Clock::duration usual{0};
  };

  // `making`: the run that must be done before a further memtable may be
  // filled; nothing if there is room.
  void UpdateMemtables(const std::optional<RunMaking>& making);

  // Whether Admit has anything to wait for. Never blocks.
  bool engaged() const { return engaged_.load(std::memory_order_relaxed); }

  // Called before `bytes` of log are written to a memtable that has room for
  // `room` more: sleeps or blocks as long as it is the writers' turn to wait.
  // Returns the error of Update, without blocking, where merging is far behind
  // and fails for want of space; any other failure of merging does not hold
  // writers up.
  absl::Status Admit(uint64_t bytes, uint64_t room);

  // "free", "slowed to N bytes/s: M runs, ...", "slowed: ..." or "stopped:
  // ...": for people.
  std::string Describe() const;

 private:
  // 0: free; 1: as slow as can be; kStop: writers wait.
  static constexpr double kStop = 2;
  static double Pressure(const Load& load);
  static double RateFor(double pressure);

  // Whether merging is so far behind, `pressure` or more, and not hopeless.
  bool MergingIsBehind(double pressure) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Clock::duration MergeDelay(uint64_t bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Clock::duration MemtableDelay(uint64_t bytes, uint64_t room,
                                Clock::time_point now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SetEngaged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Relaxed: whether there is anything to wait for; mu_ guards the rest.
  std::atomic<bool> engaged_{false};

  mutable base::Mutex mu_;
  base::CondVar changed_;
  Load load_ ABSL_GUARDED_BY(mu_);
  absl::Status merging_ ABSL_GUARDED_BY(mu_);
  std::optional<RunMaking> making_ ABSL_GUARDED_BY(mu_);
  // What writers have yet to wait, since very short sleeps can't be had;
  // negative if the last one was too long.
  Clock::duration owed_ ABSL_GUARDED_BY(mu_){0};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_WRITE_THROTTLE_H_
