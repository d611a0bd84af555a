#include "kv/internal/segment_writer.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "io/file_system.h"
#include "kv/internal/format.h"
#include "kv/internal/random_id.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kGroupBytes = uint64_t{1} << 20;

std::string PathOf(const DatabaseCore& core, uint64_t number) {
  return FilePath(core.path, FileType::kSegment, number);
}

}  // namespace

SegmentWriter::SegmentWriter(DatabaseCore& core, uint64_t first_sequence,
                             uint64_t segment_bytes)
    : core_(core),
      first_sequence_(first_sequence),
      segment_bytes_(segment_bytes) {}

SegmentWriter::~SegmentWriter() = default;

absl::StatusOr<SegmentWriter::Place> SegmentWriter::Append(
    uint64_t sequence, RecordKind kind, std::string_view key,
    std::string_view value) {
  const uint64_t room = GroupBuilder::Room(key.size(), value.size());
  if (group_.has_value() &&
      group_->end() + room > tail_.offset + buffer_.size()) {
    QUIRE_RETURN_IF_ERROR(FinishGroup());
  }
  if (!group_.has_value()) QUIRE_RETURN_IF_ERROR(StartGroup(room));
  const uint64_t offset = group_->Add(sequence, kind, key, value);
  segment_.last_sequence = std::max(segment_.last_sequence, sequence);
  return Place{.segment = segments_.size(), .offset = offset};
}

absl::Status SegmentWriter::StartGroup(uint64_t room) {
  if (writer_ != nullptr && tail_.offset >= segment_bytes_) {
    QUIRE_RETURN_IF_ERROR(FinishSegment());
  }
  if (writer_ == nullptr) QUIRE_RETURN_IF_ERROR(StartSegment());
  const uint64_t needed = std::max(kGroupBytes, kGroupHeaderBytes + room);
  if (buffer_.size() < needed) {
    buffer_ = cache::HugeBuffer();
    QUIRE_ASSIGN_OR_RETURN(buffer_, cache::HugeBuffer::Create(needed));
  }
  group_.emplace(buffer_.bytes(), tail_);
  return absl::OkStatus();
}

absl::Status SegmentWriter::StartSegment() {
  FileHeader header;
  header.type = FileType::kSegment;
  header.origin = SegmentOrigin::kRewrite;
  header.file_id = RandomId();
  header.file_number = core_.catalog->NewFileNumber();
  header.first_sequence = first_sequence_;
  header.database_id = core_.database_id;
  segment_ = {.number = header.file_number,
              .id = header.file_id,
              .first_sequence = first_sequence_,
              .origin = SegmentOrigin::kRewrite,
              .sealed = true};
  tail_ = {.file_id = header.file_id, .offset = kPageBytes};
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<io::WritableFile> file,
      core_.file_system->CreateFile(PathOf(core_, segment_.number)));
  writer_ = std::make_unique<SequentialWriter>(std::move(file));
  std::array<std::byte, kPageBytes> page;
  EncodeFileHeader(header, page.data());
  QUIRE_RETURN_IF_ERROR(writer_->Append(page));
  // Before any group is written: groups behind a header page that a power cut
  // has torn look like writes that the manifest should name.
  return writer_->Sync();
}

absl::Status SegmentWriter::FinishGroup() {
  // The segment is synced as a whole before anything names it: no part of it
  // has to vouch for another.
  const std::span<const std::byte> bytes =
      group_->Finish(LogPosition{}, segment_.last_sequence);
  QUIRE_RETURN_IF_ERROR(writer_->Append(bytes));
  bytes_written_ += bytes.size();
  tail_ = group_->tail();
  group_.reset();
  return absl::OkStatus();
}

absl::Status SegmentWriter::FinishSegment() {
  QUIRE_RETURN_IF_ERROR(writer_->Finish());
  segment_.length = writer_->offset();
  segment_.digest = writer_->digest();
  bytes_written_ += kPageBytes;
  writer_.reset();
  segments_.push_back(segment_);
  return absl::OkStatus();
}

absl::Status SegmentWriter::Finish() {
  if (group_.has_value()) QUIRE_RETURN_IF_ERROR(FinishGroup());
  return writer_ == nullptr ? absl::OkStatus() : FinishSegment();
}

void SegmentWriter::RemoveFiles() {
  if (writer_ != nullptr) {
    writer_.reset();
    core_.file_system->RemoveFile(PathOf(core_, segment_.number)).IgnoreError();
  }
  for (const SegmentState& segment : segments_) {
    core_.file_system->RemoveFile(PathOf(core_, segment.number)).IgnoreError();
  }
}

}  // namespace quire::kv_internal
