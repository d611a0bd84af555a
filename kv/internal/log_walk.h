// Going through a log file, segment or manifest, however damaged it is.
//
// Opening a database stops at damage; looking at a file must not. A walk
// verifies every group and record, names each place that fails, and goes on at
// the next place that holds: the check of a record is seeded with its file and
// offset, so what passes is a record that was written there.
#ifndef QUIRE_KV_INTERNAL_LOG_WALK_H_
#define QUIRE_KV_INTERNAL_LOG_WALK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "kv/internal/file_header.h"
#include "kv/internal/group.h"

namespace quire::kv_internal {

// Told what a walk finds, in the order of offsets.
class LogVisitor {
 public:
  virtual ~LogVisitor() = default;

  // A group whose header holds; its records follow.
  virtual void OnGroup(uint64_t offset, const GroupHeader& header) {
    static_cast<void>(offset), static_cast<void>(header);
  }

  // A record whose checks hold, padding excepted. It need not stand in a group
  // whose header holds. The views die with the image.
  virtual void OnRecord(const LogRecord& record) { static_cast<void>(record); }

  // Bytes that should be there and aren't: [offset, offset + length).
  virtual void OnDamage(uint64_t offset, uint64_t length,
                        const std::string& what) {
    static_cast<void>(offset), static_cast<void>(length);
    static_cast<void>(what);
  }
};

// Walks `file`, the image of a log file with the random id `file_id`, from the
// group at `offset` to the end. Where no group starts, what follows is searched
// for records and the next group. REQUIRES: `offset` is a multiple of 8 and not
// beyond the end.
void WalkLog(std::span<const std::byte> file, uint64_t file_id, uint64_t offset,
             LogVisitor& visitor);

// The id that the first valid group of the image was written with: for a file
// whose header page is damaged. Nothing if there is no group.
std::optional<uint64_t> FindLogId(std::span<const std::byte> file);

// The id to walk the log file `file` with: that of its header page, as it was
// decoded; where that is damaged, what FindLogId finds. Nothing if the file is
// something else or of a newer format.
std::optional<uint64_t> LogIdOf(std::span<const std::byte> file,
                                const absl::StatusOr<FileHeader>& header);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_LOG_WALK_H_
