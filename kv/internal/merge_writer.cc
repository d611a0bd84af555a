#include "kv/internal/merge_writer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "kv/internal/format.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {
namespace {

// Entries, and bytes of records, that are read as one plan.
constexpr size_t kPendingEntries = 4096;
constexpr uint64_t kPendingBytes = uint64_t{8} << 20;

// About what an entry adds to a table, for the rate limit.
constexpr uint64_t kTableBytesPerEntry = 32;

}  // namespace

MergeWriter::MergeWriter(DatabaseCore& core, const MergeInputs& inputs,
                         const MergePlan& plan, MergeControl& control)
    : core_(core),
      inputs_(inputs),
      plan_(plan),
      control_(control),
      reader_(*core.provider.provider),
      segment_writer_(core, plan.first_rewritten_sequence, plan.segment_bytes) {
  const size_t count = inputs.segments().size();
  result_.moved_bytes.resize(count);
  result_.moved_records.resize(count);
}

absl::StatusOr<MergeResult> MergeWriter::Write() {
  TableJob job = {.first_sequence = plan_.first_rewritten_sequence};
  uint64_t slots = 0;
  for (size_t i = 0; i < inputs_.segments().size(); ++i) {
    const MergeInputs::Segment& segment = inputs_.segments()[i];
    kept_slots_.push_back(slots);
    if (plan_.rewritten[i]) continue;
    job.segments.push_back({segment.state, segment.file});
    job.first_sequence =
        std::min(job.first_sequence, segment.state.first_sequence);
    slots += Run::SlotCount(segment.state.length);
  }
  new_slots_.push_back(slots);
  if (job.first_sequence == UINT64_MAX) job.first_sequence = 0;  // no entries
  for (const auto& run : inputs_.runs()) {
    job.replaced_index_bytes += run->table().resident_bytes();
  }
  absl::StatusOr<MadeRun> made = MakeTable(
      core_, job,
      [&](TableBuilder& builder) { return AddEntries(builder, job); });
  if (!made.ok()) {
    segment_writer_.RemoveFiles();
    return made.status();
  }
  result_.new_segments = segment_writer_.segments();
  if (made->state.entry_count > 0) {
    result_.made = *std::move(made);
  } else {
    core_.file_system->RemoveFile(made->run->table().file().path())
        .IgnoreError();
  }
  return std::move(result_);
}

void MergeWriter::RemoveFiles(const MergeResult& result) {
  if (result.made.has_value()) {
    core_.file_system->RemoveFile(result.made->run->table().file().path())
        .IgnoreError();
  }
  segment_writer_.RemoveFiles();
}

absl::Status MergeWriter::AddEntries(TableBuilder& builder, TableJob& job) {
  for (size_t i = 0; i < inputs_.segments().size(); ++i) {
    if (!plan_.loaded[i]) continue;
    QUIRE_RETURN_IF_ERROR(control_.Check());
    if (absl::Status status = reader_.Load(*inputs_.segments()[i].file);
        !status.ok()) {
      NoteUnreadable(i, status);
      return status;
    }
  }
  SurvivorCursor cursor(inputs_.NewCursors(), plan_.snapshots,
                        plan_.tombstone_horizon);
  uint64_t dropped = 0;
  while (cursor.NextKey([&](const Survivor&) { ++dropped; })) {
    for (const Survivor& version : cursor.survivors()) {
      QUIRE_RETURN_IF_ERROR(AddPending(cursor.key(), version));
    }
    if (pending_.size() < kPendingEntries && pending_bytes_ < kPendingBytes) {
      continue;
    }
    QUIRE_RETURN_IF_ERROR(WritePending(builder));
    control_.AddEntries(std::exchange(dropped, 0));
    QUIRE_RETURN_IF_ERROR(control_.Check());
  }
  QUIRE_RETURN_IF_ERROR(cursor.status());
  QUIRE_RETURN_IF_ERROR(WritePending(builder));
  control_.AddEntries(dropped);
  QUIRE_RETURN_IF_ERROR(segment_writer_.Finish());
  for (const SegmentState& segment : segment_writer_.segments()) {
    job.segments.push_back({.state = segment});
  }
  return absl::OkStatus();
}

void MergeWriter::NoteUnreadable(size_t segment, const absl::Status& status) {
  // Want of memory or descriptors is nothing that is wrong with the segment.
  if (!absl::IsResourceExhausted(status)) unreadable_segment_ = segment;
}

