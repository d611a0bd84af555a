// Statistics and properties of an open database.
#ifndef QUIRE_KV_INTERNAL_DATABASE_STATS_H_
#define QUIRE_KV_INTERNAL_DATABASE_STATS_H_

#include <optional>
#include <string>
#include <string_view>

#include "kv/internal/database_core.h"
#include "kv/stats.h"

namespace quire::kv_internal {

// Thread-safe.
Stats GatherStats(DatabaseCore& core);

// The value of a property, or nothing for an unknown name. DB::Properties lists
// the names. Thread-safe.
std::optional<std::string> DatabaseProperty(DatabaseCore& core,
                                            std::string_view name);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DATABASE_STATS_H_
