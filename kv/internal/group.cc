#include "kv/internal/group.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "kv/internal/checksum.h"
#include "kv/internal/little_endian.h"

namespace quire::kv_internal {
namespace {

// Offsets of the fields in a header.
constexpr size_t kFileIdAt = 0;
constexpr size_t kLengthAt = 8;
constexpr size_t kRecordCountAt = 16;
constexpr size_t kMagicAt = 20;
constexpr size_t kSyncedFileNumberAt = 24;
constexpr size_t kSyncedOffsetAt = 32;
constexpr size_t kLastSequenceAt = 40;
constexpr size_t kPreviousCheckAt = 48;
constexpr size_t kContentsCheckAt = 56;
constexpr size_t kCheckAt = 64;
static_assert(kCheckAt + sizeof(uint64_t) == kGroupHeaderBytes);

uint64_t HeaderCheck(const std::byte* header, uint64_t file_id,
                     uint64_t offset) {
  return Checksum({header, kCheckAt}, RecordPlace{file_id, offset}.Seed());
}

bool IsZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte b) { return b == std::byte{0}; });
}

std::string_view Chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Walks over the records of one group. Call Next until it gives no record.
class RecordWalk {
 public:
  // The group's records and padding fill [offset, end) of `file`.
  RecordWalk(std::span<const std::byte> file, uint64_t offset, uint64_t end,
             uint64_t file_id, const std::string& path)
      : file_(file), at_(offset), end_(end), file_id_(file_id), path_(path) {}

  // The next record but padding, verified; nothing at the group's end;
  // DataLoss.
  absl::StatusOr<std::optional<LogRecord>> Next() {
    if (at_ == end_) return std::nullopt;
    const uint64_t from = at_;
    QUIRE_RETURN_IF_ERROR(SkipGap());
    QUIRE_ASSIGN_OR_RETURN(LogRecord record, ReadRecord());
    if (record.header.kind == RecordKind::kPadding) {
      QUIRE_ASSIGN_OR_RETURN(record, ReadRecord());
    }
    // Also refuses gaps and padding where there need be none.
    if (record.header.kind == RecordKind::kPadding ||
        PlaceRecord(from, record.header.RecordBytes()) != record.offset) {
      return Damaged(record.offset, "not where a record is placed");
    }
    return record;
  }

 private:
  absl::Status Damaged(uint64_t offset, const char* what) const {
    return absl::DataLossError(
        absl::StrCat(path_, ": record at offset ", offset, ": ", what));
  }

  // Zeros at a page's end that are too few for a padding record.
  absl::Status SkipGap() {
    const uint64_t left = kPageBytes - at_ % kPageBytes;
    if (left >= kRecordHeaderBytes) return absl::OkStatus();
    if (left > end_ - at_) return Damaged(at_, "cut short by the group's end");
    if (!IsZero(file_.subspan(at_, left))) {
      return Damaged(at_, "gap at a page's end is not zero");
    }
    at_ += left;
    return absl::OkStatus();
  }

  // The record at at_, padding or not; moves behind it.
  absl::StatusOr<LogRecord> ReadRecord() {
    if (end_ - at_ < kRecordHeaderBytes) {
      return Damaged(at_, "cut short by the group's end");
    }
    const RecordPlace place = {file_id_, at_};
    const std::optional<RecordHeader> header =
        DecodeRecordHeader(file_.subspan(at_, kRecordHeaderBytes), place);
    if (!header.has_value()) return Damaged(at_, "header check failed");
    const uint64_t bytes = header->RecordBytes();
    if (bytes > end_ - at_) {
      return Damaged(at_, "size reaches beyond the group's end");
    }
    const std::span<const std::byte> body =
        file_.subspan(at_ + kRecordHeaderBytes, bytes - kRecordHeaderBytes);
    const LogRecord record = {
        .offset = at_,
        .header = *header,
        .key = Chars(body.first(header->key_size)),
        .value = Chars(body.subspan(header->key_size, header->value_size))};
    if (BodyCheck(record.key, record.value, place) != header->body_check) {
      return Damaged(at_, "body checksum mismatch");
    }
    if (!IsZero(body.subspan(header->key_size + header->value_size))) {
      return Damaged(at_, "bytes behind the value are not zero");
    }
    at_ += bytes;
    return record;
  }

  const std::span<const std::byte> file_;
  uint64_t at_;
  const uint64_t end_;
  const uint64_t file_id_;
  const std::string& path_;
};

}  // namespace

void EncodeGroupHeader(GroupHeader& header, uint64_t offset, std::byte* out) {
  QUIRE_CHECK(offset % kAlignmentBytes == 0);
  StoreLittleEndian(header.file_id, out + kFileIdAt);
  StoreLittleEndian(header.length, out + kLengthAt);
  StoreLittleEndian(header.record_count, out + kRecordCountAt);
  StoreLittleEndian(kGroupMagic, out + kMagicAt);
  StoreLittleEndian(header.synced_upto.file_number, out + kSyncedFileNumberAt);
  StoreLittleEndian(header.synced_upto.offset, out + kSyncedOffsetAt);
  StoreLittleEndian(header.last_sequence, out + kLastSequenceAt);
  StoreLittleEndian(header.previous_check, out + kPreviousCheckAt);
  StoreLittleEndian(header.contents_check, out + kContentsCheckAt);
  header.check = HeaderCheck(out, header.file_id, offset);
  StoreLittleEndian(header.check, out + kCheckAt);
}

