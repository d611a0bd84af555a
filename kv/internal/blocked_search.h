// Searches that need bytes which are not in memory.
#ifndef QUIRE_KV_INTERNAL_BLOCKED_SEARCH_H_
#define QUIRE_KV_INTERNAL_BLOCKED_SEARCH_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "cache/epoch.h"
#include "io/page_provider.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/run_search.h"
#include "kv/internal/second_reading.h"

namespace quire::kv_internal {

// A search of one key that alternates between memory and reads, for whoever
// reads on its behalf. What is damaged is read once more, past the cache.
//
// One thread at a time; outside of any guard; the view is held by the caller.
template <typename Sink>
class BlockedSearch {
 public:
  // `*status` is set when the search is done.
  BlockedSearch(const RunSearch& search, Sink sink, absl::Status* status)
      : search_(search), sink_(sink), status_(status) {}

  // Goes on as far as memory leads. False: it is done. True: extent() has to be
  // read, with kReadOnce if past_cache(), and given to Supply.
  bool Advance(io::PageProvider& provider) {
    if (state_ == State::kSearching) {
      cache::EpochGuard guard;
      if (search_.Advance(provider, sink_, status_) != Outcome::kNeedsRead) {
        state_ = State::kDone;
      } else if (search_.needs_page()) {
        state_ = State::kNeedsPage;
        past_cache_ = false;
      } else {
        state_ = State::kNeedsRecord;
        record_.emplace(search_.record());
      }
    }
    return state_ != State::kDone;
  }

  io::Extent extent() const {
    return state_ == State::kNeedsPage ? search_.page() : record_->extent();
  }
  bool past_cache() const {
    return state_ == State::kNeedsPage ? past_cache_ : record_->past_cache();
  }

  // Takes what `provider` read of extent(): Advance tells what is next.
  void Supply(io::PageProvider& provider, io::ReadRequest request) {
    if (state_ == State::kNeedsPage) {
      SupplyPage(provider, std::move(request));
      return;
    }
    record_->Supply(provider, std::move(request));
    if (!record_->done()) return;
    state_ = search_.SupplyRecord(std::move(*record_).read(), sink_, status_) ==
                     Outcome::kContinue
                 ? State::kSearching
                 : State::kDone;
  }

  const RunSearch& search() const { return search_; }
  // Where the status goes.
  const absl::Status* status() const { return status_; }

 private:
  enum class State : uint8_t { kSearching, kNeedsPage, kNeedsRecord, kDone };

  void SupplyPage(io::PageProvider& provider, io::ReadRequest request) {
    absl::Status status = ReadFailure(std::move(request.status));
    if (status.ok()) status = search_.SupplyPage(std::move(request.pin));
    if (past_cache_) status = SecondVerdict(provider, std::move(status));
    if (status.ok()) {
      state_ = State::kSearching;
    } else if (absl::IsDataLoss(status) && !past_cache_) {
      ForgetExtent(provider, request.extent);
      past_cache_ = true;
    } else {
      *status_ = std::move(status);
      state_ = State::kDone;
    }
  }

  RunSearch search_;
  Sink sink_;
  absl::Status* status_;
  State state_ = State::kSearching;
  bool past_cache_ = false;            // of the page
  std::optional<RecordFetch> record_;  // the last that was needed
};

// Brings all searches to their end, a batch a round. Blocks.
template <typename Sink>
void FinishBlocked(io::PageProvider& provider,
                   std::span<BlockedSearch<Sink>> searches,
                   io::CachePolicy policy) {
  absl::InlinedVector<BlockedSearch<Sink>*, 1> pending;
  for (BlockedSearch<Sink>& search : searches) pending.push_back(&search);
  while (true) {
    pending.erase(std::remove_if(pending.begin(), pending.end(),
                                 [&](BlockedSearch<Sink>* search) {
                                   return !search->Advance(provider);
                                 }),
                  pending.end());
    if (pending.empty()) return;
    ReadFor(
        provider,
        std::span<BlockedSearch<Sink>* const>(pending.data(), pending.size()),
        policy);
  }
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_BLOCKED_SEARCH_H_
