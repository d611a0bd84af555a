// When and where merges run.
#ifndef QUIRE_KV_INTERNAL_MERGE_SCHEDULER_H_
#define QUIRE_KV_INTERNAL_MERGE_SCHEDULER_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "kv/internal/database_core.h"
#include "kv/internal/merge_control.h"
#include "kv/internal/merger.h"
#include "kv/internal/rate_limiter.h"
#include "kv/internal/view.h"
#include "kv/options.h"

namespace quire::kv_internal {

// Two threads merge what the policy (merge_policy.h) says is due, each its own
// neighbouring runs: a merge of small runs goes on beside a long one of large
// runs. Making runs of memtables is not among their work. Keeps the write
// throttle up to date.
//
// A merge without space or memory is tried again, after half a second or once
// somebody waits for it. After any other failure its runs are merged only on
// request until the next open; error() says why. A compaction without space is
// its caller's affair alone. Thread-safe.
class MergeScheduler {
 public:
  explicit MergeScheduler(DatabaseCore& core);
  // Calls Stop.
  ~MergeScheduler();

  // The list of runs has changed, or the error latch was set. Never throws.
  void Wake();

  // Blocks until no merge is under way or due, or one that began after the call
  // has found no space. Returns error().
  absl::Status WaitUntilIdle();

  // See DB::CompactRange, on the calling thread. Waits for the merges under
  // way.
  absl::Status CompactRange(const CompactOptions& options);

  // Cancels what is under way and starts nothing more. Idempotent.
  void Stop();

  // Why runs are not merged any more, or else, while a merge is due, why the
  // last one found no space; OK: no reason.
  absl::Status error() const;

  // A line for each merge under way: how many runs and entries, how far.
  std::string Describe() const;

 private:
  using Clock = std::chrono::steady_clock;

  // A merge under way.
  struct Active {
    std::set<uint64_t> runs;  // table numbers
    uint64_t entries = 0;
    std::unique_ptr<MergeControl> control;
  };

  void Loop();
  // Waits for something to do, or does it.
  void RunNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The merge that is due, if any; nothing while a compaction waits.
  std::optional<MergeJob> Pick() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsBusy(uint64_t run) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether a merge is under way or due.
  bool IsBusyOrDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Does the job between taking and giving back its runs. `requested`: by a
  // compaction.
  absl::Status RunJob(const MergeJob& job, bool requested,
                      MergeControl::Observer observer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // After any outcome but want of space.
  void NoteOutcome(const MergeJob& job, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void UpdateThrottle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // One pass of a compaction over all runs.
  absl::Status CompactOnce(const CompactOptions& options, int pass,
                           int pass_count, MergeJob::Rewrite rewrite);

  DatabaseCore& core_;
  RateLimiter limiter_;

  mutable base::Mutex mu_;
  base::CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  int compactions_waiting_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, Active> active_ ABSL_GUARDED_BY(mu_);  // by a number
  uint64_t next_active_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<uint64_t> unmergeable_ ABSL_GUARDED_BY(mu_);  // table numbers
  // The first failure that made runs unmergeable; OK if there are none.
  absl::Status halted_ ABSL_GUARDED_BY(mu_);
  // Of the last merge that was due and ended, if it found no space or memory;
  // and its number in active_.
  absl::Status no_space_ ABSL_GUARDED_BY(mu_);
  uint64_t no_space_active_ ABSL_GUARDED_BY(mu_) = 0;
  // Until then nothing that is due is begun.
  Clock::time_point retry_at_ ABSL_GUARDED_BY(mu_) = Clock::time_point::min();
  std::vector<std::thread> threads_;  // run Loop
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGE_SCHEDULER_H_
