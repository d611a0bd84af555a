// Get and MultiGet.
#ifndef QUIRE_KV_INTERNAL_POINT_READER_H_
#define QUIRE_KV_INTERNAL_POINT_READER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "io/open_provider.h"
#include "io/page_provider.h"
#include "kv/internal/blocked_search.h"
#include "kv/internal/database_core.h"
#include "kv/internal/fault_watch.h"
#include "kv/internal/value_sink.h"
#include "kv/internal/view.h"
#include "kv/pinned_value.h"

namespace quire::kv_internal {

// A read first tries what is in memory, inside one epoch guard: memtables
// newest first, then runs newest first, all of whose index lines were
// prefetched before the memtables are probed. No lock, no count, no allocation
// (but that of the caller's string or PinnedValue), no system call. Where a
// page is not in memory, or something fails its check, it takes a hold on the
// view, leaves the guard and does the rest through PageProvider::Read.
//
// Runs in a view have disjoint ranges of sequence numbers, newest first, and
// the versions of a key within a run stand newest first: so the first version
// found that may be seen is the right one.
//
// Thread-safe.
class PointReader {
 public:
  // `core` must outlive the reader.
  explicit PointReader(DatabaseCore& core)
      : core_(core),
        mapped_(core.provider.effective_mode == io::ReadMode::kMmap) {}

  struct Options {
    // Newest sequence number to see; kNewest: what is published at the call.
    uint64_t max_sequence = kNewest;
    // The view to read, which the caller holds until the end of the call;
    // nullptr: the current one.
    const SharedView* view = nullptr;
    io::CachePolicy policy = io::CachePolicy::kPoint;
    // As in Lookup (run_search.h); for LookUpInMemory.
    bool may_fault = true;
  };
  static constexpr uint64_t kNewest = UINT64_MAX;

  // See DB::Get and DB::MultiGet.
  absl::Status Get(std::string_view key, const Options& options,
                   std::string* value);
  absl::Status Get(std::string_view key, const Options& options,
                   PinnedValue* value);
  void MultiGet(std::span<const std::string_view> keys, const Options& options,
                std::span<PinnedValue> values,
                std::span<absl::Status> statuses);

  // The first part of MultiGet: decides what memory alone can decide. The other
  // keys go to `blocked`, each with where its value and its status belong; they
  // need the view that is returned (none with Options::view: it is that).
  HeldView LookUpInMemory(std::span<const std::string_view> keys,
                          const Options& options, std::span<PinnedValue> values,
                          std::span<absl::Status> statuses,
                          std::vector<BlockedSearch<PinnedSink>>* blocked);

 private:
  DatabaseCore& core_;
  const bool mapped_;
  FaultWatch fault_watch_;  // if mapped_
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_POINT_READER_H_
