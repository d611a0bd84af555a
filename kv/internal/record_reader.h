// Reading records of sealed segments through the page provider: found in
// memory, or fetched; always verified.
#ifndef QUIRE_KV_INTERNAL_RECORD_READER_H_
#define QUIRE_KV_INTERNAL_RECORD_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

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

// Reads and verifies a batch of records as one plan. Blocks; must be called
// outside of any epoch guard, with the runs held. Records larger than
// their entry said are read again at their exact length. On a failed
// verification the record is read once more, so that a flip on the way is told
// from damage that stays.
void ReadRecords(io::PageProvider& provider, std::span<RecordRead> reads,
                 io::CachePolicy policy);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RECORD_READER_H_