bool MergeWriter::IsCopied(size_t segment, std::string_view key) const {
  if (plan_.rewritten[segment]) return true;
  return plan_.rewrite_range.has_value() && !plan_.left_alone[segment] &&
         !plan_.rewrite_range->IsBelow(key) &&
         !plan_.rewrite_range->IsAbove(key);
}

absl::Status MergeWriter::AddPending(std::string_view key,
                                     const Survivor& version) {
  QUIRE_ASSIGN_OR_RETURN(const MergeInputs::Place place,
                         inputs_.Locate(version.source, version.place.address));
  Pending entry = {.key_begin = keys_.size(),
                   .key_size = key.size(),
                   .sequence = version.sequence,
                   .tombstone = version.tombstone,
                   .value_size = version.place.value_size,
                   .record_bytes = version.place.record_bytes,
                   .segment = place.segment,
                   .offset = place.offset,
                   .copied = IsCopied(place.segment, key),
                   .read = 0};
  keys_.append(key);
  if (entry.copied && !entry.tombstone) {
    const OpenSegment& segment = *inputs_.segments()[place.segment].file;
    entry.read = reader_.Add(
        {&segment.file(), {segment.id(), place.offset}, segment.length()},
        version.place.record_bytes);
    pending_bytes_ += entry.record_bytes;
  }
  pending_.push_back(entry);
  return absl::OkStatus();
}

absl::Status MergeWriter::WritePending(TableBuilder& builder) {
  reader_.Read();
  for (const Pending& entry : pending_) {
    const std::string_view key = KeyOf(entry);
    QUIRE_ASSIGN_OR_RETURN(const uint64_t address, AddressOf(entry));
    QUIRE_RETURN_IF_ERROR(builder.Add({.key = key,
                                       .sequence = entry.sequence,
                                       .address = address,
                                       .tombstone = entry.tombstone,
                                       .value_size = entry.value_size,
                                       .hash = HashKey(key, core_.hash_seed)}));
  }
  const uint64_t table_bytes = pending_.size() * kTableBytesPerEntry;
  const uint64_t written = segment_writer_.bytes_written();
  control_.PassBytes(table_bytes + written -
                     std::exchange(passed_bytes_, written));
  control_.AddEntries(pending_.size());
  pending_.clear();
  keys_.clear();
  pending_bytes_ = 0;
  reader_.Clear();
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MergeWriter::AddressOf(const Pending& entry) {
  if (entry.copied) return Copy(entry);
  return MakeAddress(kept_slots_[entry.segment] + entry.offset / kSlotBytes,
                     entry.offset % kSlotBytes);
}

absl::StatusOr<uint64_t> MergeWriter::Copy(const Pending& entry) {
  std::string_view value;
  if (!entry.tombstone) {
    absl::StatusOr<ParsedRecord> record = reader_.record(entry.read);
    if (record.ok() && (record->header.kind != RecordKind::kPut ||
                        record->header.sequence != entry.sequence ||
                        record->key != KeyOf(entry))) {
      record = absl::DataLossError(absl::StrCat(
          inputs_.segments()[entry.segment].file->file().path(),
          ": the record at offset ", entry.offset, " is not that of ",
          base::EscapeKey(KeyOf(entry)), " which its table says it is"));
    }
    if (!record.ok()) {
      NoteUnreadable(entry.segment, record.status());
      return record.status();
    }
    value = record->value;
  }
  QUIRE_ASSIGN_OR_RETURN(
      const SegmentWriter::Place place,
      segment_writer_.Append(
          entry.sequence,
          entry.tombstone ? RecordKind::kDelete : RecordKind::kPut,
          KeyOf(entry), value));
  while (new_slots_.size() <= place.segment) {
    const SegmentState& before =
        segment_writer_.segments()[new_slots_.size() - 1];
    new_slots_.push_back(new_slots_.back() + Run::SlotCount(before.length));
  }
  if (!plan_.rewritten[entry.segment]) {
    result_.moved_bytes[entry.segment] += entry.record_bytes;
    ++result_.moved_records[entry.segment];
  }
  return MakeAddress(new_slots_[place.segment] + place.offset / kSlotBytes,
                     place.offset % kSlotBytes);
}

}  // namespace quire::kv_internal
