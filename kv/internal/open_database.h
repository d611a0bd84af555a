// From a directory to the parts of an open database.
#ifndef QUIRE_KV_INTERNAL_OPEN_DATABASE_H_
#define QUIRE_KV_INTERNAL_OPEN_DATABASE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/database_core.h"
#include "kv/options.h"

namespace quire::kv_internal {

// Everything that DB::Open does but starting threads; see there for the errors.
//
//  1. Decides what is in the directory: nothing, a database, or something else.
//     Takes the lock, unless read-only.
//  2. Reads CURRENT and the manifest; creates both for a new database.
//  3. Opens the provider and every run. A table that is damaged or missing is
//     made again from its segments: into a new file that nothing names yet, or,
//     read-only, as a memtable.
//  4. Brings what unsealed segments hold into a run of its own, or, read-only,
//     into memtables; puts dropped bytes of a torn tail aside.
//  5. Puts tables made again in the place of the old ones.
//  6. Removes files that nothing names.
//
// Until step 4 has made its edit durable, or step 5 if there is nothing to
// bring, nothing that was there is changed.
absl::StatusOr<std::unique_ptr<DatabaseCore>> OpenDatabase(
    const Options& options, const std::string& path);

// See DB::Destroy.
absl::Status DestroyDatabase(const Options& options, const std::string& path);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_OPEN_DATABASE_H_
