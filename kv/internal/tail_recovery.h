// Bringing the part of the log that no run holds back into a database.
#ifndef QUIRE_KV_INTERNAL_TAIL_RECOVERY_H_
#define QUIRE_KV_INTERNAL_TAIL_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "io/file_system.h"
#include "kv/internal/database_core.h"
#include "kv/internal/database_state.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/memtable.h"

namespace quire::kv_internal {

// Reads the log as far as it can be believed (log_recovery.h), copies the
// records to segments of their own, makes runs of those, and replaces the old
// segments by one durable edit: nothing depends any more on what the page cache
// happened to show. The dropped bytes of a torn end are first put aside as
// NUMBER.lost. Adds the runs to `core.views`, sets `core.published`, and says
// in `core.recovery_report` what was dropped. Old files are removed at the end.
//
// On an error nothing that was there is changed.
// REQUIRES: the runs of `state` are in the view; no other thread uses `core`.
absl::Status RecoverTail(DatabaseCore& core, const DatabaseState& state);

// The same for a read-only open: the images of the segments become memtables,
// newest first, and nothing is written.
struct TailImage {
  std::vector<std::shared_ptr<Memtable>> memtables;
  uint64_t last_sequence = 0;
  std::string report;
};
absl::StatusOr<TailImage> ReadTail(io::FileSystem& file_system,
                                   const std::string& directory,
                                   const DatabaseState& state);

// Reads the sealed segments of a run into one memtable, in place of its table,
// for a read-only open. DataLoss if they are damaged.
absl::StatusOr<std::shared_ptr<Memtable>> ReadRunIntoMemory(
    io::FileSystem& file_system, const std::string& directory,
    const DatabaseState& state, const RunState& run);

// Reads a whole file into memory; empty files give an empty buffer. `*size` is
// the file's size, which the buffer is rounded up from.
absl::StatusOr<cache::HugeBuffer> ReadIntoBuffer(io::FileSystem& file_system,
                                                 const std::string& path,
                                                 uint64_t* size);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_TAIL_RECOVERY_H_
