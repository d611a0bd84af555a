#include "kv/internal/run_maker.h"

#include <chrono>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "kv/internal/checksum.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/memory_record.h"
#include "kv/internal/overwrite_sample.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/unknown_outcome.h"
#include "kv/internal/version_filter.h"

namespace quire::kv_internal {
namespace {

constexpr std::chrono::milliseconds kRetryDelay{500};

// Adds the entries of `memtable` that anybody can still see to `builder` and
// shows them to `sample`; counts the rest to the segment's garbage.
absl::Status AddEntries(const Memtable& memtable, uint64_t hash_seed,
                        std::vector<uint64_t> snapshots, TableBuilder& builder,
                        OverwriteSample& sample, SegmentState* segment) {
  VersionFilter filter(std::move(snapshots));
  const std::unique_ptr<EntryCursor> cursor = memtable.NewCursor();
  const std::byte* image = memtable.image().data();
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const MemoryRecord record(cursor->place().memory);
    const std::string_view key = record.key();
    const uint64_t bytes = RecordBytes(key.size(), record.value().size());
    if (!filter.Keep(key, record.sequence())) {
      segment->garbage_bytes += bytes;
      ++segment->garbage_records;
      continue;
    }
    const auto offset = static_cast<uint64_t>(record.header() - image);
    const uint64_t hash = HashKey(key, hash_seed);
    sample.Add(hash);
    QUIRE_RETURN_IF_ERROR(builder.Add(
        {.key = key,
         .sequence = record.sequence(),
         .address = MakeAddress(offset / kSlotBytes, offset % kSlotBytes),
         .tombstone = record.tombstone(),
         .value_size = static_cast<uint32_t>(record.value().size()),
         .hash = hash}));
  }
  return cursor->status();
}

}  // namespace

absl::StatusOr<SealedLog> SealLog(DatabaseCore& core, ActiveLog& log) {
  log.StartWriteback();
  const Memtable& memtable = *log.memtable();
  const std::span<const std::byte> image =
      std::as_const(*log.memtable()).image();
  SealedLog sealed;
  SegmentState& segment = sealed.segment;
  segment.number = log.header().file_number;
  segment.id = log.header().file_id;
  segment.previous_number = log.header().previous_number;
  segment.previous_id = log.header().previous_id;
  segment.first_sequence = log.header().first_sequence;
  segment.origin = log.header().origin;
  segment.sealed = true;
  segment.length = log.end();
  segment.last_sequence = memtable.last_sequence();
  segment.digest = Checksum(image.first(log.end()));
  double overwriting = 1;
  TableJob job = TableOver({segment});
  QUIRE_ASSIGN_OR_RETURN(
      sealed.run, MakeTable(core, job, [&](TableBuilder& builder) {
        // Logs become runs in their order, so all runs there are are older.
        const HeldView view = core.views.Hold();
        OverwriteSample sample(view->runs);
        QUIRE_RETURN_IF_ERROR(AddEntries(memtable, core.hash_seed,
                                         core.snapshots.Sequences(), builder,
                                         sample, &segment));
        overwriting = sample.share();
        return absl::OkStatus();
      }));
  if (absl::Status status = log.Sync(); !status.ok()) {
    // Nothing names the table; if it can't be removed, the next open does.
    core.file_system->RemoveFile(sealed.run.run->table().file().path())
        .IgnoreError();
    return status;
  }
  sealed.run.run->set_overwriting(overwriting);
  return sealed;
}

SegmentSealed SealedLog::Seal() const {
  return {.number = segment.number,
          .length = segment.length,
          .last_sequence = segment.last_sequence,
          .digest = segment.digest,
          .garbage_bytes = segment.garbage_bytes,
          .garbage_records = segment.garbage_records};
}

RunMaker::RunMaker(DatabaseCore& core, MergeScheduler& merge_scheduler)
    : core_(core),
      merge_scheduler_(merge_scheduler),
      thread_([this] { Loop(); }) {}

