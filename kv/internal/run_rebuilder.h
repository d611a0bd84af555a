// Making a lost or damaged table again from the segments that it indexed.
#ifndef QUIRE_KV_INTERNAL_RUN_REBUILDER_H_
#define QUIRE_KV_INTERNAL_RUN_REBUILDER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "kv/internal/database_core.h"
#include "kv/internal/database_state.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// Reads and verifies the segments of `run`, writes a new table over them and
// durably replaces the old one in the manifest. Holds the segments in memory
// meanwhile. DataLoss if a segment is damaged too: nothing is changed then.
absl::StatusOr<std::shared_ptr<Run>> RebuildRun(DatabaseCore& core,
                                                const DatabaseState& state,
                                                const RunState& run);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RUN_REBUILDER_H_
