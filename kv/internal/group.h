// Groups: what one group commit writes, all or nothing. A log file (segment or
// manifest) is a header page followed by groups back to back.
//
//   0  u64 file id          in clear, of the file that it was written to
//   8  u64 length           header, records and padding, in bytes; a multiple
//                           of 8
//  16  u32 record count     padding not counted
//  20  u32 magic            kGroupMagic
//  24  u64 synced_upto      file number \  everything before it was known to
//  32  u64 synced_upto      offset      /  be durable by then; zeros: nothing
//  40  u64 last sequence    highest sequence number given out by then
//  48  u64 previous check   the check of the group before it in the log; 0: it
//                           is the first since an open
//  56  u64 contents check   of the records, see ContentsCheck
//  64  u64 check            XXH3(bytes 0..64, seed of the group's place)
//
// Records follow, each placed by PlaceRecord; the space skipped is filled by
// EncodePadding. The contents check ties the records to the header, so that a
// group torn over the remains of a failed one at the same place is not taken
// for whole. The previous check ties a log's groups together, across its
// segments too.
#ifndef QUIRE_KV_INTERNAL_GROUP_H_
#define QUIRE_KV_INTERNAL_GROUP_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {

// A place in the log of a database (or in a manifest): ordered by file number,
// then offset.
struct LogPosition {
  uint64_t file_number = 0;
  uint64_t offset = 0;
  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

struct GroupHeader {
  uint64_t file_id = 0;
  uint64_t length = 0;
  uint32_t record_count = 0;
  LogPosition synced_upto = {};
  uint64_t last_sequence = 0;
  uint64_t previous_check = 0;
  uint64_t contents_check = 0;
  uint64_t check = 0;  // set by EncodeGroupHeader and DecodeGroupHeader
};

// Writes the header, kGroupHeaderBytes, of a group at `offset` to `out` and
// sets `header.check`.
void EncodeGroupHeader(GroupHeader& header, uint64_t offset, std::byte* out);

// Nothing if magic, file id, check or length fail. REQUIRES: bytes.size() >=
// kGroupHeaderBytes.
std::optional<GroupHeader> DecodeGroupHeader(std::span<const std::byte> bytes,
                                             uint64_t file_id, uint64_t offset);

// Sums up which records a group has, in their order: c = seed of the group's
// place; for each record but padding, c = XXH3(its header, seed c).
class ContentsCheck {
 public:
  explicit ContentsCheck(const RecordPlace& group) : value_(group.Seed()) {}

  // Adds the record whose kRecordHeaderBytes stand at `header`.
  void Add(const std::byte* header);

  uint64_t value() const { return value_; }

 private:
  uint64_t value_;
};

// Where a log ends: what the next group has to know.
struct LogTail {
  uint64_t file_id = 0;
  uint64_t offset = kPageBytes;  // where the next group goes, a multiple of 8
  // Check of the last group: of the segment before, if this one has none yet.
  uint64_t previous_check = 0;
};

// Lays records out as one group in memory, in place: what is laid out there is
// what goes to the file.
//
//   GroupBuilder group(image.subspan(tail.offset), tail);
//   uint64_t at = group.Add(sequence, kind, key, value);   // offset in the
//   file std::span<const std::byte> bytes =
//       group.Finish(synced_upto, last_sequence);
//   ... write `bytes` at tail.offset; only if that succeeds ...
//   tail = group.tail();
//
// Nothing is allocated. Not thread-safe.
class GroupBuilder {
 public:
  // `space` is where the group is laid out: its byte 0 becomes the file's byte
  // `tail.offset`. It must have kGroupHeaderBytes and Room for each record;
  // what was in it before doesn't matter.
  GroupBuilder(std::span<std::byte> space, const LogTail& tail);

  // Adds a record (see EncodeRecord) and returns its offset in the file.
  uint64_t Add(uint64_t sequence, RecordKind kind, std::string_view key,
               std::string_view value);

  // Offset in the file where the group would end if it were finished now.
  uint64_t end() const { return begin_ + used_; }
  uint32_t record_count() const { return record_count_; }

  // Writes the header and returns the group's bytes, a part of the space.
  // Nothing may be added afterwards.
  std::span<const std::byte> Finish(const LogPosition& synced_upto,
                                    uint64_t last_sequence);

  // The log's end behind this group. REQUIRES: finished.
  LogTail tail() const { return {file_id_, end(), check_}; }

  // Most bytes that a record of these sizes adds to a group, the space skipped
  // in front of it included.
  static constexpr uint64_t Room(uint64_t key_size, uint64_t value_size) {
    const uint64_t bytes = RecordBytes(key_size, value_size);
    return bytes +
           (bytes <= kNoStraddleBytes ? kNoStraddleBytes : kRecordHeaderBytes);
  }

 private:
  const std::span<std::byte> space_;
  const uint64_t file_id_;
  const uint64_t begin_;
  const uint64_t previous_check_;
  uint64_t used_ = kGroupHeaderBytes;
  uint32_t record_count_ = 0;
  ContentsCheck contents_;
  uint64_t check_ = 0;
};

// One record as a walk over a log sees it. The views point into the image.
struct LogRecord {
  uint64_t offset = 0;  // in the file
  RecordHeader header;
  std::string_view key;
  std::string_view value;
};

// Verifies the whole group that starts at `offset` of the log file image `file`
// (header, every record's header and body check, padding, count and length) and
// then calls `visit` for each record but padding, in order. Returns the group's
// header; DataLoss naming `path`, the offset and what failed if anything does
// (then `visit` was not called); OutOfRange if `offset` is exactly the end of
// the image. Does not compare the previous check: the caller knows the group
// before.
absl::StatusOr<GroupHeader> ReadGroup(
    std::span<const std::byte> file, uint64_t offset, uint64_t file_id,
    const std::string& path, absl::FunctionRef<void(const LogRecord&)> visit);

// Calls `visit` for every valid group header of the file `file_id` that stands
// at a multiple of 8 at or beyond `offset`, whatever is around it: what is left
// of a log behind damage.
void ScanForGroups(
    std::span<const std::byte> file, uint64_t offset, uint64_t file_id,
    absl::FunctionRef<void(uint64_t offset, const GroupHeader&)> visit);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_GROUP_H_
