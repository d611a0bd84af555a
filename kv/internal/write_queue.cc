#include "kv/internal/write_queue.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "kv/internal/group.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {
namespace {

// A leader stops taking followers here, so that the first writer's latency
// stays bounded.
constexpr uint64_t kGroupBytesLimit = uint64_t{1} << 20;

struct GroupSize {
  uint64_t bytes = kGroupHeaderBytes;
  // The most that it can be with the space that is skipped between records.
  uint64_t room = kGroupHeaderBytes;
  uint64_t records = 0;

  void Add(const WriteBatch& batch) {
    batch.ForEach([&](WriteBatch::Operation, std::string_view key,
                      std::string_view value) {
      bytes += RecordBytes(key.size(), value.size());
      room += GroupBuilder::Room(key.size(), value.size());
    });
    records += batch.Count();
  }
};

RecordKind KindOf(WriteBatch::Operation operation) {
  return operation == WriteBatch::Operation::kPut ? RecordKind::kPut
                                                  : RecordKind::kDelete;
}

}  // namespace

WriteQueue::WriteQueue(DatabaseCore& core, RunMaker& run_maker)
    : core_(core),
      run_maker_(run_maker),
      last_sequence_(core.published.load(std::memory_order_relaxed)) {}

absl::Status WriteQueue::Write(const WriteBatch& batch, bool sync) {
  Writer writer(Task::kWrite);
  writer.batch = &batch;
  writer.sync = sync;
  return Run(writer);
}

absl::Status WriteQueue::Sync() {
  Writer writer(Task::kSync);
  return Run(writer);
}

absl::Status WriteQueue::SwitchMemtable() {
  Writer writer(Task::kSwitch);
  return Run(writer);
}

absl::Status WriteQueue::SealLog() {
  Writer writer(Task::kSeal);
  return Run(writer);
}

absl::Status WriteQueue::CoverDurablePoint() {
  Writer writer(Task::kCover);
  return Run(writer);
}

absl::Status WriteQueue::SyncAcknowledged() {
  QUIRE_RETURN_IF_ERROR(core_.write_error.Check());
  DurablePoint::Point acknowledged;
  {
    base::MutexLock lock(mu_);
    acknowledged = acknowledged_;
  }
  return SyncLogs(acknowledged);
}

void WriteQueue::StartWriteback() {
  std::shared_ptr<ActiveLog> log;
  {
    base::MutexLock lock(mu_);
    log = newest_log_.lock();
  }
  if (log != nullptr) log->StartWriteback();
}

absl::Status WriteQueue::Run(Writer& writer) {
  std::vector<Writer*> group;
  {
    base::MutexLock lock(mu_);
    if (writer.task == Task::kCover && !queue_.empty()) return absl::OkStatus();
    queue_.push_back(&writer);
    while (!writer.done && queue_.front() != &writer) writer.turn.Wait(mu_);
    if (writer.done) return writer.status;
    try {
      group = GatherGroup();
    } catch (const std::bad_alloc&) {
      queue_.pop_front();
      if (!queue_.empty()) queue_.front()->turn.NotifyOne();
      throw;  // nothing was begun
    }
  }
  Serve(group);
  base::MutexLock lock(mu_);
  acknowledged_ = {last_group_end_, last_sequence_};
  for (Writer* served : group) {
    QUIRE_DCHECK(queue_.front() == served);
    queue_.pop_front();
    if (served == &writer) continue;
    served->done = true;
    served->turn.NotifyOne();
  }
  if (!queue_.empty()) queue_.front()->turn.NotifyOne();
  return writer.status;
}

std::vector<WriteQueue::Writer*> WriteQueue::GatherGroup() {
  std::vector<Writer*> group = {queue_.front()};
  if (queue_.front()->task != Task::kWrite) return group;
  uint64_t bytes = queue_.front()->batch->ByteSize();
  for (size_t i = 1; i < queue_.size(); ++i) {
    if (queue_[i]->task != Task::kWrite) break;
    bytes += queue_[i]->batch->ByteSize();
    if (bytes > kGroupBytesLimit) break;
    group.push_back(queue_[i]);
  }
  return group;
}

void WriteQueue::Serve(std::span<Writer*> group) {
  absl::Status status;
  try {
    status = core_.write_error.Check();
    if (status.ok()) status = ServeTask(group);
  } catch (const std::bad_alloc&) {
    // Nobody knows how far it came.
    status = core_.write_error.SetNoMemory();
  }
  for (Writer* writer : group) writer->status = status;
}

absl::Status WriteQueue::ServeTask(std::span<Writer*> group) {
  switch (group.front()->task) {
    case Task::kWrite:
      return WriteGroup(group, std::any_of(group.begin(), group.end(),
                                           [](Writer* w) { return w->sync; }));
    case Task::kSync:
      return SyncAll();
    case Task::kSwitch:
      if (log_ == nullptr || log_->memtable()->entry_count() == 0) break;
      return NewLog(core_.options.memtable_bytes);
    case Task::kSeal:
      if (log_ != nullptr) EnqueueLog();
      break;
    case Task::kCover:
      if (log_ == nullptr || !NeedsCover()) break;
      QUIRE_RETURN_IF_ERROR(MakeRoom(kGroupHeaderBytes, 0));
      return AppendGroup({}, last_sequence_);
  }
  return absl::OkStatus();
}

