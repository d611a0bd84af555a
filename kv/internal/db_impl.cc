#include "kv/internal/db_impl.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "kv/internal/checkpoint.h"
#include "kv/internal/database_stats.h"
#include "kv/internal/db_iterator.h"
#include "kv/internal/error_iterator.h"
#include "kv/internal/fork_check.h"
#include "kv/internal/newest_state.h"
#include "kv/internal/read_session_impl.h"
#include "kv/internal/snapshot_list.h"
#include "kv/internal/view.h"

namespace quire::kv_internal {
namespace {

// Most bytes of one batch: it has to fit into one memtable.
constexpr uint64_t kMaxBatchBytes = Memtable::kMaxCapacityBytes / 2;

// What an io_uring may have.
constexpr uint32_t kMaxSessionDepth = 4096;

// A number that merges know of; or, under a read-only open, whose files are
// merged by somebody who doesn't know it, a view.
class SnapshotImpl final : public Snapshot {
 public:
  explicit SnapshotImpl(DatabaseCore& core) : core_(core) {
    if (!core.options.read_only) {
      entry_ = core.snapshots.AddCurrent(core.published);
      return;
    }
    view_ = Share(core.views.Hold());
    entry_ = core.snapshots.Add((*view_)->last_sequence);
  }
  ~SnapshotImpl() override {
    view_.reset();
    core_.snapshots.Remove(entry_);
  }
  uint64_t sequence() const override { return entry_->first; }

  // The view to read; nullptr: the current one.
  const SharedView* view() const { return view_ == nullptr ? nullptr : &view_; }

 private:
  DatabaseCore& core_;
  SharedView view_;
  SnapshotList::Handle entry_;
};

// Only DbImpl makes snapshots.
const SnapshotImpl& ImplOf(const Snapshot& snapshot) {
  return static_cast<const SnapshotImpl&>(snapshot);
}

PointReader::Options ReaderOptions(const ReadOptions& options) {
  PointReader::Options result;
  if (options.snapshot != nullptr) {
    result.max_sequence = options.snapshot->sequence();
    result.view = ImplOf(*options.snapshot).view();
  }
  if (!options.fill_cache) result.policy = io::CachePolicy::kReadOnce;
  return result;
}

absl::Status CheckBatch(const WriteBatch& batch) {
  if (batch.LargestKey() > kMaxKeyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a key of ", batch.LargestKey(),
                     " bytes is over the limit of ", kMaxKeyBytes));
  }
  if (batch.LargestValue() > kMaxValueBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a value of ", batch.LargestValue(),
                     " bytes is over the limit of ", kMaxValueBytes));
  }
  // A record takes at most a header, padding and a skipped piece of a page more
  // than the batch keeps for it.
  if (batch.ByteSize() + batch.Count() * kNoStraddleBytes > kMaxBatchBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a batch of ", batch.Count(), " operations in ", batch.ByteSize(),
        " bytes is over the limit of ", kMaxBatchBytes, " bytes of log"));
  }
  return absl::OkStatus();
}

}  // namespace

DbImpl::DbImpl(std::unique_ptr<DatabaseCore> core)
    : core_(std::move(core)), reader_(*core_) {
  if (!core_->options.read_only) {
    merge_scheduler_ = std::make_unique<MergeScheduler>(*core_);
    run_maker_ = std::make_unique<RunMaker>(*core_, *merge_scheduler_);
    write_queue_ = std::make_unique<WriteQueue>(*core_, *run_maker_);
  }
  housekeeper_ = std::make_unique<Housekeeper>(*core_, write_queue_.get());
  index_loader_ = std::make_unique<IndexLoader>(*core_);
}

DbImpl::~DbImpl() {
  if (closed_.load(std::memory_order_relaxed)) return;
  if (IsForkedChild()) {
    // The threads are the parent's, and so are files and rings: let the memory
    // be rather than touch them. The lock's copy would keep the parent's alive.
    core_->lock.reset();
    (void)index_loader_.release();
    (void)housekeeper_.release();
    (void)merge_scheduler_.release();
    (void)run_maker_.release();
    (void)write_queue_.release();
    (void)core_.release();
    return;
  }
  // An error here was an error of a write before, or is found by the next open.
  const absl::Status status = Close();
  QUIRE_CHECK(closed_.load(std::memory_order_relaxed) &&
              "pins, iterators, snapshots or sessions outlive their database");
  status.IgnoreError();
}

