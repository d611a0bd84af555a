// What an open database does while nobody calls it.
#ifndef QUIRE_KV_INTERNAL_HOUSEKEEPER_H_
#define QUIRE_KV_INTERNAL_HOUSEKEEPER_H_

#include <chrono>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "kv/internal/database_core.h"
#include "kv/internal/write_queue.h"

namespace quire::kv_internal {

// One thread that wakes every few milliseconds while there is something to do:
// syncs the log when Options::sync_interval_ms asks for it, whatever writers
// wait for, lets the device begin with it else, covers the durable point when
// the log has been idle for 50 ms after a synced write, frees the spare image
// after a second without writes and views that readers have let go, and removes
// the files that went with them.
// `write_queue` may be nullptr (read-only).
class Housekeeper {
 public:
  Housekeeper(DatabaseCore& core, WriteQueue* write_queue);
  // Stops the thread; nothing more is written.
  ~Housekeeper();

 private:
  void Loop();
  void Tick();
  void SyncIfDue();
  void CoverIfIdle();

  DatabaseCore& core_;
  WriteQueue* const write_queue_;

  base::Mutex mu_;
  base::CondVar stop_changed_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  // Of the thread alone.
  // When everything acknowledged was durable, or was on its way to be.
  std::chrono::steady_clock::time_point synced_at_ =
      std::chrono::steady_clock::now();
  int idle_ticks_ = 0;
  int64_t groups_seen_ = 0;

  std::thread thread_;  // last: runs Loop as soon as it is made
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_HOUSEKEEPER_H_
