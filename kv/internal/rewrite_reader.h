// Reading the records that a merge writes anew.
#ifndef QUIRE_KV_INTERNAL_REWRITE_READER_H_
#define QUIRE_KV_INTERNAL_REWRITE_READER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "io/page_provider.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// Records are wanted in the order of their keys. Where that is the order in
// which they lie in a segment, reading a batch at a time touches each page
// about once; where it is not, the whole segment is read into memory first. All
// reads leave the caches as they were. Not thread-safe.
class RewriteReader {
 public:
  // The provider and the segments must outlive the reader.
  explicit RewriteReader(io::PageProvider& provider) : provider_(provider) {}

  // Reads the segment into memory, whence its records come from then on.
  // Blocks.
  absl::Status Load(const OpenSegment& segment);

  // Adds a record to the batch and returns its index there.
  size_t Add(const RecordLocation& location, uint64_t record_bytes);

  // Reads and verifies the batch as one plan. Blocks.
  void Read();

  // REQUIRES: read. The views stay until Clear.
  absl::StatusOr<ParsedRecord> record(size_t index) const;

  // Begins the next batch.
  void Clear();

 private:
  struct Entry {
    RecordLocation location;
    // Where in reads_ it is, or none if its segment is loaded.
    size_t read = kLoaded;
  };
  static constexpr size_t kLoaded = SIZE_MAX;

  io::PageProvider& provider_;
  // Not one of Abseil's: a table that ran out of memory in an insertion can't
  // even be destroyed.
  std::map<const io::AttachedFile*, cache::HugeBuffer> loaded_;
  std::vector<Entry> batch_;
  std::vector<RecordRead> reads_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_REWRITE_READER_H_
