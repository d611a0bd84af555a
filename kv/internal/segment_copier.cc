#include "kv/internal/segment_copier.h"

#include <algorithm>
#include <span>

#include "base/status_macros.h"
#include "kv/internal/format.h"
#include "kv/internal/random_id.h"

namespace quire::kv_internal {
namespace {

// Records are written in groups of about this size.
constexpr uint64_t kGroupBytes = uint64_t{1} << 20;

uint64_t RoomFor(const LogRecord& record) {
  return GroupBuilder::Room(record.key.size(), record.value.size());
}

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentCopier>> SegmentCopier::Create(
    io::FileSystem& file_system, const std::string& directory,
    const SegmentCopySpec& spec, const LogRecord& record) {
  FileHeader header;
  header.type = FileType::kSegment;
  header.origin = SegmentOrigin::kRewrite;
  header.file_id = RandomId();
  header.file_number = spec.number;
  header.first_sequence = spec.first_sequence;
  header.database_id = spec.database_id;
  const uint64_t capacity = std::max(
      spec.capacity_bytes, kPageBytes + kGroupHeaderBytes + RoomFor(record));
  QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<ActiveLog> log,
                         ActiveLog::Create(file_system, directory, header,
                                           spec.previous_check, capacity));
  return std::unique_ptr<SegmentCopier>(new SegmentCopier(std::move(log)));
}

bool SegmentCopier::Fits(const LogRecord& record) const {
  const uint64_t end =
      group_.has_value() ? group_->end() : log_->end() + kGroupHeaderBytes;
  return end + RoomFor(record) <= log_->capacity();
}

absl::StatusOr<uint64_t> SegmentCopier::Add(const LogRecord& record) {
  if (!group_.has_value()) group_.emplace(log_->StartGroup());
  const uint64_t offset = group_->Add(
      record.header.sequence, record.header.kind, record.key, record.value);
  last_sequence_ = std::max(last_sequence_, record.header.sequence);
  if (group_->end() - log_->end() >= kGroupBytes) {
    QUIRE_RETURN_IF_ERROR(FinishGroup());
  }
  return offset;
}

absl::Status SegmentCopier::FinishGroup() {
  if (!group_.has_value()) return absl::OkStatus();
  // The segment is synced as a whole before anything names it: no part of it
  // has to vouch for another.
  const std::span<const std::byte> bytes =
      group_->Finish(LogPosition{}, last_sequence_);
  QUIRE_RETURN_IF_ERROR(log_->Append(*group_, bytes));
  group_.reset();
  return absl::OkStatus();
}

}  // namespace quire::kv_internal