std::optional<GroupHeader> DecodeGroupHeader(std::span<const std::byte> bytes,
                                             uint64_t file_id,
                                             uint64_t offset) {
  QUIRE_DCHECK(bytes.size() >= kGroupHeaderBytes);
  const std::byte* const from = bytes.data();
  GroupHeader header;
  header.file_id = LoadLittleEndian<uint64_t>(from + kFileIdAt);
  if (header.file_id != file_id ||
      LoadLittleEndian<uint32_t>(from + kMagicAt) != kGroupMagic) {
    return std::nullopt;
  }
  header.check = LoadLittleEndian<uint64_t>(from + kCheckAt);
  if (header.check != HeaderCheck(from, file_id, offset)) return std::nullopt;
  header.length = LoadLittleEndian<uint64_t>(from + kLengthAt);
  header.record_count = LoadLittleEndian<uint32_t>(from + kRecordCountAt);
  header.synced_upto = {LoadLittleEndian<uint64_t>(from + kSyncedFileNumberAt),
                        LoadLittleEndian<uint64_t>(from + kSyncedOffsetAt)};
  header.last_sequence = LoadLittleEndian<uint64_t>(from + kLastSequenceAt);
  header.previous_check = LoadLittleEndian<uint64_t>(from + kPreviousCheckAt);
  header.contents_check = LoadLittleEndian<uint64_t>(from + kContentsCheckAt);
  if (header.length < kGroupHeaderBytes ||
      header.length % kAlignmentBytes != 0 ||
      header.last_sequence > kMaxSequence) {
    return std::nullopt;
  }
  return header;
}

void ContentsCheck::Add(const std::byte* header) {
  value_ = Checksum({header, kRecordHeaderBytes}, value_);
}

GroupBuilder::GroupBuilder(std::span<std::byte> space, const LogTail& tail)
    : space_(space),
      file_id_(tail.file_id),
      begin_(tail.offset),
      previous_check_(tail.previous_check),
      contents_({tail.file_id, tail.offset}) {
  QUIRE_CHECK(tail.offset >= kPageBytes);
  QUIRE_CHECK(tail.offset % kAlignmentBytes == 0);
  QUIRE_CHECK(space.size() >= kGroupHeaderBytes);
}

uint64_t GroupBuilder::Add(uint64_t sequence, RecordKind kind,
                           std::string_view key, std::string_view value) {
  QUIRE_CHECK(kind != RecordKind::kPadding);
  const uint64_t bytes = RecordBytes(key.size(), value.size());
  const uint64_t offset = PlaceRecord(end(), bytes);
  QUIRE_CHECK(bytes <= space_.size() &&
              offset - begin_ <= space_.size() - bytes);
  if (offset != end()) {
    EncodePadding(file_id_, end(), offset, space_.data() + used_);
    used_ = offset - begin_;
  }
  EncodeRecord({file_id_, offset}, sequence, kind, key, value,
               space_.data() + used_);
  contents_.Add(space_.data() + used_);
  used_ += bytes;
  ++record_count_;
  return offset;
}

std::span<const std::byte> GroupBuilder::Finish(const LogPosition& synced_upto,
                                                uint64_t last_sequence) {
  GroupHeader header = {.file_id = file_id_,
                        .length = used_,
                        .record_count = record_count_,
                        .synced_upto = synced_upto,
                        .last_sequence = last_sequence,
                        .previous_check = previous_check_,
                        .contents_check = contents_.value()};
  EncodeGroupHeader(header, begin_, space_.data());
  check_ = header.check;
  return space_.first(used_);
}

absl::StatusOr<GroupHeader> ReadGroup(
    std::span<const std::byte> file, uint64_t offset, uint64_t file_id,
    const std::string& path, absl::FunctionRef<void(const LogRecord&)> visit) {
  if (offset == file.size()) {
    return absl::OutOfRangeError(
        absl::StrCat(path, ": no group at its end, offset ", offset));
  }
  const auto damaged = [&](const char* what) {
    return absl::DataLossError(
        absl::StrCat(path, ": group at offset ", offset, ": ", what));
  };
  if (offset > file.size() || file.size() - offset < kGroupHeaderBytes) {
    return damaged("cut short by the file's end");
  }
  const std::optional<GroupHeader> header = DecodeGroupHeader(
      file.subspan(offset, kGroupHeaderBytes), file_id, offset);
  if (!header.has_value()) return damaged("header check failed");
  if (header->length > file.size() - offset) {
    return damaged("length reaches beyond the file's end");
  }
  const RecordWalk start(file, offset + kGroupHeaderBytes,
                         offset + header->length, file_id, path);
  using Step = std::optional<LogRecord>;
  uint64_t count = 0;
  ContentsCheck contents({file_id, offset});
  for (RecordWalk walk = start;;) {
    QUIRE_ASSIGN_OR_RETURN(const Step record, walk.Next());
    if (!record.has_value()) break;
    ++count;
    contents.Add(file.data() + record->offset);
  }
  if (count != header->record_count) return damaged("wrong count of records");
  if (contents.value() != header->contents_check) {
    return damaged("its records are not those that it was written with");
  }
  // What has just been verified is verified again on the way: the cost of
  // visiting only what is whole, without a list of the records.
  for (RecordWalk walk = start;;) {
    QUIRE_ASSIGN_OR_RETURN(const Step record, walk.Next());
    if (!record.has_value()) break;
    visit(*record);
  }
  return *header;
}

void ScanForGroups(
    std::span<const std::byte> file, uint64_t offset, uint64_t file_id,
    absl::FunctionRef<void(uint64_t offset, const GroupHeader&)> visit) {
  uint64_t at = (offset + kAlignmentBytes - 1) & ~(kAlignmentBytes - 1);
  for (; at <= file.size() && file.size() - at >= kGroupHeaderBytes;
       at += kAlignmentBytes) {
    const std::optional<GroupHeader> header =
        DecodeGroupHeader(file.subspan(at, kGroupHeaderBytes), file_id, at);
    if (header.has_value()) visit(at, *header);
  }
}

}  // namespace quire::kv_internal
