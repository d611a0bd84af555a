// The search of one key through the runs of a view.
#ifndef QUIRE_KV_INTERNAL_RUN_SEARCH_H_
#define QUIRE_KV_INTERNAL_RUN_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "io/page_provider.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/lookup.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/resident_record.h"
#include "kv/internal/run.h"
#include "kv/internal/view.h"

namespace quire::kv_internal {

inline absl::Status BadAddress(const Run& run, uint64_t address) {
  return absl::DataLossError(absl::StrCat(
      run.table().file().path(), ": index entry points outside of the run's ",
      "segments: address ", address));
}

// The search of one key through the runs of a view, which stops where it would
// have to block and goes on once the bytes are there. The view must be kept
// alive by the caller; guards may be left and entered between calls.
class RunSearch {
 public:
  // Of nothing: for assignment only.
  RunSearch() = default;
  // Begins a search, whatever was before.
  void Start(const View& view, const Lookup& lookup) {
    view_ = &view;
    lookup_ = lookup;
    run_ = 0;
    probing_ = has_candidate_ = peeked_ = false;
  }

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
    while (true) {
      if (!has_candidate_) {
        const HashCursor::Step step = FindCandidate();
        if (step == HashCursor::Step::kEnd) {
          *status = Absent();
          return Outcome::kDone;
        }
        if (step != HashCursor::Step::kCandidate) return Outcome::kNeedsRead;
      }
      if (!peeked_ && !PeekCandidate(provider)) {
        *status = BadAddress(*view_->runs[run_], candidate_.address);
        return Outcome::kDone;
      }
      const Outcome outcome = TryCandidate(provider, sink, status);
      if (outcome != Outcome::kContinue) return outcome;
      has_candidate_ = false;
    }
  }

  // Two steps that may come before Advance, in the same guard, so that the
  // waits of several searches for memory overlap. The first finds out where the
  // record is that Advance will look at first, if the index line is resident;
  // the second starts fetching it.
  void FindRecord(io::PageProvider& provider) {
    if (FindCandidate() == HashCursor::Step::kCandidate &&
        view_->runs[run_]->Locate(candidate_.address, &location_)) {
      provider.PrefetchPeek(*location_.file, location_.place.offset);
    }
  }
  void PrefetchRecord(io::PageProvider& provider) {
    if (has_candidate_) PeekCandidate(provider);
  }

  bool needs_page() const { return !has_candidate_; }
  io::Extent page() const { return cursor_.missing_page(); }
  absl::Status SupplyPage(io::Pin pin) {
    return cursor_.Supply(std::move(pin));
  }

  // The record to be read. REQUIRES: !needs_page().
  RecordRead record() const {
    RecordRead read;
    read.location = location_;
    read.size_class = candidate_.size_class;
    read.likely_bytes = view_->runs[run_]->likely_record_bytes();
    return read;
  }

  // What a read record means: kDone with *status, or kContinue.
  template <typename Sink>
  Outcome SupplyRecord(RecordRead read, Sink& sink, absl::Status* status) {
    *status = ReadFailure(std::move(read.status));
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
  // Goes to the next entry that may be the key's, in this run or a later one:
  // kEnd after the last one.
  HashCursor::Step FindCandidate() {
    for (; run_ < view_->runs.size(); ++run_) {
      if (!probing_) {
        cursor_.Start(view_->runs[run_]->table(), lookup_.hash,
                      lookup_.may_fault);
        probing_ = true;
      }
      const HashCursor::Step step = cursor_.Next(&candidate_);
      if (step != HashCursor::Step::kEnd) {
        has_candidate_ = step == HashCursor::Step::kCandidate;
        return step;
      }
      probing_ = false;
    }
    return HashCursor::Step::kEnd;
  }

  // Finds the candidate's record in memory and starts fetching it. False if it
  // can't be anywhere.
  bool PeekCandidate(io::PageProvider& provider) {
    const Run& run = *view_->runs[run_];
    if (!run.Locate(candidate_.address, &location_)) return false;
    record_ = PeekRecord(provider, location_, candidate_.size_class,
                         lookup_.key.size(), run.likely_record_bytes());
    peeked_ = true;
    return true;
  }

  template <typename Sink>
  Outcome TryCandidate(io::PageProvider& provider, Sink& sink,
                       absl::Status* status) {
    peeked_ = false;
    if (!lookup_.may_fault && record_.bytes.may_fault) {
      return Outcome::kNeedsRead;
    }
    ResidentRecord record;
    switch (MatchPeekedRecord(
        provider, location_, record_, lookup_.key, lookup_.max_sequence,
        [&](size_t size) { return sink.Room(size, lookup_.key); }, &record)) {
      case RecordMatch::kNoMatch:
        return Outcome::kContinue;
      case RecordMatch::kNotKnown:
        return Outcome::kNeedsRead;
      case RecordMatch::kMatch:
        break;
    }
    if (record.header.kind == RecordKind::kDelete) {
      *status = Absent();
    } else {
      sink.TakeResident(record.value);
      *status = absl::OkStatus();
    }
    return Outcome::kDone;
  }

  const View* view_ = nullptr;
  Lookup lookup_;
  size_t run_ = 0;
  bool probing_ = false;
  HashCandidate candidate_;
  bool has_candidate_ = false;  // candidate_ is still to be decided
  bool peeked_ = false;         // record_ is the candidate's, in this guard
  RecordLocation location_;     // of the candidate
  PeekedRecord record_;
  HashCursor cursor_;  // of the current run, if probing_
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RUN_SEARCH_H_
