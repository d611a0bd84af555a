#include "kv/db.h"

#include <utility>

#include "base/status_macros.h"
#include "kv/internal/db_impl.h"
#include "kv/internal/open_database.h"

namespace quire {

absl::StatusOr<std::unique_ptr<DB>> DB::Open(const Options& options,
                                             const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<kv_internal::DatabaseCore> core,
                         kv_internal::OpenDatabase(options, path));
  return std::make_unique<kv_internal::DbImpl>(std::move(core));
}

absl::Status DB::Destroy(const Options& options, const std::string& path) {
  return kv_internal::DestroyDatabase(options, path);
}

const std::vector<DB::PropertyDescription>& DB::Properties() {
  static const auto* const properties = new std::vector<PropertyDescription>{
      {"quire.stats", "all statistics, a line each"},
      {"quire.stats-json", "the same as a JSON object"},
      {"quire.effective-provider",
       "the read mode in use, and why if it isn't the one asked for"},
      {"quire.effective-io-engine",
       "how batches of reads reach the kernel, and why if not as asked for"},
      {"quire.runs",
       "a line for each run, newest first: size, whether its hash section is "
       "resident, segments"},
      {"quire.segments",
       "sums of the segments' bytes and garbage, and the worst segments"},
      {"quire.index",
       "bytes of hash sections and of resident index, in all and per key, and "
       "the budget"},
      {"quire.merges", "a line for each merge under way: how far it is"},
      {"quire.writes",
       "whether writers wait for merges: free, slowed, stopped"},
      {"quire.background-error",
       "why merging has come to a halt; empty if it has not"},
      {"quire.outstanding",
       "pinned values, iterators, snapshots and read sessions in use, with "
       "sequence number and age, and what is kept for old ones"},
      {"quire.report-json",
       "runs, segments, index and what is outstanding, as a JSON object"},
      {"quire.recovery",
       "what the open had to drop or rebuild; empty if nothing"},
  };
  return *properties;
}

}  // namespace quire
