#include "kv/internal/tail_recovery.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/database_files.h"
#include "kv/internal/group.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/run_maker.h"
#include "kv/internal/segment_copier.h"

namespace quire::kv_internal {
namespace {

std::string SegmentPath(const std::string& directory, uint64_t number) {
  return FilePath(directory, FileType::kSegment, number);
}

// Copies records into new segments, each with its memtable.
class TailCopier {
 public:
  explicit TailCopier(DatabaseCore& core) : core_(core) {}

  absl::Status Add(const LogRecord& record) {
    if (copiers_.empty() || !copiers_.back()->Fits(record)) {
      QUIRE_RETURN_IF_ERROR(NewSegment(record));
    }
    Memtable& memtable = *copiers_.back()->log()->memtable();
    QUIRE_RETURN_IF_ERROR(memtable.Prepare(1));
    QUIRE_ASSIGN_OR_RETURN(const uint64_t offset, copiers_.back()->Add(record));
    memtable.Insert(offset, HashKey(record.key, core_.hash_seed));
    return absl::OkStatus();
  }

  // Makes runs of all that was added.
  absl::StatusOr<std::vector<SealedLog>> Seal() {
    std::vector<SealedLog> sealed;
    for (const auto& copier : copiers_) {
      QUIRE_RETURN_IF_ERROR(copier->FinishGroup());
      QUIRE_ASSIGN_OR_RETURN(SealedLog one, SealLog(core_, *copier->log()));
      sealed.push_back(std::move(one));
    }
    return sealed;
  }

  // Removes the files; for when the edit that names them can't be made.
  void RemoveFiles() {
    for (const auto& copier : copiers_) {
      core_.file_system->RemoveFile(copier->log()->path()).IgnoreError();
    }
  }

 private:
  absl::Status NewSegment(const LogRecord& first) {
    SegmentCopySpec spec = {.number = core_.catalog->NewFileNumber(),
                            .database_id = core_.database_id,
                            .first_sequence = first.header.sequence,
                            .capacity_bytes = core_.options.memtable_bytes};
    if (!copiers_.empty()) {
      SegmentCopier& previous = *copiers_.back();
      QUIRE_RETURN_IF_ERROR(previous.FinishGroup());
      spec.previous_check = previous.log()->tail().previous_check;
    }
    QUIRE_ASSIGN_OR_RETURN(
        std::unique_ptr<SegmentCopier> copier,
        SegmentCopier::Create(*core_.file_system, core_.path, spec, first));
    copiers_.push_back(std::move(copier));
    return absl::OkStatus();
  }

