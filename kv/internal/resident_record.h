// Reading a record that is in memory, without blocking.
#ifndef QUIRE_KV_INTERNAL_RESIDENT_RECORD_H_
#define QUIRE_KV_INTERNAL_RESIDENT_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

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
  std::string_view value;
  // True: `value` lies in a page of the provider and lives as long as the
  // guard; false: in the calling thread's scratch memory, until its next call.
  bool in_page = false;
};

// Looks for `key` in the record at `location` by Peek alone. A record that lies
// in one page that may be touched is compared and verified in place; one that
// crosses frames, or that may fault, is first copied to scratch memory of the
// thread, and what is verified is the copy. No system call, no lock; allocates
// once a thread.
// REQUIRES: an EpochGuard is active.
RecordMatch MatchResidentRecord(io::PageProvider& provider,
                                const RecordLocation& location,
                                uint32_t size_class, std::string_view key,
                                uint64_t max_sequence, ResidentRecord* record);

// Starts fetching the record's first cache lines if it is in memory. Same
// requirement.
void PrefetchResidentRecord(io::PageProvider& provider,
                            const RecordLocation& location);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RESIDENT_RECORD_H_
