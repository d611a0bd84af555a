#include "kv/internal/log_recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/log_damage.h"

namespace quire::kv_internal {
namespace {

absl::Status Damaged(const std::string& path, uint64_t offset,
                     const char* what) {
  return absl::DataLossError(
      absl::StrCat(path, ": segment at offset ", offset, ": ", what));
}

// Whether the header page is what the manifest says of the segment.
absl::Status CheckHeader(const DatabaseId& database_id,
                         const SegmentState& segment,
                         std::span<const std::byte> file,
                         const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(const FileHeader header,
                         DecodeNamedFileHeader(file, FileType::kSegment, path));
  if (header.file_number != segment.number || header.file_id != segment.id ||
      header.previous_number != segment.previous_number ||
      header.previous_id != segment.previous_id ||
      header.first_sequence != segment.first_sequence ||
      header.origin != segment.origin || header.database_id != database_id) {
    return Damaged(path, 0, "not the segment that the manifest means");
  }
  return absl::OkStatus();
}

// The group at `offset`, complete and continuing the one whose check is
// `previous_check`, if that is known. Its records are put into `records`.
absl::StatusOr<GroupHeader> ReadNextGroup(
    std::span<const std::byte> file, const SegmentState& segment,
    uint64_t offset, std::optional<uint64_t> previous_check,
    const std::string& path, std::vector<LogRecord>& records) {
  records.clear();
  QUIRE_ASSIGN_OR_RETURN(
      const GroupHeader header,
      ReadGroup(file, offset, segment.id, path,
                [&](const LogRecord& record) { records.push_back(record); }));
  if (previous_check.has_value() && header.previous_check != *previous_check) {
    return Damaged(path, offset, "the group does not continue the one before");
  }
  if (!IsCredible(header, {segment.number, offset})) {
    return Damaged(path, offset,
                   "the group claims to be durable before it was written");
  }
  return header;
}

// A kind of record that a segment doesn't have: its checks are right, so a
// writer put it there.
absl::Status CheckKind(const LogRecord& record, const std::string& path) {
  if (record.header.kind == RecordKind::kPut ||
      record.header.kind == RecordKind::kDelete) {
    return absl::OkStatus();
  }
  return Damaged(path, record.offset, "not a record of a segment");
}

// One recovery: the segments one after the other.
class Recovery {
 public:
  Recovery(const DatabaseState& state, const std::string& directory,
           RecordVisitor visit)
      : state_(state), directory_(directory), visit_(visit) {
    plan_.last_sequence = state.last_sequence;
  }

  // Takes the next segment of the log. An error is final. A bad group is none
  // yet: see Finish.
  absl::Status Take(const SegmentState& segment,
                    std::span<const std::byte> file);

  absl::StatusOr<RecoveryPlan> Finish() &&;

 private:
  absl::Status TakeSealed(const SegmentState& segment,
                          std::span<const std::byte> file,
                          const std::string& path, RecoveredSegment& recovered);
  absl::Status TakeUnsealed(const SegmentState& segment,
                            std::span<const std::byte> file,
                            const std::string& path,
                            RecoveredSegment& recovered);

  // Hands a record on, in order.
  absl::Status Visit(const SegmentState& segment, const LogRecord& record,
                     const std::string& path, RecoveredSegment& recovered);

  // From here on nothing is kept.
  void Stop(const SegmentState& segment, uint64_t offset, absl::Status why);

