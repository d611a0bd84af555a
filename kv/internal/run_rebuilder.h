// Making a lost or damaged table again from the segments that it indexed.
#ifndef QUIRE_KV_INTERNAL_RUN_REBUILDER_H_
#define QUIRE_KV_INTERNAL_RUN_REBUILDER_H_

#include "absl/status/statusor.h"
#include "kv/internal/database_core.h"
#include "kv/internal/database_state.h"
#include "kv/internal/table_maker.h"

namespace quire::kv_internal {

// Reads and verifies the segments of `run` and writes a new, durable table over
// them, which nothing names yet. Holds the segments in memory meanwhile.
// DataLoss if a segment is damaged too.
absl::StatusOr<MadeRun> RebuildRun(DatabaseCore& core,
                                   const DatabaseState& state,
                                   const RunState& run);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RUN_REBUILDER_H_
