// A second directory that holds the same database, for good.
#ifndef QUIRE_KV_INTERNAL_CHECKPOINT_H_
#define QUIRE_KV_INTERNAL_CHECKPOINT_H_

#include <string>

#include "absl/status/status.h"
#include "io/file_system.h"
#include "kv/internal/database_state.h"

namespace quire::kv_internal {

// `state` without the part of the log that is in no run: what can be linked,
// since nothing of it is ever written again. Runs hold the oldest part of the
// log, so this is a state that the database has been in.
DatabaseState RunsOnly(const DatabaseState& state);

// Makes a cleanly closed database of the runs of `state` in the directory
// `target`: links to the files in `source`, copies where the file system
// refuses a link, a manifest of one group, and, last of all, CURRENT. All of it
// is durable on return.
//
// `target` must be missing, with a parent that is there (NotFound), or an empty
// directory; AlreadyExists if it holds anything but "lost+found". On failure
// everything made is removed again; what can't be removed, or what a crash
// leaves, is either without CURRENT, hence no database, or complete.
//
// NotFound if a file of `state` is missing in `source`; DataLoss if one is
// shorter than `state` says. REQUIRES: every segment of `state` is in a run.
absl::Status WriteCheckpoint(io::FileSystem& file_system,
                             const std::string& source,
                             const DatabaseState& state,
                             const std::string& target);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_CHECKPOINT_H_
