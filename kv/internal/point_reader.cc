#include "kv/internal/point_reader.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "cache/epoch.h"
#include "kv/internal/blocked_search.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/run_search.h"
#include "kv/internal/value_sink.h"

namespace quire::kv_internal {
namespace {

// `shared` as in PointReader::Options::view.
template <typename Sink>
Outcome LookInMemtables(const View& view, const SharedView* shared,
                        const Lookup& lookup, Sink& sink,
                        absl::Status* status) {
  for (const auto& memtable : view.memtables) {
    const MemoryRecord record =
        memtable->Find(lookup.key, lookup.hash, lookup.max_sequence);
    if (!record) continue;
    if (record.tombstone()) {
      *status = Absent();
    } else {
      sink.TakeFromMemtable(record.value(), view, shared);
      *status = absl::OkStatus();
    }
    return Outcome::kDone;
  }
  return Outcome::kContinue;
}

void CountFailure(DatabaseCore& core, const absl::Status& status) {
  if (absl::IsDataLoss(status)) core.counters.checksum_failures.Add(1);
}

template <typename Sink>
absl::Status GetWith(DatabaseCore& core, std::string_view key,
                     const PointReader::Options& options, Sink sink) {
  io::PageProvider& provider = *core.provider.provider;
  core.counters.gets.Add(1);
  Lookup lookup{key, HashKey(key, core.hash_seed), options.max_sequence};
  absl::Status status;
  HeldView held;
  RunSearch search;
  {
    cache::EpochGuard guard;
    const View* view =
        options.view == nullptr ? core.views.Current() : (*options.view)->get();
    // After the view: everything that a flushed memtable of this view held was
    // published before the view was, so nothing in its runs is above it.
    lookup.max_sequence = std::min(
        lookup.max_sequence, core.published.load(std::memory_order_acquire));
    for (const auto& run : view->runs) run->table().PrefetchLine(lookup.hash);
    for (const auto& memtable : view->memtables) {
      memtable->PrefetchHash(lookup.hash);
    }
    if (LookInMemtables(*view, options.view, lookup, sink, &status) ==
        Outcome::kDone) {
      return status;
    }
    search.Start(*view, lookup);
    if (search.Advance(provider, sink, &status) == Outcome::kDone) {
      CountFailure(core, status);
      return status;
    }
    if (options.view == nullptr) held = HeldView(view);
  }
  BlockedSearch<Sink> blocked(search, sink, &status);
  FinishBlocked(provider, std::span(&blocked, 1), options.policy);
  CountFailure(core, status);
  return status;
}

// Keys of a MultiGet whose fetches are in flight together: enough to hide a
// miss to memory, few enough not to push each other out of the first-level
// cache.
constexpr size_t kLanes = 32;

// Batches of fewer keys always touch mapped pages.
constexpr size_t kWatchedKeys = 4;

using Clock = std::chrono::steady_clock;

// Looks up to kLanes keys up in memory, in steps so that their cache misses
// overlap: index lines, where the records' pages are, records, comparison.
// Inside a guard.
void LookUpLanes(DatabaseCore& core, const View& view, const SharedView* shared,
                 uint64_t max_sequence, bool may_fault,
                 std::span<const std::string_view> keys,
                 std::span<PinnedValue> values,
                 std::span<absl::Status> statuses,
                 std::vector<BlockedSearch<PinnedSink>>* blocked) {
  io::PageProvider& provider = *core.provider.provider;
  std::array<RunSearch, kLanes> searches;
  std::array<bool, kLanes> done;
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint64_t hash = HashKey(keys[i], core.hash_seed);
    searches[i].Start(view, Lookup{keys[i], hash, max_sequence, may_fault});
    for (const auto& run : view.runs) run->table().PrefetchLine(hash);
    for (const auto& memtable : view.memtables) memtable->PrefetchHash(hash);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    PinnedSink sink(&values[i], &core.pinned_values);
    done[i] = LookInMemtables(view, shared, searches[i].lookup(), sink,
                              &statuses[i]) == Outcome::kDone;
    if (!done[i]) searches[i].FindRecord(provider);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!done[i]) searches[i].PrefetchRecord(provider);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (done[i]) continue;
    PinnedSink sink(&values[i], &core.pinned_values);
    if (searches[i].Advance(provider, sink, &statuses[i]) ==
        Outcome::kNeedsRead) {
      blocked->emplace_back(searches[i], sink, &statuses[i]);
    }
  }
}

}  // namespace

absl::Status PointReader::Get(std::string_view key, const Options& options,
                              std::string* value) {
  return GetWith(core_, key, options, StringSink(value));
}

absl::Status PointReader::Get(std::string_view key, const Options& options,
                              PinnedValue* value) {
  return GetWith(core_, key, options, PinnedSink(value, &core_.pinned_values));
}

HeldView PointReader::LookUpInMemory(
    std::span<const std::string_view> keys, const Options& options,
    std::span<PinnedValue> values, std::span<absl::Status> statuses,
    std::vector<BlockedSearch<PinnedSink>>* blocked) {
  // One guard for all that is in memory: pins on memtables may be taken only in
  // the guard in which the view was loaded.
  cache::EpochGuard guard;
  HeldView held;
  if (options.view == nullptr) held = HeldView(core_.views.Current());
  const View& view = options.view == nullptr ? *held : ***options.view;
  const uint64_t max_sequence = std::min(
      options.max_sequence, core_.published.load(std::memory_order_acquire));
  for (size_t begin = 0; begin < keys.size(); begin += kLanes) {
    const size_t count = std::min(kLanes, keys.size() - begin);
    // A few keys may as well be touched: they have little to wait for together.
    const bool watched = mapped_ && options.may_fault && count >= kWatchedKeys;
    const bool may_fault =
        watched ? fault_watch_.MayTouch() : options.may_fault;
    Clock::time_point start;
    if (watched && may_fault) start = Clock::now();
    LookUpLanes(core_, view, options.view, max_sequence, may_fault,
                keys.subspan(begin, count), values.subspan(begin, count),
                statuses.subspan(begin, count), blocked);
    if (watched && may_fault) {
      fault_watch_.Touched(count, Clock::now() - start);
    }
  }
  return held;
}

void PointReader::MultiGet(std::span<const std::string_view> keys,
                           const Options& options,
                           std::span<PinnedValue> values,
                           std::span<absl::Status> statuses) {
  core_.counters.multiget_keys.Add(static_cast<int64_t>(keys.size()));
  std::vector<BlockedSearch<PinnedSink>> blocked;
  const HeldView view =
      LookUpInMemory(keys, options, values, statuses, &blocked);
  FinishBlocked(*core_.provider.provider, std::span(blocked), options.policy);
  for (const absl::Status& status : statuses) CountFailure(core_, status);
}

}  // namespace quire::kv_internal
