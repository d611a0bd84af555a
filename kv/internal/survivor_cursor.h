// The entries that a merge keeps.
#ifndef QUIRE_KV_INTERNAL_SURVIVOR_CURSOR_H_
#define QUIRE_KV_INTERNAL_SURVIVOR_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/merging_cursor.h"
#include "kv/internal/version_filter.h"

namespace quire::kv_internal {

// One version of the current key, from one of the merged sources.
struct Survivor {
  size_t source = 0;
  uint64_t sequence = 0;
  EntryPlace place;
  bool tombstone = false;
  // A tombstone behind which no older version of its key is kept: it hides
  // nothing but what other runs or dropped records hold.
  bool idle = false;
};

// Goes once through all versions of all keys of the sources, forward, key by
// key. Of each key it keeps the newest version and those that a snapshot sees
// (VersionFilter), but for idle tombstones below the horizon. Not thread-safe;
// moves may block on I/O.
class SurvivorCursor {
 public:
  // `snapshots`: sequence numbers of live snapshots, ascending. `horizon`: idle
  // tombstones with a lower sequence number are dropped.
  SurvivorCursor(std::vector<std::unique_ptr<EntryCursor>> sources,
                 std::vector<uint64_t> snapshots, uint64_t horizon);

  // Goes to the next key, at first to the first one. Calls `drop` for each
  // version of it that is not kept. False at the end, or after an error, which
  // status() tells. A key may be left with no survivors.
  bool NextKey(absl::FunctionRef<void(const Survivor&)> drop);

  // Of the current key; views die with the next move.
  std::string_view key() const { return key_; }
  // Newest first.
  const std::vector<Survivor>& survivors() const { return survivors_; }

  absl::Status status() const { return merged_.status(); }

 private:
  // Marks the idle tombstones at the end of the list; drops those below the
  // horizon.
  void DealWithTombstones(absl::FunctionRef<void(const Survivor&)> drop);

  MergingCursor merged_;
  VersionFilter filter_;
  const uint64_t horizon_;
  bool started_ = false;
  std::string key_;
  std::vector<Survivor> survivors_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SURVIVOR_CURSOR_H_
