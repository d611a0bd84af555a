#include "kv/internal/point_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cache/epoch.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/resident_record.h"
#include "kv/internal/value_sink.h"

namespace quire::kv_internal {
namespace {

// One key being looked up.
struct Lookup {
  std::string_view key;
  uint64_t hash = 0;
  uint64_t max_sequence = 0;
};

enum class Outcome : uint8_t {
  kDone,       // the status says: value delivered, or NotFound
  kContinue,   // not here: look further
  kNeedsRead,  // can't be decided from memory
};

absl::Status Absent() { return absl::NotFoundError(""); }

absl::Status BadAddress(const Run& run, uint64_t address) {
  return absl::DataLossError(absl::StrCat(
      run.table().file().path(), ": index entry points outside of the run's ",
      "segments: address ", address));
}

template <typename Sink>
Outcome LookInMemtables(const View& view, const Lookup& lookup, Sink& sink,
                        absl::Status* status) {
  for (const auto& memtable : view.memtables) {
    const MemoryRecord record =
        memtable->Find(lookup.key, lookup.hash, lookup.max_sequence);
    if (!record) continue;
    if (record.tombstone()) {
      *status = Absent();
    } else {
      sink.TakeFromMemtable(record.value(), view);
      *status = absl::OkStatus();
    }
    return Outcome::kDone;
  }
  return Outcome::kContinue;
}

// Tries one candidate of `run` in memory.
template <typename Sink>
Outcome LookInResident(io::PageProvider& provider, const Run& run,
                       const HashCandidate& candidate, const Lookup& lookup,
                       Sink& sink, absl::Status* status) {
  RecordLocation location;
  if (!run.Locate(candidate.address, &location)) {
    *status = BadAddress(run, candidate.address);
    return Outcome::kDone;
  }
  ResidentRecord record;
  switch (MatchResidentRecord(provider, location, candidate.size_class,
                              lookup.key, lookup.max_sequence, &record)) {
    case RecordMatch::kNoMatch:
      return Outcome::kContinue;
    case RecordMatch::kNotKnown:
      return Outcome::kNeedsRead;
    case RecordMatch::kMatch:
      break;
  }
  if (record.header.kind == RecordKind::kDelete) {
    *status = Absent();
    return Outcome::kDone;
  }
  if (!record.in_page) {
    sink.TakeCopy(record.value);
  } else if (!sink.TakeFromPage(record.value)) {
    return Outcome::kNeedsRead;
  }
  *status = absl::OkStatus();
  return Outcome::kDone;
}

// The search of one key through the runs of a view, which stops where it would
// have to block and goes on once the bytes are there. The view must be kept
// alive by the caller; guards may be left and entered between calls.
class RunSearch {
 public:
  RunSearch(const View& view, const Lookup& lookup)
      : view_(&view), lookup_(lookup) {}

  const Lookup& lookup() const { return lookup_; }

  // Goes on inside a guard: kDone with *status, or kNeedsRead: read either
  // page() (if needs_page()) or record(), and give it to Supply... .
  template <typename Sink>
  Outcome Advance(io::PageProvider& provider, Sink& sink,
                  absl::Status* status) {
    while (run_ < view_->runs.size()) {
      const Run& run = *view_->runs[run_];
      if (!cursor_.has_value()) cursor_.emplace(run.table(), lookup_.hash);
      if (!has_candidate_) {
        switch (cursor_->Next(&candidate_)) {
          case HashCursor::Step::kEnd:
            cursor_.reset();
            ++run_;
            continue;
          case HashCursor::Step::kMiss:
          case HashCursor::Step::kDamaged:
            return Outcome::kNeedsRead;
          case HashCursor::Step::kCandidate:
            has_candidate_ = true;
        }
      }
      const Outcome outcome =
          LookInResident(provider, run, candidate_, lookup_, sink, status);
      if (outcome != Outcome::kContinue) return outcome;
      has_candidate_ = false;
    }
    *status = Absent();
    return Outcome::kDone;
  }

  // Starts fetching the record that Advance will look at first, if the index
  // line is resident. Inside a guard.
  void Prefetch(io::PageProvider& provider) {
    if (run_ >= view_->runs.size() || has_candidate_) return;
    const Run& run = *view_->runs[run_];
    if (!cursor_.has_value()) cursor_.emplace(run.table(), lookup_.hash);
    if (cursor_->Next(&candidate_) != HashCursor::Step::kCandidate) return;
    has_candidate_ = true;
    RecordLocation location;
    if (run.Locate(candidate_.address, &location)) {
      PrefetchResidentRecord(provider, location);
    }
  }

