// The open database behind the DB interface: puts the parts together.
#ifndef QUIRE_KV_INTERNAL_DB_IMPL_H_
#define QUIRE_KV_INTERNAL_DB_IMPL_H_

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/striped_counter.h"
#include "kv/db.h"
#include "kv/internal/database_core.h"
#include "kv/internal/housekeeper.h"
#include "kv/internal/index_loader.h"
#include "kv/internal/merge_scheduler.h"
#include "kv/internal/point_reader.h"
#include "kv/internal/run_maker.h"
#include "kv/internal/write_queue.h"
#include "kv/read_session.h"

namespace quire::kv_internal {

class DbImpl final : public DB {
 public:
  explicit DbImpl(std::unique_ptr<DatabaseCore> core);
  ~DbImpl() override;

  absl::Status Put(const WriteOptions& options, std::string_view key,
                   std::string_view value) override;
  absl::Status Delete(const WriteOptions& options,
                      std::string_view key) override;
  absl::Status Write(const WriteOptions& options,
                     const WriteBatch& batch) override;
  absl::Status Get(const ReadOptions& options, std::string_view key,
                   std::string* value) override;
  absl::Status Get(const ReadOptions& options, std::string_view key,
                   PinnedValue* value) override;
  void MultiGet(const ReadOptions& options,
                std::span<const std::string_view> keys,
                std::span<PinnedValue> values,
                std::span<absl::Status> statuses) override;
  // For ReadSession::Open.
  absl::StatusOr<std::unique_ptr<ReadSession>> NewReadSession(
      const ReadSessionOptions& options);
  std::unique_ptr<Iterator> NewIterator(const ReadOptions& options) override;
  std::unique_ptr<const Snapshot> GetSnapshot() override;
  absl::Status Sync() override;
  absl::Status FlushMemtables() override;
  absl::Status Refresh() override;
  absl::Status Checkpoint(const std::string& directory) override;
  absl::Status CompactRange(const CompactOptions& options) override;
  absl::Status WaitForMerges() override;
  Stats GetStats() override;
  std::optional<std::string> GetProperty(std::string_view name) override;
  absl::Status Close() override;

 private:
  // Such a process has none of the threads, and locks as they were.
  bool IsForkedChild() const;
  // OK, or why no call is possible: closed, or in a forked child.
  absl::Status CheckUsable() const;
  absl::Status CheckWritable() const;
  absl::Status CheckNoneOutstanding() const;

  // What is left of Close once nothing is outstanding.
  absl::Status CloseParts();

  std::unique_ptr<DatabaseCore> core_;
  PointReader reader_;
  base::StripedCounter read_sessions_;  // outstanding
  // nullptr once closed, all but the last two also if read-only.
  std::unique_ptr<MergeScheduler> merge_scheduler_;
  std::unique_ptr<RunMaker> run_maker_;
  std::unique_ptr<WriteQueue> write_queue_;
  std::unique_ptr<Housekeeper> housekeeper_;
  // Made anew by Refresh, under refresh_mu_; no call may run beside the other
  // uses.
  std::unique_ptr<IndexLoader> index_loader_;
  base::Mutex refresh_mu_;  // one Refresh at a time
  // Relaxed: no call may run beside Close, so its caller orders it.
  std::atomic<bool> closed_{false};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DB_IMPL_H_
