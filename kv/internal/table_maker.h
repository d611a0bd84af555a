// Writing the table of a new run and opening it.
#ifndef QUIRE_KV_INTERNAL_TABLE_MAKER_H_
#define QUIRE_KV_INTERNAL_TABLE_MAKER_H_

#include <cstdint>
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

// A sealed segment that a table is made over.
struct TableSource {
  SegmentState state;
  // The segment, if it is open already; nullptr: it is opened once the table is
  // written.
  std::shared_ptr<const OpenSegment> open = nullptr;
};

struct TableJob {
  // In the order of their slots. More may be added while entries are.
  std::vector<TableSource> segments = {};
  // No entry is older.
  uint64_t first_sequence = 0;
  // Bytes of resident hash sections that the new run makes superfluous: they
  // don't count when the budget for its own is looked at.
  uint64_t replaced_index_bytes = 0;
};

// Writes a table over job.segments with what `add_entries` adds, makes it
// durable, attaches everything and opens the run, with its hash section
// resident if the budget allows. `add_entries` may append segments to
// job.segments; entries may point into those before they are there. After a
// failure the file is gone where it could be removed; a failed sync of the
// directory sets the error latch.
absl::StatusOr<MadeRun> MakeTable(
    DatabaseCore& core, TableJob& job,
    absl::FunctionRef<absl::Status(TableBuilder&)> add_entries);

// The job for a table over these segments and nothing else.
TableJob TableOver(const std::vector<SegmentState>& segments);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_TABLE_MAKER_H_
