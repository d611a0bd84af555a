// Copying records into a new segment.
#ifndef QUIRE_KV_INTERNAL_SEGMENT_COPIER_H_
#define QUIRE_KV_INTERNAL_SEGMENT_COPIER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/active_log.h"
#include "kv/internal/file_header.h"
#include "kv/internal/group.h"

namespace quire::kv_internal {

// What a segment of copies is made as.
struct SegmentCopySpec {
  uint64_t number = 0;
  DatabaseId database_id = {};
  // Not above that of any record that will be added.
  uint64_t first_sequence = 0;
  // Check of the group that the first one continues; 0: none.
  uint64_t previous_check = 0;
  // Bytes of the segment, unless the first record needs more.
  uint64_t capacity_bytes = 0;
};

// One segment of origin rewrite while records are copied into it, in groups of
// about 1 MiB. Records keep their sequence numbers; they may come in any order.
// Nothing is durable but the header page until the log is synced. Not
// thread-safe.
class SegmentCopier {
 public:
  // Creates the file, with a random id, for a first record like `record`.
  static absl::StatusOr<std::unique_ptr<SegmentCopier>> Create(
      io::FileSystem& file_system, const std::string& directory,
      const SegmentCopySpec& spec, const LogRecord& record);

  // Whether there is room for one more.
  bool Fits(const LogRecord& record) const;

  // Copies a record that fits; returns its offset. It stands complete in the
  // image from then on, and in the file at the latest after FinishGroup.
  absl::StatusOr<uint64_t> Add(const LogRecord& record);

  // Writes the records that aren't in the file yet.
  absl::Status FinishGroup();

  const std::shared_ptr<ActiveLog>& log() const { return log_; }

 private:
  explicit SegmentCopier(std::shared_ptr<ActiveLog> log)
      : log_(std::move(log)) {}

  const std::shared_ptr<ActiveLog> log_;
  std::optional<GroupBuilder> group_;
  uint64_t last_sequence_ = 0;  // the highest added
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SEGMENT_COPIER_H_
