#include "kv/internal/repair_writer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/status_macros.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/random_id.h"
#include "kv/internal/record.h"
#include "kv/internal/run.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/version_filter.h"

namespace quire::kv_internal {
namespace {

// For the hash section of the table.
constexpr uint64_t kBuildMemoryBytes = uint64_t{256} << 20;

}  // namespace

RepairWriter::RepairWriter(io::FileSystem& file_system, std::string directory,
                           const DatabaseState& state, uint64_t segment_bytes)
    : file_system_(file_system),
      directory_(std::move(directory)),
      base_(state),
      segment_bytes_(segment_bytes),
      // The manifest that was named before is not this object's to remove.
      catalog_(file_system, directory_, state, /*manifest_number=*/0,
               state.next_file_number),
      sorter_(file_system, directory_, catalog_) {}

absl::Status RepairWriter::Add(const LogRecord& record) {
  if (copier_ == nullptr || !copier_->Fits(record)) {
    QUIRE_RETURN_IF_ERROR(SealSegment());
    QUIRE_RETURN_IF_ERROR(StartSegment(record));
  }
  QUIRE_ASSIGN_OR_RETURN(const uint64_t offset, copier_->Add(record));
  const uint64_t sequence = record.header.sequence;
  // The caller's key goes away, the copy stays until the segment is sealed.
  const auto* const key = reinterpret_cast<const char*>(
      copier_->log()->memtable()->image().data() + offset + kRecordHeaderBytes);
  entries_.push_back(
      {.key = {key, record.key.size()},
       .sequence = sequence,
       .record = {.address = MakeAddress(next_slot_ + offset / kSlotBytes,
                                         offset % kSlotBytes),
                  .tombstone = record.header.kind == RecordKind::kDelete,
                  .value_size = record.header.value_size}});
  lowest_sequence_ = std::min(lowest_sequence_, sequence);
  highest_sequence_ = std::max(highest_sequence_, sequence);
  return absl::OkStatus();
}

absl::Status RepairWriter::StartSegment(const LogRecord& first) {
  const uint64_t number = catalog_.NewFileNumber();
  paths_.push_back(FilePath(directory_, FileType::kSegment, number));
  // Records come in any order: nothing is known of their first number.
  QUIRE_ASSIGN_OR_RETURN(
      copier_, SegmentCopier::Create(file_system_, directory_,
                                     {.number = number,
                                      .database_id = base_.database_id,
                                      .first_sequence = 1,
                                      .capacity_bytes = segment_bytes_},
                                     first));
  return absl::OkStatus();
}

absl::Status RepairWriter::SealSegment() {
  if (copier_ == nullptr) return absl::OkStatus();
  QUIRE_RETURN_IF_ERROR(copier_->FinishGroup());
  ActiveLog& log = *copier_->log();
  QUIRE_RETURN_IF_ERROR(log.Sync());
  QUIRE_RETURN_IF_ERROR(log.CloseFile());
  const std::span<const std::byte> image = log.memtable()->image();
  segments_.push_back(
      {.state = {.number = log.header().file_number,
                 .id = log.header().file_id,
                 .first_sequence = log.header().first_sequence,
                 .origin = SegmentOrigin::kRewrite,
                 .sealed = true,
                 .length = log.end(),
                 .last_sequence = std::exchange(highest_sequence_, 0),
                 .digest = Checksum(image.first(log.end()))},
       .first_slot = next_slot_});
  QUIRE_RETURN_IF_ERROR(sorter_.Add(entries_));
  entries_.clear();
  next_slot_ += Run::SlotCount(log.end());
  copier_.reset();
  return absl::OkStatus();
}

absl::StatusOr<RepairedCounts> RepairWriter::Finish() {
  QUIRE_RETURN_IF_ERROR(SealSegment());
  if (segments_.empty()) return RepairedCounts{};
  return MakeTable();
}

void RepairWriter::CountGarbage(const SortedEntry& entry) {
  const auto next = std::upper_bound(
      segments_.begin(), segments_.end(), AddressSlot(entry.record.address),
      [](uint64_t slot, const Segment& s) { return slot < s.first_slot; });
  SegmentState& segment = std::prev(next)->state;
  segment.garbage_bytes += entry.record.RecordBytes(entry.key.size());
  ++segment.garbage_records;
}

absl::StatusOr<RepairedCounts> RepairWriter::MakeTable() {
  RunState run = {.table_number = catalog_.NewFileNumber(),
                  .table_id = RandomId()};
  TableSpec spec;
  spec.path = FilePath(directory_, FileType::kTable, run.table_number);
  spec.header.type = FileType::kTable;
  spec.header.file_id = run.table_id;
  spec.header.file_number = run.table_number;
  spec.header.first_sequence = lowest_sequence_;
  spec.header.database_id = base_.database_id;
  spec.hash_seed = base_.hash_seed;
  spec.build_memory_bytes = kBuildMemoryBytes;
  for (const Segment& segment : segments_) {
    spec.segments.push_back(
        {segment.state.number, segment.state.id, segment.state.length});
    run.segments.push_back(segment.state.number);
  }
  paths_.push_back(spec.path);
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<TableBuilder> builder,
                         TableBuilder::Create(file_system_, std::move(spec)));
  VersionFilter filter({});
  QUIRE_RETURN_IF_ERROR(sorter_.Merge([&](const SortedEntry& entry) {
    if (!filter.Keep(entry.key, entry.sequence)) {
      CountGarbage(entry);
      return absl::OkStatus();
    }
    return builder->Add({.key = entry.key,
                         .sequence = entry.sequence,
                         .address = entry.record.address,
                         .tombstone = entry.record.tombstone,
                         .value_size = entry.record.value_size,
                         .hash = HashKey(entry.key, base_.hash_seed)});
  }));
  QUIRE_ASSIGN_OR_RETURN(const FinishedTable table, builder->Finish());
  QUIRE_RETURN_IF_ERROR(file_system_.SyncDirectory(directory_));
  run.table_length = table.info.length_bytes;
  run.table_digest = table.info.digest;
  run.entry_count = table.info.entry_count;
  run.max_sequence = table.info.max_sequence;
  runs_.push_back(std::move(run));
  return RepairedCounts{.keys = table.info.key_count,
                        .tombstones = table.info.tombstone_count};
}

absl::Status RepairWriter::Commit(uint64_t last_sequence) {
  ManifestEdit edit;
  for (const Segment& segment : segments_) {
    const SegmentState& state = segment.state;
    edit.Add(SegmentCreated{.number = state.number,
                            .id = state.id,
                            .first_sequence = state.first_sequence,
                            .origin = state.origin});
    edit.Add(SegmentSealed{.number = state.number,
                           .length = state.length,
                           .last_sequence = state.last_sequence,
                           .digest = state.digest,
                           .garbage_bytes = state.garbage_bytes,
                           .garbage_records = state.garbage_records});
  }
  for (const RunState& run : runs_) edit.Add(RunAdded{run});
  may_be_named_ = true;  // whatever becomes of it, by an exception too
  const absl::Status status = catalog_.Commit(edit);
  may_be_named_ = !absl::IsResourceExhausted(status);
  QUIRE_RETURN_IF_ERROR(status);
  return catalog_.CloseCleanly(last_sequence);
}

void RepairWriter::RemoveFiles() {
  if (may_be_named_) return;
  for (const std::string& path : paths_) {
    file_system_.RemoveFile(path).IgnoreError();
  }
}

}  // namespace quire::kv_internal
