// What a damaged database consists of: which segments to salvage.
#ifndef QUIRE_KV_INTERNAL_REPAIR_SURVEY_H_
#define QUIRE_KV_INTERNAL_REPAIR_SURVEY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/database_files.h"
#include "kv/internal/database_state.h"
#include "kv/internal/salvage.h"
#include "kv/repair.h"

namespace quire::kv_internal {

struct RepairSurvey {
  bool manifest_was_usable = false;
  // What the repaired database starts from: ids, hash seed, numbers, the last
  // segment of the log; no segments and no runs.
  DatabaseState base;
  std::vector<SalvageSource> sources;  // by file number
  // Lost before anything is salvaged: missing files, the torn end of the log.
  std::vector<LostRange> lost;
  std::vector<std::string> warnings;
};

// Looks at the files of `directory`, as they were listed, and decides (see
// kv/repair.h). Reads CURRENT, the manifest, every segment's header page, the
// segments that the manifest doesn't name and those of the end of the log.
// Fails only for want of memory.
absl::StatusOr<RepairSurvey> SurveyDatabase(io::FileSystem& file_system,
                                            const std::string& directory,
                                            const DatabaseFiles& files);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_REPAIR_SURVEY_H_
