// Searches that need bytes which are not in memory.
#ifndef QUIRE_KV_INTERNAL_BLOCKED_SEARCH_H_
#define QUIRE_KV_INTERNAL_BLOCKED_SEARCH_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "cache/epoch.h"
#include "io/page_provider.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/run_search.h"
#include "kv/internal/second_reading.h"

namespace quire::kv_internal {

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
      if (attempt > 0) status = SecondVerdict(provider, std::move(status));
      if (status.ok()) continue;
      const bool retry = attempt == 0 && absl::IsDataLoss(status);
      if (retry) ForgetExtent(provider, requests[i].extent);
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

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_BLOCKED_SEARCH_H_
