// Reading a record that is in memory, without blocking.
#ifndef QUIRE_KV_INTERNAL_RESIDENT_RECORD_H_
#define QUIRE_KV_INTERNAL_RESIDENT_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "io/page_provider.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// What a look at a record in memory showed.
enum class RecordMatch : uint8_t {
  kMatch,     // the key, at a sequence number that may be seen; verified
  kNoMatch,   // another key, or a version that is too new
  kNotKnown,  // not in memory, too large for this path, or failed a check:
              // ReadRecords tells
};

struct ResidentRecord {
  RecordHeader header;
  // In a page of the provider, which lives as long as the guard, or in what
  // `room` gave.
  std::string_view value;
};

// Gives memory for a copy of so many bytes, at most kLargestResidentBytes, to
// be asked for again with more: what was copied before need not stay.
using CopyRoom = absl::FunctionRef<std::byte*(size_t)>;

// Records above this are left to ReadRecords: their copy costs more than what
// this path saves, and caches don't keep them.
inline constexpr uint64_t kLargestResidentBytes = uint64_t{64} << 10;

// kLargestResidentBytes of the calling thread's, valid until its next use.
std::byte* ThreadScratch();

// A record that was found in memory and is being fetched into the processor's
// cache. Valid as long as the guard.
struct PeekedRecord {
  io::PeekResult bytes;  // from the record's start on; no data: not in memory
  uint64_t likely_bytes = 0;
};

// Finds the record at `location` by Peek and starts fetching it: all the cache
// lines that a record of `likely_bytes` touches, as far as the processor can
// fetch at once. To look at its header first, for its size, would be a second
// wait.
// REQUIRES: an EpochGuard is active.
PeekedRecord PeekRecord(io::PageProvider& provider,
                        const RecordLocation& location, uint32_t size_class,
                        size_t key_size, uint64_t likely_bytes);

// Looks for `key` in a record that PeekRecord gave in this guard. One that lies
// in one page that may be touched is compared and verified in place; one that
// crosses frames, or that may fault, is first copied to `room`, and what is
// verified is the copy. No system call, no lock, no allocation but that of
// `room`, in which `key` must not lie.
RecordMatch MatchPeekedRecord(io::PageProvider& provider,
                              const RecordLocation& location,
                              const PeekedRecord& peeked, std::string_view key,
                              uint64_t max_sequence, CopyRoom room,
                              ResidentRecord* record);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RESIDENT_RECORD_H_