  DatabaseCore& core_;
  std::vector<std::unique_ptr<SegmentCopier>> copiers_;  // the last is open
};

// Segments of `state` that are in no run: what RecoverLog replays.
std::vector<const SegmentState*> TailSegments(const DatabaseState& state) {
  std::vector<const SegmentState*> result;
  for (const auto& [number, segment] : state.segments) {
    if (segment.table_number == 0) result.push_back(&segment);
  }
  return result;
}

std::string Report(const RecoveryPlan& plan, const std::string& directory) {
  std::string report;
  for (const RecoveredSegment& segment : plan.segments) {
    if (segment.dropped_bytes == 0) continue;
    absl::StrAppend(&report, SegmentPath(directory, segment.number), ": ",
                    segment.dropped_bytes, " bytes dropped from offset ",
                    segment.accepted_end, "\n");
  }
  if (!plan.torn.ok()) {
    absl::StrAppend(&report, "torn end of the log: ", plan.torn.message(),
                    "\n");
  }
  return report;
}

// Writes the bytes that `segment` loses to a file of their own.
absl::Status KeepDroppedBytes(DatabaseCore& core,
                              const RecoveredSegment& segment) {
  if (segment.dropped_bytes == 0) return absl::OkStatus();
  io::FileSystem& fs = *core.file_system;
  uint64_t size = 0;
  QUIRE_ASSIGN_OR_RETURN(
      const cache::HugeBuffer file,
      ReadIntoBuffer(fs, SegmentPath(core.path, segment.number), &size));
  const std::string path = LostFilePath(core.path, segment.number);
  // Left by a recovery that did not come to its end.
  if (absl::Status removed = fs.RemoveFile(path);
      !removed.ok() && !absl::IsNotFound(removed)) {
    return removed;
  }
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::WritableFile> lost,
                         fs.CreateFile(path));
  QUIRE_RETURN_IF_ERROR(lost->WriteAt(
      0, file.bytes().subspan(segment.accepted_end, segment.dropped_bytes)));
  QUIRE_RETURN_IF_ERROR(lost->Sync());
  return lost->Close();
}

ManifestEdit TailEdit(const DatabaseState& state, const RecoveryPlan& plan,
                      const std::vector<SealedLog>& sealed) {
  ManifestEdit edit;
  for (const SegmentState* segment : TailSegments(state)) {
    edit.Add(SegmentDropped{segment->number});
  }
  for (const SealedLog& log : sealed) {
    const SegmentState& segment = log.segment;
    edit.Add(SegmentCreated{.number = segment.number,
                            .id = segment.id,
                            .previous_number = segment.previous_number,
                            .previous_id = segment.previous_id,
                            .first_sequence = segment.first_sequence,
                            .origin = segment.origin});
    edit.Add(log.Seal());
    edit.Add(RunAdded{log.run.state});
  }
  edit.Add(LastSequence{plan.last_sequence});
  return edit;
}

// Reads every segment of the tail and gives its records to `copier`.
absl::StatusOr<RecoveryPlan> CopyTail(DatabaseCore& core,
                                      const DatabaseState& state,
                                      TailCopier& copier) {
  cache::HugeBuffer buffer;
  return RecoverLog(
      state, core.path,
      [&](const SegmentState& segment)
          -> absl::StatusOr<std::span<const std::byte>> {
        uint64_t size = 0;
        QUIRE_ASSIGN_OR_RETURN(
            buffer,
            ReadIntoBuffer(*core.file_system,
                           SegmentPath(core.path, segment.number), &size));
        return std::span<const std::byte>(buffer.bytes()).first(size);
      },
      [&](const SegmentState&, const LogRecord& record) {
        return copier.Add(record);
      });
}

}  // namespace

absl::StatusOr<cache::HugeBuffer> ReadIntoBuffer(io::FileSystem& file_system,
                                                 const std::string& path,
                                                 uint64_t* size) {
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::ReadableFile> file,
                         file_system.OpenFile(path, io::OpenMode::kBuffered));
  *size = file->size_bytes();
  if (*size == 0) return cache::HugeBuffer();
  QUIRE_ASSIGN_OR_RETURN(cache::HugeBuffer buffer,
                         cache::HugeBuffer::Create(*size));
  QUIRE_RETURN_IF_ERROR(file->ReadAt(0, buffer.bytes().first(*size)));
  return buffer;
}

absl::Status RecoverTail(DatabaseCore& core, const DatabaseState& state) {
  core.published.store(state.last_sequence, std::memory_order_relaxed);
  const std::vector<const SegmentState*> tail = TailSegments(state);
  if (tail.empty()) return absl::OkStatus();
  TailCopier copier(core);
  auto remove_copies = absl::MakeCleanup([&] { copier.RemoveFiles(); });
  QUIRE_ASSIGN_OR_RETURN(const RecoveryPlan plan,
                         CopyTail(core, state, copier));
  QUIRE_ASSIGN_OR_RETURN(const std::vector<SealedLog> sealed, copier.Seal());
  for (const RecoveredSegment& segment : plan.segments) {
    QUIRE_RETURN_IF_ERROR(KeepDroppedBytes(core, segment));
  }
  QUIRE_RETURN_IF_ERROR(core.file_system->SyncDirectory(core.path));
  // From here on the copies may be what the manifest names.
  std::move(remove_copies).Cancel();
  QUIRE_RETURN_IF_ERROR(core.catalog->Commit(TailEdit(state, plan, sealed)));
  core.views.Change([&](View& view) {
    for (const SealedLog& log : sealed) {
      view.runs.insert(view.runs.begin(), log.run.run);
    }
  });
  core.published.store(std::max(plan.last_sequence, state.last_sequence),
                       std::memory_order_relaxed);
  core.recovery_report.Append(Report(plan, core.path));
  for (const SegmentState* segment : tail) {
    core.file_system->RemoveFile(SegmentPath(core.path, segment->number))
        .IgnoreError();
  }
  return absl::OkStatus();
}

