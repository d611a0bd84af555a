// Verifying a run: its table, its segments, and that they agree.
#ifndef QUIRE_TOOLS_RUN_CHECK_H_
#define QUIRE_TOOLS_RUN_CHECK_H_

#include <string>

#include "kv/internal/database_state.h"
#include "kv/internal/manifest_edit.h"
#include "tools/file_inspector.h"
#include "tools/report.h"

namespace quire::tools {

// Reads the run's table and each of its segments once and reports what is
// wrong: in each file, with what the manifest says of them, and between them:
// every entry of the sorted section must be found in the hash section and lead
// to its record, and every record must have its entry or a newer one of its
// key. Takes memory for a segment, and about 50 bytes an entry. Blocks.
void CheckRun(FileInspector& inspector, const std::string& directory,
              const kv_internal::DatabaseState& state,
              const kv_internal::RunState& run, VerifyCounts& counts,
              Report& report);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_RUN_CHECK_H_
