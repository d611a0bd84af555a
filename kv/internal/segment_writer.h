// Writing copies of records into new segments.
#ifndef QUIRE_KV_INTERNAL_SEGMENT_WRITER_H_
#define QUIRE_KV_INTERNAL_SEGMENT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "kv/internal/database_core.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/group.h"
#include "kv/internal/sequential_writer.h"

namespace quire::kv_internal {

// Writes sealed segments of origin rewrite, one behind the other, in groups of
// about a megabyte. Records keep their sequence numbers and may come in any
// order. Not thread-safe. After an error only RemoveFiles may be called.
class SegmentWriter {
 public:
  struct Place {
    size_t segment = 0;  // index in segments() once that is sealed
    uint64_t offset = 0;
  };

  // `first_sequence`: no record will be older. A segment gets no further record
  // once it has `segment_bytes`.
  SegmentWriter(DatabaseCore& core, uint64_t first_sequence,
                uint64_t segment_bytes);
  ~SegmentWriter();

  absl::StatusOr<Place> Append(uint64_t sequence, RecordKind kind,
                               std::string_view key, std::string_view value);

  // Completes and syncs the last segment; the directory is the caller's to
  // sync. No Append may follow.
  absl::Status Finish();

  // Those that are complete. Lengths up to the last one begun are known only
  // after Finish.
  const std::vector<SegmentState>& segments() const { return segments_; }

  // Bytes written so far.
  uint64_t bytes_written() const { return bytes_written_; }

  // Removes all files that were begun.
  void RemoveFiles();

 private:
  absl::Status StartSegment();
  absl::Status StartGroup(uint64_t room);
  absl::Status FinishGroup();
  absl::Status FinishSegment();

  DatabaseCore& core_;
  const uint64_t first_sequence_;
  const uint64_t segment_bytes_;
  std::vector<SegmentState> segments_;
  uint64_t bytes_written_ = 0;

  // The segment being written, if writer_ is set.
  SegmentState segment_;
  std::unique_ptr<SequentialWriter> writer_;
  LogTail tail_;

  // The group being laid out, in buffer_.
  cache::HugeBuffer buffer_;
  std::optional<GroupBuilder> group_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SEGMENT_WRITER_H_
