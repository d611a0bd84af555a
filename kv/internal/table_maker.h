// Writing the table of a new run and opening it.
#ifndef QUIRE_KV_INTERNAL_TABLE_MAKER_H_
#define QUIRE_KV_INTERNAL_TABLE_MAKER_H_

#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/database_core.h"
#include "kv/internal/database_state.h"
#include "kv/internal/run.h"
#include "kv/internal/table_builder.h"

namespace quire::kv_internal {

// A run that the manifest doesn't name yet.
struct MadeRun {
  RunState state;
  std::shared_ptr<Run> run;
};

// Writes a table over the sealed `segments` with what `add_entries` adds, makes
// it durable, attaches everything and opens the run, with its hash section
// resident if the budget allows. After a failure the file is gone where it
// could be removed.
absl::StatusOr<MadeRun> MakeTable(
    DatabaseCore& core, const std::vector<SegmentState>& segments,
    absl::FunctionRef<absl::Status(TableBuilder&)> add_entries);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_TABLE_MAKER_H_
