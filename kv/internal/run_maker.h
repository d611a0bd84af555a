// Makes runs of full memtables in the background.
#ifndef QUIRE_KV_INTERNAL_RUN_MAKER_H_
#define QUIRE_KV_INTERNAL_RUN_MAKER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "kv/internal/active_log.h"
#include "kv/internal/database_core.h"
#include "kv/internal/database_state.h"
#include "kv/internal/merge_scheduler.h"
#include "kv/internal/table_maker.h"

namespace quire::kv_internal {

// A log that has become a run; nothing of it is named in the manifest yet.
struct SealedLog {
  SegmentState segment;
  MadeRun run;

  // The change that seals the segment.
  SegmentSealed Seal() const;
};

// Takes the length and digest of the log's segment, makes a table over it, and
// syncs both: no order is needed between them, as long as nothing names either.
// The device is at work on the segment while the table is made. Keeps, of each
// key, the newest version and those that a live snapshot needs; the rest is
// garbage. REQUIRES: the memtable is not empty and no write follows.
absl::StatusOr<SealedLog> SealLog(DatabaseCore& core, ActiveLog& log);

// One thread that takes full logs in order: SealLog, a durable manifest edit, a
// view in which the run replaces the memtable. An empty log's segment is
// dropped. A failure for want of space is tried again; any other sets the error
// latch, and the memtables stay readable. Thread-safe.
class RunMaker {
 public:
  // Wakes `merge_scheduler`, which must outlive it, for each run made.
  RunMaker(DatabaseCore& core, MergeScheduler& merge_scheduler);
  // Stops after the run under way. Call WaitUntilIdle before to have all made.
  ~RunMaker();

  // Blocks while as many logs wait as the options allow. ResourceExhausted,
  // without blocking, while the oldest can't be made for want of space.
  absl::Status WaitForRoom();

  // Takes an immutable log, newer than all before it. Never blocks.
  void Enqueue(std::shared_ptr<ActiveLog> log);

  // Blocks until every log enqueued before the call has become a run, or can't;
  // not for those that are enqueued meanwhile.
  absl::Status WaitUntilIdle();

  // Sets the error latch, and lets writers go that wait for merges.
  void Refuse(const absl::Status& cause);

 private:
  void Loop();
  // As Process; refuses all writing from then on after an error that no second
  // try can mend.
  absl::Status ProcessOrRefuse(const std::shared_ptr<ActiveLog>& log);
  absl::Status Process(const std::shared_ptr<ActiveLog>& log);
  // Whether a further memtable may be filled.
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return waiting_.size() < core_.options.max_waiting_memtables;
  }
  void UpdateThrottle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status DropEmpty(ActiveLog& log);

  DatabaseCore& core_;
  MergeScheduler& merge_scheduler_;

  base::Mutex mu_;
  base::CondVar changed_;
  std::deque<std::shared_ptr<ActiveLog>> waiting_ ABSL_GUARDED_BY(mu_);
  uint64_t enqueued_ ABSL_GUARDED_BY(mu_) = 0;  // so far
  uint64_t made_ ABSL_GUARDED_BY(mu_) = 0;      // of those
  // Why the oldest could not be made at the last try.
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  // The run under way, and what the one before took.
  WriteThrottle::RunMaking making_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // last: runs Loop as soon as it is made
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RUN_MAKER_H_
