// What the parts of an open database share.
#ifndef QUIRE_KV_INTERNAL_DATABASE_CORE_H_
#define QUIRE_KV_INTERNAL_DATABASE_CORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/striped_counter.h"
#include "io/file_system.h"
#include "io/open_provider.h"
#include "io/page_provider.h"
#include "kv/internal/active_log.h"
#include "kv/internal/catalog.h"
#include "kv/internal/durable_point.h"
#include "kv/internal/error_latch.h"
#include "kv/internal/file_header.h"
#include "kv/internal/obsolete_files.h"
#include "kv/internal/recovery_report.h"
#include "kv/internal/run.h"
#include "kv/internal/snapshot_list.h"
#include "kv/internal/spare_image.h"
#include "kv/internal/view_publisher.h"
#include "kv/internal/write_throttle.h"
#include "kv/options.h"

namespace quire::kv_internal {

// Counts since the open; see Stats for the meanings.
struct DatabaseCounters {
  base::StripedCounter gets;
  base::StripedCounter multiget_keys;
  base::StripedCounter checksum_failures;
  base::StripedCounter batches_written;
  base::StripedCounter records_written;
  base::StripedCounter groups_written;
  base::StripedCounter log_bytes_written;
  base::StripedCounter table_bytes_written;
  base::StripedCounter rewritten_bytes;
  base::StripedCounter merges;
  base::StripedCounter log_syncs;
  base::StripedCounter writer_stall_us;
};

// Made by OpenDatabase (open_database.h). Members are thread-safe or constant.
// Destruction order matters: views hold runs, runs hold attached files, and the
// provider must outlive all of them; so views come last.
struct DatabaseCore {
  DatabaseCore() = default;
  // Gives back what is still attached before the provider goes.
  ~DatabaseCore() { views.FreeAll(); }
  DatabaseCore(const DatabaseCore&) = delete;
  DatabaseCore& operator=(const DatabaseCore&) = delete;

  // Creates the next segment of the log, of `capacity` bytes, names it in the
  // manifest, and returns it ready for its first group. The write queue's
  // leader only. On failure nothing of it is left, or the error latch is set.
  // `previous`: where the log before it ends, for good; offset 0 if there is
  // none since the open.
  absl::StatusOr<std::shared_ptr<ActiveLog>> CreateLog(uint64_t first_sequence,
                                                       uint64_t capacity,
                                                       const LogTail& previous);

  // Attaches a sealed segment. DataLoss if it is missing or short.
  absl::StatusOr<std::shared_ptr<const OpenSegment>> OpenSealed(
      const SegmentState& segment);

  // Opens the table of `state` over its segments, in the order of their slots.
  // DataLoss if the table was made for others; TableReader::Open's errors.
  absl::StatusOr<std::shared_ptr<Run>> OpenRun(
      const RunState& state,
      std::vector<std::shared_ptr<const OpenSegment>> segments);

  // Bytes of hash sections that may still become resident; negative if the
  // budget is overdrawn.
  int64_t IndexBudgetLeft() const;

  Options options;  // validated
  std::string path;
  io::FileSystem* file_system = nullptr;
  std::unique_ptr<io::FileLock> lock;  // nullptr for read-only opens
  uint64_t fork_generation = 0;
  uint64_t hash_seed = 0;
  DatabaseId database_id = {};

  io::OpenedProvider provider;
  std::unique_ptr<Catalog> catalog;  // nullptr for read-only opens

  // The newest segment of the log, which the next one names as its predecessor;
  // 0 if there is none. Touched by CreateLog only.
  uint64_t previous_segment_number = 0;
  uint64_t previous_segment_id = 0;

  // Newest sequence number that readers see. Alone on its lines: read by every
  // Get, written once a group.
  alignas(128) std::atomic<uint64_t> published{0};

  alignas(128) ErrorLatch write_error;
  DurablePoint durable;
  SnapshotList snapshots;
  SnapshotList iterators;  // merges need not look: these hold their views
  base::StripedCounter pinned_values;  // outstanding
  DatabaseCounters counters;
  RecoveryReport recovery_report;
  ObsoleteFiles obsolete_files;
  WriteThrottle throttle;
  std::shared_ptr<SpareImage> spare_image;  // nullptr for read-only opens

  ViewPublisher views;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DATABASE_CORE_H_