bool DbImpl::IsForkedChild() const {
  return core_->fork_generation != ForkGeneration();
}

absl::Status DbImpl::CheckUsable() const {
  if (IsForkedChild()) [[unlikely]] {
    return absl::FailedPreconditionError(
        absl::StrCat(core_->path,
                     ": the database was opened before this "
                     "process was forked; open it again"));
  }
  if (closed_.load(std::memory_order_relaxed)) [[unlikely]] {
    return absl::FailedPreconditionError(
        absl::StrCat(core_->path, ": the database is closed"));
  }
  return absl::OkStatus();
}

absl::Status DbImpl::CheckWritable() const {
  QUIRE_RETURN_IF_ERROR(CheckUsable());
  if (core_->options.read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat(core_->path, ": the database is open read-only"));
  }
  return absl::OkStatus();
}

absl::Status DbImpl::Put(const WriteOptions& options, std::string_view key,
                         std::string_view value) {
  WriteBatch batch;
  batch.Put(key, value);
  return Write(options, batch);
}

absl::Status DbImpl::Delete(const WriteOptions& options, std::string_view key) {
  WriteBatch batch;
  batch.Delete(key);
  return Write(options, batch);
}

absl::Status DbImpl::Write(const WriteOptions& options,
                           const WriteBatch& batch) {
  QUIRE_RETURN_IF_ERROR(CheckWritable());
  QUIRE_RETURN_IF_ERROR(CheckBatch(batch));
  if (batch.Empty())
    return options.sync ? write_queue_->Sync() : absl::OkStatus();
  return write_queue_->Write(batch, options.sync);
}

absl::Status DbImpl::Get(const ReadOptions& options, std::string_view key,
                         std::string* value) {
  QUIRE_RETURN_IF_ERROR(CheckUsable());
  return reader_.Get(key, ReaderOptions(options), value);
}

absl::Status DbImpl::Get(const ReadOptions& options, std::string_view key,
                         PinnedValue* value) {
  QUIRE_RETURN_IF_ERROR(CheckUsable());
  return reader_.Get(key, ReaderOptions(options), value);
}

void DbImpl::MultiGet(const ReadOptions& options,
                      std::span<const std::string_view> keys,
                      std::span<PinnedValue> values,
                      std::span<absl::Status> statuses) {
  QUIRE_CHECK(keys.size() == values.size() && keys.size() == statuses.size());
  if (absl::Status usable = CheckUsable(); !usable.ok()) {
    for (absl::Status& status : statuses) status = usable;
    return;
  }
  reader_.MultiGet(keys, ReaderOptions(options), values, statuses);
}

absl::StatusOr<std::unique_ptr<ReadSession>> DbImpl::NewReadSession(
    const ReadSessionOptions& options) {
  QUIRE_RETURN_IF_ERROR(CheckUsable());
  if (options.depth == 0 || options.depth > kMaxSessionDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("a read session's depth of ", options.depth,
                     " isn't in [1, ", kMaxSessionDepth, "]"));
  }
  return std::make_unique<ReadSessionImpl>(*core_, reader_,
                                           ReaderOptions(options.read),
                                           options.depth, read_sessions_);
}

std::unique_ptr<Iterator> DbImpl::NewIterator(const ReadOptions& options) {
  if (absl::Status usable = CheckUsable(); !usable.ok()) {
    return std::make_unique<ErrorIterator>(std::move(usable));
  }
  IteratorHolds holds;
  uint64_t sequence;
  {
    cache::EpochGuard guard;
    const SharedView* view = options.snapshot == nullptr
                                 ? nullptr
                                 : ImplOf(*options.snapshot).view();
    holds.view =
        view == nullptr ? Share(HeldView(core_->views.Current())) : *view;
    sequence = core_->published.load(std::memory_order_acquire);
  }
  if (options.snapshot != nullptr) sequence = options.snapshot->sequence();
  const SnapshotList::Handle entry = core_->iterators.Add(sequence);
  holds.registration = std::shared_ptr<void>(
      core_.get(),
      [entry](DatabaseCore* core) { core->iterators.Remove(entry); });
  return NewDbIterator(std::move(holds), sequence, options,
                       *core_->provider.provider);
}

std::unique_ptr<const Snapshot> DbImpl::GetSnapshot() {
  if (IsForkedChild()) return nullptr;
  return std::make_unique<SnapshotImpl>(*core_);
}

