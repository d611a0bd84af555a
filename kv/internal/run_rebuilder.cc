#include "kv/internal/run_rebuilder.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "cache/huge_buffer.h"
#include "kv/internal/file_header.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/record.h"
#include "kv/internal/run.h"
#include "kv/internal/tail_recovery.h"
#include "kv/internal/version_filter.h"

namespace quire::kv_internal {
namespace {

// A record of one of the segments, by its run-local address.
struct Found {
  std::string_view key;  // in the segment's image
  uint64_t sequence;
  RecordRef record;
};

// Verifies `file`, the segment whose slots start at `first_slot`, and appends
// its records.
absl::Status CollectRecords(const DatabaseCore& core,
                            const SegmentState& segment, uint64_t first_slot,
                            std::span<const std::byte> file,
                            std::vector<Found>* found) {
  return ReadSealedSegment(
      core.database_id, segment, file,
      FilePath(core.path, FileType::kSegment, segment.number),
      [&](const SegmentState&, const LogRecord& record) {
        found->push_back(
            {record.key,
             record.header.sequence,
             {.address = MakeAddress(first_slot + record.offset / kSlotBytes,
                                     record.offset % kSlotBytes),
              .tombstone = record.header.kind == RecordKind::kDelete,
              .value_size = record.header.value_size}});
        return absl::OkStatus();
      });
}

}  // namespace

absl::StatusOr<MadeRun> RebuildRun(DatabaseCore& core,
                                   const DatabaseState& state,
                                   const RunState& run) {
  std::vector<SegmentState> segments;
  std::vector<cache::HugeBuffer> images;
  std::vector<Found> found;
  uint64_t first_slot = 0;
  for (uint64_t number : run.segments) {
    const SegmentState& segment = state.segments.at(number);
    uint64_t size = 0;
    QUIRE_ASSIGN_OR_RETURN(
        cache::HugeBuffer image,
        ReadIntoBuffer(*core.file_system,
                       FilePath(core.path, FileType::kSegment, number), &size));
    QUIRE_RETURN_IF_ERROR(CollectRecords(core, segment, first_slot,
                                         image.bytes().first(size), &found));
    first_slot += Run::SlotCount(segment.length);
    segments.push_back(segment);
    images.push_back(std::move(image));
  }
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    const int order = a.key.compare(b.key);
    return order != 0 ? order < 0 : a.sequence > b.sequence;
  });
  TableJob job = TableOver(segments);
  return MakeTable(core, job, [&](TableBuilder& builder) {
    VersionFilter filter({});
    for (const Found& entry : found) {
      if (!filter.Keep(entry.key, entry.sequence)) continue;
      QUIRE_RETURN_IF_ERROR(
          builder.Add({.key = entry.key,
                       .sequence = entry.sequence,
                       .address = entry.record.address,
                       .tombstone = entry.record.tombstone,
                       .value_size = entry.record.value_size,
                       .hash = HashKey(entry.key, core.hash_seed)}));
    }
    return absl::OkStatus();
  });
}

}  // namespace quire::kv_internal