  const DatabaseState& state_;
  const std::string& directory_;
  const RecordVisitor visit_;
  RecoveryPlan plan_;
  uint64_t visited_sequence_ = 0;  // of the last record visited
  // Of the last group kept of the unsealed segments, once there is one.
  std::optional<uint64_t> previous_check_;
  // The last unsealed segment taken.
  std::optional<SegmentState> last_unsealed_;
  // The first position that is not kept, once there is one.
  std::optional<LogPosition> stopped_at_;
  LogEvidence evidence_;  // from behind it
  std::vector<LogRecord> records_;
};

absl::Status Recovery::Take(const SegmentState& segment,
                            std::span<const std::byte> file) {
  const std::string path =
      FilePath(directory_, FileType::kSegment, segment.number);
  RecoveredSegment recovered = {.number = segment.number};
  QUIRE_RETURN_IF_ERROR(segment.sealed
                            ? TakeSealed(segment, file, path, recovered)
                            : TakeUnsealed(segment, file, path, recovered));
  plan_.segments.push_back(recovered);
  return absl::OkStatus();
}

absl::Status Recovery::TakeSealed(const SegmentState& segment,
                                  std::span<const std::byte> file,
                                  const std::string& path,
                                  RecoveredSegment& recovered) {
  if (last_unsealed_.has_value()) {
    return Damaged(path, 0, "sealed before an older one");
  }
  QUIRE_RETURN_IF_ERROR(
      ReadSealedSegment(state_.database_id, segment, file, path,
                        [&](const SegmentState&, const LogRecord& record) {
                          return Visit(segment, record, path, recovered);
                        }));
  recovered.accepted_end = segment.length;
  plan_.durable = {segment.number, segment.length};
  return absl::OkStatus();
}

absl::Status Recovery::TakeUnsealed(const SegmentState& segment,
                                    std::span<const std::byte> file,
                                    const std::string& path,
                                    RecoveredSegment& recovered) {
  QUIRE_RETURN_IF_ERROR(CheckHeader(state_.database_id, segment, file, path));
  if (last_unsealed_.has_value() &&
      (segment.previous_number != last_unsealed_->number ||
       segment.previous_id != last_unsealed_->id)) {
    return Damaged(path, 0, "does not continue the segment before it");
  }
  // What is behind the known end is the remains of a write that failed.
  const uint64_t end = segment.length == 0 ? file.size() : segment.length;
  const auto log = file.first(std::min<uint64_t>(file.size(), end));
  // The first group of a segment continues the last one of the log before,
  // which is in no unsealed segment if all of those before are empty, as one is
  // that was too small for the first batch. That of a sealed segment is not
  // looked up: sealed, it can't have lost its end.
  uint64_t offset = kPageBytes;
  while (!stopped_at_.has_value() && offset < end) {
    const absl::StatusOr<GroupHeader> header =
        ReadNextGroup(log, segment, offset, previous_check_, path, records_);
    if (!header.ok()) {
      Stop(segment, offset,
           offset == log.size() ? Damaged(path, offset, "cut short")
                                : header.status());
      break;
    }
    for (const LogRecord& record : records_) {
      QUIRE_RETURN_IF_ERROR(Visit(segment, record, path, recovered));
    }
    if (header->last_sequence < visited_sequence_) {
      return Damaged(path, offset, "the group's last sequence is too low");
    }
    plan_.last_sequence = std::max(plan_.last_sequence, header->last_sequence);
    plan_.durable = std::max(plan_.durable, header->synced_upto);
    offset += header->length;
    previous_check_ = header->check;
  }
  recovered.accepted_end = offset;
  recovered.dropped_bytes = EndOfData(log, offset) - offset;
  if (stopped_at_.has_value()) {
    evidence_.Collect(log, segment.number, segment.id, offset);
  }
  last_unsealed_ = segment;
  return absl::OkStatus();
}

absl::Status Recovery::Visit(const SegmentState& segment,
                             const LogRecord& record, const std::string& path,
                             RecoveredSegment& recovered) {
  QUIRE_RETURN_IF_ERROR(CheckKind(record, path));
  if (record.header.sequence <= visited_sequence_ ||
      record.header.sequence < segment.first_sequence) {
    return Damaged(path, record.offset, "sequence numbers do not ascend");
  }
  visited_sequence_ = record.header.sequence;
  ++recovered.record_count;
  return visit_(segment, record);
}

void Recovery::Stop(const SegmentState& segment, uint64_t offset,
                    absl::Status why) {
  stopped_at_ = LogPosition{segment.number, offset};
  plan_.torn = std::move(why);
}

absl::StatusOr<RecoveryPlan> Recovery::Finish() && {
  plan_.durable = std::max(plan_.durable, evidence_.durable);
  plan_.last_sequence = std::max(plan_.last_sequence, evidence_.last_sequence);
  if (stopped_at_.has_value() && *stopped_at_ < plan_.durable) {
    return DamageError(plan_.torn, plan_.durable);
  }
  uint64_t dropped_bytes = 0;
  for (const RecoveredSegment& segment : plan_.segments) {
    dropped_bytes += segment.dropped_bytes;
  }
  // Nothing but zeros behind the end is what a file system may leave there.
  if (dropped_bytes == 0) plan_.torn = absl::OkStatus();
  return std::move(plan_);
}

// Whether a group header of any file stands at its place in `file`.
bool HoldsAnyGroup(std::span<const std::byte> file) {
  for (uint64_t at = kPageBytes;
       at <= file.size() && file.size() - at >= kGroupHeaderBytes;
       at += kAlignmentBytes) {
    const std::span<const std::byte> bytes = file.subspan(at);
    // Groups say in clear which file they belong to.
    const auto file_id = LoadLittleEndian<uint64_t>(bytes.data());
    if (DecodeGroupHeader(bytes, file_id, at).has_value()) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<RecoveryPlan> RecoverLog(const DatabaseState& state,
                                        const std::string& directory,
                                        SegmentLoader load,
                                        RecordVisitor visit) {
  Recovery recovery(state, directory, visit);
  for (const auto& [number, segment] : state.segments) {
    if (segment.table_number != 0) continue;
    const absl::StatusOr<std::span<const std::byte>> file = load(segment);
    if (absl::IsNotFound(file.status())) {
      return absl::DataLossError(
          absl::StrCat(FilePath(directory, FileType::kSegment, number),
                       ": the segment is missing, though the manifest names "
                       "it"));
    }
    QUIRE_RETURN_IF_ERROR(file.status());
    QUIRE_RETURN_IF_ERROR(recovery.Take(segment, *file));
  }
  return std::move(recovery).Finish();
}

absl::Status ReadSealedSegment(const DatabaseId& database_id,
                               const SegmentState& segment,
                               std::span<const std::byte> file,
                               const std::string& path, RecordVisitor visit) {
  QUIRE_RETURN_IF_ERROR(CheckHeader(database_id, segment, file, path));
  if (file.size() < segment.length) {
    return Damaged(path, file.size(), "cut short since it was sealed");
  }
  const std::span<const std::byte> sealed = file.first(segment.length);
  uint64_t offset = kPageBytes;
  // What the first group continues is in another file.
  std::optional<uint64_t> previous_check;
  std::vector<LogRecord> records;
  while (offset < sealed.size()) {
    QUIRE_ASSIGN_OR_RETURN(
        const GroupHeader header,
        ReadNextGroup(sealed, segment, offset, previous_check, path, records));
    for (const LogRecord& record : records) {
      QUIRE_RETURN_IF_ERROR(CheckKind(record, path));
      QUIRE_RETURN_IF_ERROR(visit(segment, record));
    }
    offset += header.length;
    previous_check = header.check;
  }
  // Last, so that damage is named by its place where it can be.
  if (Checksum(sealed) != segment.digest) {
    return Damaged(path, 0, "digest differs from what it was sealed with");
  }
  return absl::OkStatus();
}

absl::Status CheckUnnamedSegment(const DatabaseState& state, uint64_t number,
                                 std::span<const std::byte> file,
                                 const std::string& path) {
  const absl::Status has_groups = absl::DataLossError(absl::StrCat(
      path, ": holds writes, but the manifest, whose log ends with segment ",
      state.last_log_number, ", does not name it: the manifest is too old"));
  const absl::StatusOr<FileHeader> header =
      DecodeFileHeader(file, FileType::kSegment, path);
  if (absl::IsDataLoss(header.status())) {
    // A header page is durable before the first group behind it is written: a
    // torn one with nothing behind it is an interrupted creation.
    const bool is_newer = number > state.last_log_number;
    return is_newer && HoldsAnyGroup(file) ? has_groups : absl::OkStatus();
  }
  QUIRE_RETURN_IF_ERROR(header.status());
  if (header->database_id != state.database_id) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": belongs to another database"));
  }
  if (header->file_number != number) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": was made as segment ", header->file_number));
  }
  // Copies of what is elsewhere; or named once (segments of the log are named
  // in the order of their numbers) and dropped since.
  if (header->origin == SegmentOrigin::kRewrite ||
      number <= state.last_log_number) {
    return absl::OkStatus();
  }
  return HoldsAnyGroup(file) ? has_groups : absl::OkStatus();
}

}  // namespace quire::kv_internal