absl::Status WriteQueue::WriteGroup(std::span<Writer*> group, bool sync) {
  GroupSize size;
  for (const Writer* writer : group) size.Add(*writer->batch);
  if (core_.throttle.engaged()) {
    const uint64_t left = log_ == nullptr ? 0 : log_->capacity() - log_->end();
    QUIRE_RETURN_IF_ERROR(
        CountStall([&] { return core_.throttle.Admit(size.bytes, left); }));
  }
  QUIRE_RETURN_IF_ERROR(MakeRoom(size.room, size.records));
  // Again: a sync may have failed while this writer waited.
  QUIRE_RETURN_IF_ERROR(core_.write_error.Check());
  const uint64_t last = last_sequence_ + size.records;
  if (last > kMaxSequence) {
    return absl::ResourceExhaustedError("sequence numbers are used up");
  }
  QUIRE_RETURN_IF_ERROR(AppendGroup(group, last));
  if (sync) QUIRE_RETURN_IF_ERROR(SyncAll());
  // Release: a reader that sees the number also sees the records and the index.
  core_.published.store(last, std::memory_order_release);
  core_.counters.batches_written.Add(static_cast<int64_t>(group.size()));
  core_.counters.records_written.Add(static_cast<int64_t>(size.records));
  return absl::OkStatus();
}

absl::Status WriteQueue::AppendGroup(std::span<Writer*> group,
                                     uint64_t last_sequence) {
  Memtable& memtable = *log_->memtable();
  GroupBuilder builder = log_->StartGroup();
  struct Placed {
    uint64_t offset;
    uint64_t hash;
  };
  std::vector<Placed> placed;
  uint64_t sequence = last_sequence_;
  for (const Writer* writer : group) {
    writer->batch->ForEach([&](WriteBatch::Operation operation,
                               std::string_view key, std::string_view value) {
      placed.push_back({builder.Add(++sequence, KindOf(operation), key, value),
                        HashKey(key, core_.hash_seed)});
    });
  }
  last_sequence_ = last_sequence;
  // First: if the durable point moves on after this, the flag is set again.
  const bool needed_cover =
      needs_cover_.exchange(false, std::memory_order_relaxed);
  const LogPosition synced_upto = core_.durable.Get().position;
  const std::span<const std::byte> bytes =
      builder.Finish(synced_upto, last_sequence);
  absl::Status status = log_->Append(builder, bytes);
  if (!status.ok()) {
    if (!absl::IsResourceExhausted(status)) core_.write_error.Set(status);
    if (needed_cover) needs_cover_.store(true, std::memory_order_relaxed);
    return status;
  }
  for (const Placed& record : placed) memtable.PrefetchHash(record.hash);
  for (const Placed& record : placed) {
    memtable.Insert(record.offset, record.hash);
  }
  last_group_end_ = {log_->header().file_number, log_->end()};
  core_.counters.groups_written.Add(1);
  core_.counters.log_bytes_written.Add(static_cast<int64_t>(bytes.size()));
  has_unsynced_ = true;
  return absl::OkStatus();
}

absl::Status WriteQueue::SyncAll() {
  if (log_ == nullptr || !has_unsynced_) return absl::OkStatus();
  QUIRE_RETURN_IF_ERROR(SyncLogs({last_group_end_, last_sequence_}));
  has_unsynced_ = false;
  base::MutexLock lock(mu_);
  unsynced_.clear();
  return absl::OkStatus();
}

absl::Status WriteQueue::SyncLogs(const DurablePoint::Point& end) {
  std::vector<std::shared_ptr<ActiveLog>> logs;
  {
    base::MutexLock lock(mu_);
    for (const auto& earlier : unsynced_) logs.push_back(earlier.lock());
    logs.push_back(newest_log_.lock());
  }
  for (const auto& log : logs) {
    if (log == nullptr) continue;
    if (absl::Status status = log->Sync(); !status.ok()) {
      run_maker_.Refuse(status);
      return status;
    }
  }
  core_.counters.log_syncs.Add(1);
  core_.durable.Advance(end);
  // After that: see AppendGroup.
  needs_cover_.store(true, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status WriteQueue::MakeRoom(uint64_t bytes, uint64_t records) {
  if (log_ == nullptr || log_->end() + bytes > log_->capacity()) {
    QUIRE_RETURN_IF_ERROR(
        NewLog(std::max(core_.options.memtable_bytes, kPageBytes + bytes)));
  }
  return log_->memtable()->Prepare(records);
}

absl::Status WriteQueue::CountStall(absl::FunctionRef<absl::Status()> wait) {
  const auto start = std::chrono::steady_clock::now();
  absl::Status status = wait();
  core_.counters.writer_stall_us.Add(
      std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::steady_clock::now() - start)
          .count());
  return status;
}

absl::Status WriteQueue::NewLog(uint64_t capacity) {
  if (log_ != nullptr) {
    QUIRE_RETURN_IF_ERROR(CountStall([&] { return run_maker_.WaitForRoom(); }));
  }
  QUIRE_ASSIGN_OR_RETURN(
      std::shared_ptr<ActiveLog> next,
      core_.CreateLog(last_sequence_ + 1, capacity,
                      log_ == nullptr ? LogTail{.offset = 0} : log_->tail()));
  core_.views.Change([&](View& view) {
    view.memtables.insert(view.memtables.begin(), next->memtable());
  });
  if (log_ != nullptr) EnqueueLog();
  log_ = std::move(next);
  base::MutexLock lock(mu_);
  newest_log_ = log_;
  return absl::OkStatus();
}

void WriteQueue::EnqueueLog() {
  {
    base::MutexLock lock(mu_);
    std::erase_if(unsynced_, [](const auto& log) { return log.expired(); });
    if (has_unsynced_) unsynced_.push_back(log_);
  }
  run_maker_.Enqueue(std::exchange(log_, nullptr));
}

}  // namespace quire::kv_internal
