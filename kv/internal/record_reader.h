// Reading records of sealed segments through the page provider: found in
// memory, or fetched; always verified.
#ifndef QUIRE_KV_INTERNAL_RECORD_READER_H_
#define QUIRE_KV_INTERNAL_RECORD_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/page_provider.h"
#include "kv/internal/record.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// A verified record; the views point into the bytes that it was parsed from.
struct ParsedRecord {
  RecordHeader header;
  std::string_view key;
  std::string_view value;
};

// Parses and verifies the record at the start of `bytes`. DataLoss naming the
// file, the offset and what failed; the record's size is in `*needed` (0 if
// unknown), which may be larger than bytes.size(): then OutOfRange, and the
// caller reads that much.
absl::StatusOr<ParsedRecord> ParseRecord(const RecordLocation& location,
                                         std::span<const std::byte> bytes,
                                         uint64_t* needed);

// A record asked for in a batch.
struct RecordRead {
  RecordLocation location;
  // What its entry says of its size: exactly, where that is known; else 0, and
  // the class tells.
  uint64_t record_bytes = 0;
  uint32_t size_class = 0;
  // What a record is likely to take; 0: nobody knows. Of a record that lies in
  // one page no more than twice as much is read at first.
  uint64_t likely_bytes = 0;
  // Outputs: OK and a record whose views point into `pin`, or the error.
  absl::Status status;
  ParsedRecord record;
  io::Pin pin;
};

// What has to be read of one record, step by step, and what came of it. Records
// larger than their entry said are read again at their exact length. On a
// failed verification the record is read once more, past what the cache holds,
// so that a flip in memory or on the way is told from damage that stays.
class RecordFetch {
 public:
  explicit RecordFetch(RecordRead read);

  // False: extent() has to be read, with kReadOnce if past_cache().
  bool done() const { return done_; }
  io::Extent extent() const {
    return {read_.location.file, read_.location.place.offset, length_};
  }
  bool past_cache() const { return past_cache_; }

  // Takes what `provider` read of extent().
  void Supply(io::PageProvider& provider, io::ReadRequest request);

  // The record, with its outputs. REQUIRES: done().
  RecordRead read() && { return std::move(read_); }

 private:
  RecordRead read_;
  uint64_t length_;
  bool past_cache_ = false;
  bool done_ = false;
};

// Reads for each of `items`, which have extent(), past_cache() and Supply as
// RecordFetch has, as one batch; the few past the cache, if any, as another.
template <typename Item>
void ReadFor(io::PageProvider& provider, std::span<Item* const> items,
             io::CachePolicy policy) {
  // Sorted before anything is read: what an item says after Supply is of its
  // next read.
  absl::InlinedVector<Item*, 1> batches[2];
  for (Item* item : items) batches[item->past_cache() ? 1 : 0].push_back(item);
  for (const bool past_cache : {false, true}) {
    const absl::InlinedVector<Item*, 1>& batch = batches[past_cache ? 1 : 0];
    if (batch.empty()) continue;
    absl::InlinedVector<io::ReadRequest, 1> requests(batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      requests[i].extent = batch[i]->extent();
    }
    provider.Read({requests.data(), requests.size()},
                  past_cache ? io::CachePolicy::kReadOnce : policy);
    for (size_t i = 0; i < batch.size(); ++i) {
      batch[i]->Supply(provider, std::move(requests[i]));
    }
  }
}

// Reads and verifies a batch of records as one plan. Blocks; must be called
// outside of any epoch guard, with the runs held.
void ReadRecords(io::PageProvider& provider, std::span<RecordRead> reads,
                 io::CachePolicy policy);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RECORD_READER_H_