RunMaker::~RunMaker() {
  {
    base::MutexLock lock(mu_);
    stop_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::Status RunMaker::WaitForRoom() {
  base::MutexLock lock(mu_);
  while (!HasRoom()) {
    if (!failure_.ok()) return failure_;
    changed_.Wait(mu_);
  }
  return absl::OkStatus();
}

void RunMaker::Enqueue(std::shared_ptr<ActiveLog> log) {
  base::MutexLock lock(mu_);
  if (waiting_.empty()) making_.start = WriteThrottle::Clock::now();
  waiting_.push_back(std::move(log));
  ++enqueued_;
  UpdateThrottle();
  changed_.NotifyAll();
}

void RunMaker::UpdateThrottle() {
  // Writers that get no room are told so at once.
  core_.throttle.UpdateMemtables(
      HasRoom() || !failure_.ok() ? std::nullopt : std::optional(making_));
}

absl::Status RunMaker::WaitUntilIdle() {
  base::MutexLock lock(mu_);
  const uint64_t wanted = enqueued_;
  while (made_ < wanted) {
    if (!failure_.ok()) return failure_;
    changed_.Wait(mu_);
  }
  return absl::OkStatus();
}

void RunMaker::Refuse(const absl::Status& cause) {
  core_.write_error.Set(cause);
  merge_scheduler_.Wake();
}

void RunMaker::Loop() {
  for (;;) {
    std::shared_ptr<ActiveLog> log;
    {
      base::MutexLock lock(mu_);
      if (!stop_ && !failure_.ok()) changed_.WaitFor(mu_, kRetryDelay);
      while (!stop_ && waiting_.empty()) changed_.Wait(mu_);
      if (stop_) return;
      log = waiting_.front();
      making_.start = WriteThrottle::Clock::now();
      UpdateThrottle();
    }
    absl::Status status = ProcessOrRefuse(log);
    base::MutexLock lock(mu_);
    if (status.ok()) {
      making_.usual = WriteThrottle::Clock::now() - making_.start;
      waiting_.pop_front();
      ++made_;
    }
    // What writes are refused for since then stays what callers are told.
    if (failure_.ok() || absl::IsResourceExhausted(failure_)) {
      failure_ = std::move(status);
    }
    UpdateThrottle();
    changed_.NotifyAll();
  }
}

absl::Status RunMaker::ProcessOrRefuse(const std::shared_ptr<ActiveLog>& log) {
  try {
    absl::Status status = Process(log);
    if (!status.ok() && !absl::IsResourceExhausted(status)) Refuse(status);
    return status;
  } catch (const std::bad_alloc&) {
    absl::Status status = core_.write_error.SetNoMemory();
    merge_scheduler_.Wake();
    return status;
  }
}

absl::Status RunMaker::Process(const std::shared_ptr<ActiveLog>& log) {
  QUIRE_RETURN_IF_ERROR(core_.write_error.Check());
  if (log->memtable()->entry_count() == 0) return DropEmpty(*log);
  QUIRE_ASSIGN_OR_RETURN(SealedLog sealed, SealLog(core_, *log));
  ManifestEdit edit;
  edit.Add(sealed.Seal());
  edit.Add(RunAdded{sealed.run.state});
  if (absl::Status status = core_.catalog->Commit(edit); !status.ok()) {
    if (absl::IsResourceExhausted(status)) {
      // Not in the manifest, for certain: the next try writes another file.
      core_.file_system->RemoveFile(sealed.run.run->table().file().path())
          .IgnoreError();
    }
    return status;
  }
  core_.durable.Advance({{sealed.segment.number, sealed.segment.length},
                         sealed.segment.last_sequence});
  core_.views.Change([&](View& view) {
    std::erase(view.memtables, log->memtable());
    view.runs.insert(view.runs.begin(), sealed.run.run);
  });
  merge_scheduler_.Wake();
  // Done but for this: nothing of it may be tried again.
  return UnknownOutcome(log->CloseFile());
}

absl::Status RunMaker::DropEmpty(ActiveLog& log) {
  ManifestEdit edit;
  edit.Add(SegmentDropped{log.header().file_number});
  QUIRE_RETURN_IF_ERROR(core_.catalog->Commit(edit));
  core_.views.Change(
      [&](View& view) { std::erase(view.memtables, log.memtable()); });
  QUIRE_RETURN_IF_ERROR(UnknownOutcome(log.CloseFile()));
  return UnknownOutcome(core_.file_system->RemoveFile(log.path()));
}

}  // namespace quire::kv_internal
