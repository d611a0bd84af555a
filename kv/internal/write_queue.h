// Group commit: writers queue up, the first of them writes for all.
#ifndef QUIRE_KV_INTERNAL_WRITE_QUEUE_H_
#define QUIRE_KV_INTERNAL_WRITE_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "kv/internal/active_log.h"
#include "kv/internal/database_core.h"
#include "kv/internal/durable_point.h"
#include "kv/internal/run_maker.h"
#include "kv/write_batch.h"

namespace quire::kv_internal {

// The writer at the front of the queue is the leader. It takes the batches
// waiting behind it (up to a byte limit), lays all of them out as one group in
// the memtable's image, writes the group at an explicit offset, syncs once if
// any of them asks for it, indexes the records, publishes their sequence
// numbers and wakes their writers in order. After LevelDB's DBImpl::Write; here
// the group is encoded once and read from where it was encoded.
//
// Sequence numbers are given out before the write and never again, also when it
// fails. A failed write with ResourceExhausted is the failure of its group
// only; any other failed write, and any failed sync, sets the error latch.
//
// Thread-safe.
class WriteQueue {
 public:
  WriteQueue(DatabaseCore& core, RunMaker& run_maker);

  // Applies `batch`, which must be within the format's limits.
  absl::Status Write(const WriteBatch& batch, bool sync);

  // The barrier: returns OK once everything acknowledged before is durable.
  absl::Status Sync();

  // As Sync, but never waits for a writer.
  absl::Status SyncAcknowledged();

  // Hands the current memtable, unless it is empty, to the run maker.
  absl::Status SwitchMemtable();

  // Hands the current memtable to the run maker and starts no new one.
  // REQUIRES: no write follows.
  absl::Status SealLog();

  // The highest sequence number given out, also to writes that failed.
  // REQUIRES: SealLog has returned.
  uint64_t last_sequence() const { return last_sequence_; }

  // Appends an empty group if the last synced group is not yet covered by a
  // later `synced_upto`: otherwise rot in it could be taken for a torn tail
  // after an unclean stop. Does nothing while anybody writes: that covers it,
  // too, and the caller mustn't wait for throttled writers.
  absl::Status CoverDurablePoint();

  // Lets the device begin with what the log has grown by (ActiveLog). Never
  // waits for a writer.
  void StartWriteback();

  // True while CoverDurablePoint would write.
  bool NeedsCover() const {
    // Relaxed: a hint for the housekeeper, which looks again.
    return needs_cover_.load(std::memory_order_relaxed);
  }

 private:
  enum class Task : uint8_t { kWrite, kSync, kSwitch, kSeal, kCover };

  struct Writer {
    explicit Writer(Task t) : task(t) {}
    const Task task;
    const WriteBatch* batch = nullptr;
    bool sync = false;
    bool done = false;
    absl::Status status;
    base::CondVar turn;
  };

  // Queues `writer`, waits for its turn or for another to have served it.
  absl::Status Run(Writer& writer);

  // What the leader does, without mu_: serves `group`, whose first is itself.
  void Serve(std::span<Writer*> group);
  absl::Status ServeTask(std::span<Writer*> group);
  absl::Status WriteGroup(std::span<Writer*> group, bool sync);
  absl::Status AppendGroup(std::span<Writer*> group, uint64_t last_sequence);
  absl::Status SyncAll();
  // Syncs every log that may hold something before `end`, which is durable
  // then.
  absl::Status SyncLogs(const DurablePoint::Point& end);

  // Makes sure that the log has room for `bytes` and memory for `records`.
  absl::Status MakeRoom(uint64_t bytes, uint64_t records);
  absl::Status NewLog(uint64_t capacity);
  // Counts the time that `wait` takes.
  absl::Status CountStall(absl::FunctionRef<absl::Status()> wait);
  void EnqueueLog();

  // The writers that one leader serves: those behind the first, up to a limit.
  std::vector<Writer*> GatherGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  DatabaseCore& core_;
  RunMaker& run_maker_;

  base::Mutex mu_;
  std::deque<Writer*> queue_ ABSL_GUARDED_BY(mu_);
  // log_, for those who are not the leader.
  std::weak_ptr<ActiveLog> newest_log_ ABSL_GUARDED_BY(mu_);
  // Logs before it that may hold something unsynced, in order. One that is gone
  // has become a run, which is durable: its memory mustn't wait for the next
  // sync, which may never come.
  std::vector<std::weak_ptr<ActiveLog>> unsynced_ ABSL_GUARDED_BY(mu_);
  // All that is acknowledged is before it.
  DurablePoint::Point acknowledged_ ABSL_GUARDED_BY(mu_);

  // Below: touched by the leader only; leaders follow one another through mu_.
  std::shared_ptr<ActiveLog> log_;  // nullptr before the first write
  uint64_t last_sequence_;          // highest one given out
  LogPosition last_group_end_;
  // Whether something may have been written and not synced, be it a group
  // without records; SyncAcknowledged leaves it as it is.
  bool has_unsynced_ = false;

  std::atomic<bool> needs_cover_{false};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_WRITE_QUEUE_H_
