// Verifying everything that a database's directory holds.
#ifndef QUIRE_TOOLS_DATABASE_CHECK_H_
#define QUIRE_TOOLS_DATABASE_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "tools/file_inspector.h"
#include "tools/report.h"

namespace quire::tools {

// Verifies CURRENT, the manifest, every run, every segment and what no manifest
// names, and reports what is wrong; goes on after each problem as far as it
// can. Where CURRENT or the manifest can't be read, each file is still verified
// by itself. Takes no lock and writes nothing: it may run beside a writer,
// whose last, unfinished group is not a problem.
//
// An error means that there was nothing to verify: NotFound (no database),
// FailedPrecondition (something else, or a newer format). Blocks.
absl::Status CheckDatabase(FileInspector& inspector,
                           const std::string& directory, VerifyCounts& counts,
                           Report& report);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_DATABASE_CHECK_H_