absl::Status DbImpl::Sync() {
  QUIRE_RETURN_IF_ERROR(CheckWritable());
  return write_queue_->Sync();
}

absl::Status DbImpl::FlushMemtables() {
  QUIRE_RETURN_IF_ERROR(CheckWritable());
  QUIRE_RETURN_IF_ERROR(write_queue_->SwitchMemtable());
  return run_maker_->WaitUntilIdle();
}

absl::Status DbImpl::Checkpoint(const std::string& directory) {
  QUIRE_RETURN_IF_ERROR(FlushMemtables());
  const ObsoleteFiles::Hold hold(core_->obsolete_files);
  return WriteCheckpoint(*core_->file_system, core_->path,
                         RunsOnly(core_->catalog->state()), directory);
}

absl::Status DbImpl::Refresh() {
  QUIRE_RETURN_IF_ERROR(CheckUsable());
  if (!core_->options.read_only) {
    return absl::FailedPreconditionError(
        absl::StrCat(core_->path,
                     ": the database is open for writing: it is the newest "
                     "state"));
  }
  base::MutexLock lock(refresh_mu_);
  QUIRE_RETURN_IF_ERROR(LoadNewestState(*core_));
  // The old one may be at work on runs that are gone.
  index_loader_.reset();
  index_loader_ = std::make_unique<IndexLoader>(*core_);
  return absl::OkStatus();
}

absl::Status DbImpl::CompactRange(const CompactOptions& options) {
  QUIRE_RETURN_IF_ERROR(FlushMemtables());
  return merge_scheduler_->CompactRange(options);
}

absl::Status DbImpl::WaitForMerges() {
  QUIRE_RETURN_IF_ERROR(CheckWritable());
  return merge_scheduler_->WaitUntilIdle();
}

Stats DbImpl::GetStats() {
  return IsForkedChild() ? Stats() : GatherStats(*core_);
}

std::optional<std::string> DbImpl::GetProperty(std::string_view name) {
  if (IsForkedChild()) return std::nullopt;
  if (merge_scheduler_ != nullptr) {
    if (name == "quire.merges") return merge_scheduler_->Describe();
    if (name == "quire.background-error") {
      const absl::Status error = merge_scheduler_->error();
      return error.ok() ? "" : error.ToString();
    }
  }
  std::optional<std::string> property = DatabaseProperty(*core_, name);
  if (name == "quire.outstanding") {
    absl::StrAppend(&*property, read_sessions_.Sum(), " read sessions\n");
  }
  return property;
}

absl::Status DbImpl::CheckNoneOutstanding() const {
  const int64_t pins = core_->pinned_values.SumAcquire();
  const auto iterators = static_cast<int64_t>(core_->iterators.size());
  const auto snapshots = static_cast<int64_t>(core_->snapshots.size());
  const int64_t sessions = read_sessions_.SumAcquire();
  if (pins == 0 && iterators == 0 && snapshots == 0 && sessions == 0) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(core_->path, ": can't close, outstanding: ", pins,
                   " pinned values, ", iterators, " iterators, ", snapshots,
                   " snapshots, ", sessions, " read sessions"));
}

absl::Status DbImpl::Close() {
  if (closed_.load(std::memory_order_relaxed)) return absl::OkStatus();
  QUIRE_RETURN_IF_ERROR(CheckUsable());
  QUIRE_RETURN_IF_ERROR(CheckNoneOutstanding());
  return CloseParts();
}

absl::Status DbImpl::CloseParts() {
  housekeeper_.reset();
  index_loader_.reset();
  absl::Status status;
  if (write_queue_ != nullptr) {
    merge_scheduler_->Stop();
    status = write_queue_->SealLog();
    if (status.ok()) status = run_maker_->WaitUntilIdle();
    const uint64_t last_sequence = write_queue_->last_sequence();
    run_maker_.reset();
    write_queue_.reset();
    merge_scheduler_.reset();
    if (status.ok()) status = core_->catalog->CloseCleanly(last_sequence);
  }
  core_->views.FreeAll();
  core_->obsolete_files.RemoveQueued(*core_->file_system);
  core_->provider.provider.reset();
  core_->lock.reset();
  closed_.store(true, std::memory_order_relaxed);
  return status;
}

}  // namespace quire::kv_internal
