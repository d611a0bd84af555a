// The search of one key through the runs of a view.
#ifndef QUIRE_KV_INTERNAL_RUN_SEARCH_H_
#define QUIRE_KV_INTERNAL_RUN_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "io/page_provider.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/resident_record.h"
#include "kv/internal/run.h"
#include "kv/internal/view.h"

namespace quire::kv_internal {

// One key being looked up.
struct Lookup {
  std::string_view key;
  uint64_t hash = 0;
  uint64_t max_sequence = 0;
  // False: mapped records, which may have to be waited for, are not touched but
  // read.
  bool may_fault = true;
};

enum class Outcome : uint8_t {
  kDone,       // the status says: value delivered, or NotFound
  kContinue,   // not here: look further
  kNeedsRead,  // can't be decided from memory
};

inline absl::Status Absent() { return absl::NotFoundError(""); }

inline absl::Status BadAddress(const Run& run, uint64_t address) {
  return absl::DataLossError(absl::StrCat(
      run.table().file().path(), ": index entry points outside of the run's ",
      "segments: address ", address));
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
  if (!lookup.may_fault &&
      provider.Peek(*location.file, location.place.offset, 1).may_fault) {
    return Outcome::kNeedsRead;
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

  // The same search with the key at another place.
  RunSearch WithKeyAt(std::string_view key) const {
    RunSearch result = *this;
    result.lookup_.key = key;
    return result;
  }

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

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RUN_SEARCH_H_