  bool needs_page() const { return !has_candidate_; }
  io::Extent page() const { return cursor_->missing_page(); }
  absl::Status SupplyPage(io::Pin pin) {
    return cursor_->Supply(std::move(pin));
  }

  // The record to be read. REQUIRES: !needs_page().
  RecordRead record() const {
    RecordRead read;
    view_->runs[run_]->Locate(candidate_.address, &read.location);
    read.size_class = candidate_.size_class;
    return read;
  }

  // What a read record means: kDone with *status, or kContinue.
  template <typename Sink>
  Outcome SupplyRecord(RecordRead read, Sink& sink, absl::Status* status) {
    *status = std::move(read.status);
    if (!status->ok()) return Outcome::kDone;
    has_candidate_ = false;
    if (read.record.key != lookup_.key ||
        read.record.header.sequence > lookup_.max_sequence) {
      return Outcome::kContinue;
    }
    if (read.record.header.kind == RecordKind::kDelete) {
      *status = Absent();
    } else {
      sink.TakePin(read.record.value, std::move(read.pin));
    }
    return Outcome::kDone;
  }

 private:
  const View* view_;
  Lookup lookup_;
  size_t run_ = 0;
  std::optional<HashCursor> cursor_;  // of the current run, once begun
  HashCandidate candidate_;
  bool has_candidate_ = false;  // candidate_ is still to be decided
};

// A search that has to block, of one key of a batch.
template <typename Sink>
struct BlockedSearch {
  RunSearch search;
  Sink sink;
  absl::Status* status;
};

// Reads the pages that some of the searches wait for; a page that is damaged is
// read once more. Searches whose page can't be had are done.
template <typename Sink>
void ReadPages(io::PageProvider& provider,
               std::vector<BlockedSearch<Sink>*> searches,
               io::CachePolicy policy,
               std::vector<BlockedSearch<Sink>*>* failed) {
  for (int attempt = 0; attempt < 2 && !searches.empty(); ++attempt) {
    std::vector<io::ReadRequest> requests(searches.size());
    for (size_t i = 0; i < searches.size(); ++i) {
      requests[i].extent = searches[i]->search.page();
    }
    provider.Read(requests, policy);
    std::vector<BlockedSearch<Sink>*> again;
    for (size_t i = 0; i < searches.size(); ++i) {
      absl::Status status = std::move(requests[i].status);
      if (status.ok()) {
        status = searches[i]->search.SupplyPage(std::move(requests[i].pin));
      }
      if (status.ok()) continue;
      const bool retry = attempt == 0 && absl::IsDataLoss(status);
      *searches[i]->status = std::move(status);
      (retry ? again : *failed).push_back(searches[i]);
    }
    searches = std::move(again);
    policy = io::CachePolicy::kReadOnce;
  }
}

template <typename Sink>
void ReadRecordsOf(io::PageProvider& provider,
                   const std::vector<BlockedSearch<Sink>*>& searches,
                   io::CachePolicy policy,
                   std::vector<BlockedSearch<Sink>*>* pending) {
  std::vector<RecordRead> reads;
  reads.reserve(searches.size());
  for (BlockedSearch<Sink>* s : searches) reads.push_back(s->search.record());
  ReadRecords(provider, reads, policy);
  for (size_t i = 0; i < searches.size(); ++i) {
    BlockedSearch<Sink>& s = *searches[i];
    if (s.search.SupplyRecord(std::move(reads[i]), s.sink, s.status) ==
        Outcome::kContinue) {
      pending->push_back(&s);
    }
  }
}

// Brings all searches to their end, each round one batch of pages and one of
// records. Outside of any guard; the view is held.
template <typename Sink>
void FinishBlocked(io::PageProvider& provider,
                   std::span<BlockedSearch<Sink>> searches,
                   io::CachePolicy policy) {
  std::vector<BlockedSearch<Sink>*> pending;
  for (BlockedSearch<Sink>& s : searches) pending.push_back(&s);
  while (!pending.empty()) {
    std::vector<BlockedSearch<Sink>*> pages;
    std::vector<BlockedSearch<Sink>*> records;
    for (BlockedSearch<Sink>* s : pending) {
      cache::EpochGuard guard;
      if (s->search.Advance(provider, s->sink, s->status) !=
          Outcome::kNeedsRead) {
        continue;
      }
      (s->search.needs_page() ? pages : records).push_back(s);
    }
    pending.clear();
    std::vector<BlockedSearch<Sink>*> failed;
    if (!pages.empty()) ReadPages(provider, pages, policy, &failed);
    for (BlockedSearch<Sink>* s : pages) {
      if (std::find(failed.begin(), failed.end(), s) == failed.end()) {
        pending.push_back(s);
      }
    }
    if (!records.empty()) ReadRecordsOf(provider, records, policy, &pending);
  }
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
  std::optional<RunSearch> search;
  {
    cache::EpochGuard guard;
    const View* view =
        options.view == nullptr ? core.views.Current() : options.view;
    // After the view: everything that a flushed memtable of this view held was
    // published before the view was, so nothing in its runs is above it.
    lookup.max_sequence = std::min(
        lookup.max_sequence, core.published.load(std::memory_order_acquire));
    for (const auto& run : view->runs) run->table().PrefetchLine(lookup.hash);
    if (LookInMemtables(*view, lookup, sink, &status) == Outcome::kDone) {
      return status;
    }
    search.emplace(*view, lookup);
    if (search->Advance(provider, sink, &status) == Outcome::kDone) {
      CountFailure(core, status);
      return status;
    }
    held = HeldView(view);
  }
  BlockedSearch<Sink> blocked{*search, sink, &status};
  FinishBlocked(provider, std::span(&blocked, 1), options.policy);
  CountFailure(core, status);
  return status;
}

// Keys of a MultiGet whose fetches are in flight together: enough to hide a
// miss to memory, few enough not to push each other out of the first-level
// cache.
constexpr size_t kLanes = 32;

// Looks up to kLanes keys up in memory, in three steps so that their cache
// misses overlap: index lines, records, comparison. Inside a guard.
void LookUpLanes(DatabaseCore& core, const View& view, uint64_t max_sequence,
                 std::span<const std::string_view> keys,
                 std::span<PinnedValue> values,
                 std::span<absl::Status> statuses,
                 std::vector<BlockedSearch<PinnedSink>>* blocked) {
  io::PageProvider& provider = *core.provider.provider;
  std::array<std::optional<RunSearch>, kLanes> searches;
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint64_t hash = HashKey(keys[i], core.hash_seed);
    searches[i].emplace(view, Lookup{keys[i], hash, max_sequence});
    for (const auto& run : view.runs) run->table().PrefetchLine(hash);
    for (const auto& memtable : view.memtables) memtable->PrefetchHash(hash);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    PinnedSink sink(&values[i], &core.pinned_values);
    if (LookInMemtables(view, searches[i]->lookup(), sink, &statuses[i]) ==
        Outcome::kDone) {
      searches[i].reset();
    } else {
      searches[i]->Prefetch(provider);
    }
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!searches[i].has_value()) continue;
    PinnedSink sink(&values[i], &core.pinned_values);
    if (searches[i]->Advance(provider, sink, &statuses[i]) ==
        Outcome::kNeedsRead) {
      blocked->push_back({*searches[i], sink, &statuses[i]});
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

void PointReader::MultiGet(std::span<const std::string_view> keys,
                           const Options& options,
                           std::span<PinnedValue> values,
                           std::span<absl::Status> statuses) {
  core_.counters.multiget_keys.Add(static_cast<int64_t>(keys.size()));
  HeldView view;
  std::vector<BlockedSearch<PinnedSink>> blocked;
  {
    // One guard for all that is in memory: pins on memtables may be taken only
    // in the guard in which the view was loaded.
    cache::EpochGuard guard;
    view = HeldView(options.view == nullptr ? core_.views.Current()
                                            : options.view);
    const uint64_t max_sequence = std::min(
        options.max_sequence, core_.published.load(std::memory_order_acquire));
    for (size_t begin = 0; begin < keys.size(); begin += kLanes) {
      const size_t count = std::min(kLanes, keys.size() - begin);
      LookUpLanes(core_, *view, max_sequence, keys.subspan(begin, count),
                  values.subspan(begin, count), statuses.subspan(begin, count),
                  &blocked);
    }
  }
  if (!blocked.empty()) {
    FinishBlocked(*core_.provider.provider, std::span(blocked), options.policy);
  }
  for (const absl::Status& status : statuses) CountFailure(core_, status);
}

}  // namespace quire::kv_internal
