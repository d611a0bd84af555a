// Opening a database as if nothing of it had been read before, and waiting
// until it is as warm as its opening makes it.
#ifndef QUIRE_BENCHMARKS_COLD_START_H_
#define QUIRE_BENCHMARKS_COLD_START_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "kv/db.h"

namespace quire::benchmarks {

// Syncs all files of the closed database in `directory` and drops them out of
// the page cache. Returns the bytes of them that stayed there nevertheless.
absl::StatusOr<uint64_t> DropDatabaseFromPageCache(
    const std::string& directory);

// Returns when `bytes` of hash sections are in memory. False if they are not
// after half a minute.
bool WaitForIndex(DB& db, uint64_t bytes);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COLD_START_H_
