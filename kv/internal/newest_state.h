// What a read-only open sees of a database that somebody else may be writing.
#ifndef QUIRE_KV_INTERNAL_NEWEST_STATE_H_
#define QUIRE_KV_INTERNAL_NEWEST_STATE_H_

#include "absl/status/status.h"
#include "kv/internal/database_core.h"

namespace quire::kv_internal {

// Reads CURRENT, the manifest and what of the log is in no run, opens the runs,
// and publishes them as the view of `core`. Runs and segments of the view of
// before that the manifest still names keep their objects, with all that is
// resident of them. Nothing is written.
//
// A writer may remove files meanwhile and be at the end of the log: what is
// missing or bad is read again with the newest manifest, a bounded number of
// times, and is called so only if it was twice under one manifest. A table that
// is lost is then replaced by its segments, read into a memtable.
//
// On an error the view stays as it was. DataLoss and NotFound: what is missing
// or damaged; FailedPrecondition: the directory holds another database than
// before. REQUIRES: `core` is a read-only open with its provider; one call at a
// time. Readers may be at work.
absl::Status LoadNewestState(DatabaseCore& core);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_NEWEST_STATE_H_
