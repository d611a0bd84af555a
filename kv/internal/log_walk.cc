#include "kv/internal/log_walk.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/status/status.h"
#include "base/check.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kMagicOffset =
    20;  // of a group header; see kv/internal/group.h

class Walk {
 public:
  Walk(std::span<const std::byte> file, uint64_t file_id, LogVisitor& visitor)
      : file_(file), file_id_(file_id), visitor_(visitor) {}

  void Run(uint64_t offset) {
    while (offset < file_.size()) {
      found_damage_ = false;
      const std::optional<GroupHeader> group = Group(offset);
      if (!group) {
        offset = Skip(offset, file_.size(), "no valid group");
        previous_check_.reset();
        continue;
      }
      visitor_.OnGroup(offset, *group);
      if (previous_check_ && *previous_check_ != group->previous_check) {
        Damage(offset, kGroupHeaderBytes,
               "the group doesn't continue the one before it");
      }
      previous_check_ = group->check;
      const uint64_t left = file_.size() - offset;
      if (group->length > left) {
        ContentsCheck contents({file_id_, offset});
        WalkRecords(offset + kGroupHeaderBytes, file_.size(), contents);
        visitor_.OnDamage(file_.size(), group->length - left,
                          "the file ends inside the group at offset " +
                              std::to_string(offset));
        return;
      }
      const uint64_t end = offset + group->length;
      ContentsCheck contents({file_id_, offset});
      const uint64_t count =
          WalkRecords(offset + kGroupHeaderBytes, end, contents);
      if (count != group->record_count && !found_damage_) {
        Damage(offset, group->length,
               "the group holds " + std::to_string(count) + " records, not " +
                   std::to_string(group->record_count));
      } else if (contents.value() != group->contents_check && !found_damage_) {
        Damage(offset, group->length,
               "the group's records are not those that it was written with");
      }
      offset = end;
    }
  }

 private:
  void Damage(uint64_t offset, uint64_t length, const std::string& what) {
    found_damage_ = true;
    visitor_.OnDamage(offset, length, what);
  }

  std::optional<GroupHeader> Group(uint64_t offset) const {
    const std::span<const std::byte> bytes = file_.subspan(offset);
    if (bytes.size() < kGroupHeaderBytes ||
        LoadLittleEndian<uint32_t>(bytes.data() + kMagicOffset) !=
            kGroupMagic) {
      return std::nullopt;
    }
    return DecodeGroupHeader(bytes, file_id_, offset);
  }

  // The header of the record at `offset`, if it holds and the record ends by
  // `end`.
  std::optional<RecordHeader> Header(uint64_t offset, uint64_t end) const {
    if (end - offset < kRecordHeaderBytes) return std::nullopt;
    const std::optional<RecordHeader> header =
        DecodeRecordHeader(file_.subspan(offset), {file_id_, offset});
    if (!header || header->RecordBytes() > end - offset) return std::nullopt;
    return header;
  }

  LogRecord Record(uint64_t offset, const RecordHeader& header) const {
    const auto* const body = reinterpret_cast<const char*>(
        file_.data() + offset + kRecordHeaderBytes);
    return {.offset = offset,
            .header = header,
            .key = {body, header.key_size},
            .value = {body + header.key_size, header.value_size}};
  }

  bool BodyHolds(const LogRecord& record) const {
    return BodyCheck(record.key, record.value, {file_id_, record.offset}) ==
           record.header.body_check;
  }

  bool AllZero(uint64_t begin, uint64_t end) const {
    return std::all_of(file_.begin() + begin, file_.begin() + end,
                       [](std::byte b) { return b == std::byte{0}; });
  }

  // Walks the records in [offset, end) of a group; returns how many hold, and
  // sums them up in `contents`.
  uint64_t WalkRecords(uint64_t offset, uint64_t end, ContentsCheck& contents) {
    uint64_t count = 0;
    while (offset < end) {
      const uint64_t left =
          std::min(end - offset, kPageBytes - offset % kPageBytes);
      if (left < kRecordHeaderBytes) {
        if (!AllZero(offset, offset + left)) {
          Damage(offset, left, "the padding before a page isn't zero");
        }
        offset += left;
        continue;
      }
      const std::optional<RecordHeader> header = Header(offset, end);
      if (!header) {
        offset = Skip(offset, end, "no valid record");
        continue;
      }
      const LogRecord record = Record(offset, *header);
      if (!BodyHolds(record)) {
        Damage(offset, header->RecordBytes(),
               "the record's key or value fails its checksum");
      } else if (header->kind != RecordKind::kPadding) {
        visitor_.OnRecord(record);
        contents.Add(file_.data() + offset);
        ++count;
      }
      offset += header->RecordBytes();
    }
    return count;
  }

  // Tells of damage from `offset` to the next record or group that holds, or to
  // `end`, and returns that place.
  uint64_t Skip(uint64_t offset, uint64_t end, const std::string& what) {
    uint64_t next = offset + kAlignmentBytes;
    while (next < end && !Holds(next, end)) next += kAlignmentBytes;
    next = std::min(next, end);
    Damage(offset, next - offset, what);
    // Records outside of any group, as behind a damaged group header.
    while (next < end && !Group(next)) {
      const uint64_t left = kPageBytes - next % kPageBytes;
      if (left < kRecordHeaderBytes) {
        next = std::min(next + left, end);
        continue;
      }
      const std::optional<RecordHeader> header = Header(next, end);
      if (!header) break;
      const LogRecord record = Record(next, *header);
      if (!BodyHolds(record)) break;
      if (header->kind != RecordKind::kPadding) visitor_.OnRecord(record);
      next += header->RecordBytes();
    }
    return next;
  }

  bool Holds(uint64_t offset, uint64_t end) const {
    if (Group(offset)) return true;
    const std::optional<RecordHeader> header = Header(offset, end);
    return header && BodyHolds(Record(offset, *header));
  }

  const std::span<const std::byte> file_;
  const uint64_t file_id_;
  LogVisitor& visitor_;
  bool found_damage_ = false;               // in the group that is being walked
  std::optional<uint64_t> previous_check_;  // of the group before, if it holds
};

}  // namespace

void WalkLog(std::span<const std::byte> file, uint64_t file_id, uint64_t offset,
             LogVisitor& visitor) {
  QUIRE_CHECK(offset % kAlignmentBytes == 0 && offset <= file.size());
  Walk(file, file_id, visitor).Run(offset);
}

std::optional<uint64_t> FindLogId(std::span<const std::byte> file) {
  for (uint64_t offset = kPageBytes; offset + kGroupHeaderBytes <= file.size();
       offset += kAlignmentBytes) {
    const std::span<const std::byte> bytes = file.subspan(offset);
    const auto id = LoadLittleEndian<uint64_t>(bytes.data());
    if (LoadLittleEndian<uint32_t>(bytes.data() + kMagicOffset) ==
            kGroupMagic &&
        DecodeGroupHeader(bytes, id, offset)) {
      return id;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> LogIdOf(std::span<const std::byte> file,
                                const absl::StatusOr<FileHeader>& header) {
  if (header.ok()) return header->file_id;
  return absl::IsDataLoss(header.status()) ? FindLogId(file) : std::nullopt;
}

}  // namespace quire::kv_internal