absl::StatusOr<TailImage> ReadTail(io::FileSystem& file_system,
                                   const std::string& directory,
                                   const DatabaseState& state) {
  TailImage tail;
  std::shared_ptr<Memtable> memtable;
  const auto load = [&](const SegmentState& segment)
      -> absl::StatusOr<std::span<const std::byte>> {
    QUIRE_ASSIGN_OR_RETURN(
        std::unique_ptr<io::ReadableFile> file,
        file_system.OpenFile(SegmentPath(directory, segment.number),
                             io::OpenMode::kBuffered));
    const uint64_t size = file->size_bytes();
    QUIRE_ASSIGN_OR_RETURN(
        memtable,
        Memtable::Create({.segment_number = segment.number,
                          .segment_id = segment.id,
                          .capacity_bytes = std::max(size, 2 * kPageBytes)}));
    const std::span<std::byte> image = memtable->image().first(size);
    if (size > 0) QUIRE_RETURN_IF_ERROR(file->ReadAt(0, image));
    tail.memtables.insert(tail.memtables.begin(), memtable);
    return std::span<const std::byte>(image);
  };
  const auto visit = [&](const SegmentState&, const LogRecord& record) {
    absl::Status status = memtable->Prepare(1);
    if (status.ok()) {
      memtable->Insert(record.offset, HashKey(record.key, state.hash_seed));
    }
    return status;
  };
  QUIRE_ASSIGN_OR_RETURN(const RecoveryPlan plan,
                         RecoverLog(state, directory, load, visit));
  tail.last_sequence = std::max(plan.last_sequence, state.last_sequence);
  tail.report = Report(plan, directory);
  return tail;
}

absl::StatusOr<std::shared_ptr<Memtable>> ReadRunIntoMemory(
    io::FileSystem& file_system, const std::string& directory,
    const DatabaseState& state, const RunState& run) {
  struct Found {
    uint64_t sequence;
    uint64_t hash;
    std::span<const std::byte> bytes;  // the whole record, in a buffer below
  };
  std::vector<Found> found;
  std::vector<cache::HugeBuffer> buffers;
  uint64_t capacity = 2 * kPageBytes;
  for (uint64_t number : run.segments) {
    const std::string path = SegmentPath(directory, number);
    uint64_t size = 0;
    QUIRE_ASSIGN_OR_RETURN(cache::HugeBuffer buffer,
                           ReadIntoBuffer(file_system, path, &size));
    QUIRE_RETURN_IF_ERROR(ReadSealedSegment(
        state.database_id, state.segments.at(number),
        std::span<const std::byte>(buffer.bytes()).first(size), path,
        [&](const SegmentState&, const LogRecord& record) {
          found.push_back({record.header.sequence,
                           HashKey(record.key, state.hash_seed),
                           buffer.bytes().subspan(
                               record.offset, record.header.RecordBytes())});
          return absl::OkStatus();
        }));
    capacity += size;
    buffers.push_back(std::move(buffer));
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.sequence < b.sequence;
  });
  QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<Memtable> memtable,
                         Memtable::Create({.capacity_bytes = capacity}));
  QUIRE_RETURN_IF_ERROR(memtable->Prepare(found.size()));
  uint64_t end = kPageBytes;
  for (const Found& record : found) {
    std::copy(record.bytes.begin(), record.bytes.end(),
              memtable->image().begin() + static_cast<ptrdiff_t>(end));
    memtable->Insert(end, record.hash);
    end += record.bytes.size();
  }
  return memtable;
}

}  // namespace quire::kv_internal
