#include "kv/internal/rewrite_reader.h"

#include <utility>

#include "base/status_macros.h"
#include "kv/internal/bulk_read.h"

namespace quire::kv_internal {

absl::Status RewriteReader::Load(const OpenSegment& segment) {
  QUIRE_ASSIGN_OR_RETURN(cache::HugeBuffer image,
                         cache::HugeBuffer::Create(segment.length()));
  QUIRE_RETURN_IF_ERROR(BulkRead(provider_, segment.file(), 0,
                                 image.bytes().first(segment.length())));
  loaded_[&segment.file()] = std::move(image);
  return absl::OkStatus();
}

size_t RewriteReader::Add(const RecordLocation& location,
                          uint64_t record_bytes) {
  Entry& entry = batch_.emplace_back(Entry{.location = location});
  if (!loaded_.contains(location.file)) {
    entry.read = reads_.size();
    RecordRead& read = reads_.emplace_back();
    read.location = location;
    read.record_bytes = record_bytes;
  }
  return batch_.size() - 1;
}

void RewriteReader::Read() {
  if (reads_.empty()) return;
  ReadRecords(provider_, reads_, io::CachePolicy::kReadOnce);
}

absl::StatusOr<ParsedRecord> RewriteReader::record(size_t index) const {
  const Entry& entry = batch_[index];
  if (entry.read != kLoaded) {
    const RecordRead& read = reads_[entry.read];
    if (!read.status.ok()) return read.status;
    return read.record;
  }
  const RecordLocation& location = entry.location;
  uint64_t needed = 0;
  return ParseRecord(location,
                     loaded_.at(location.file)
                         .bytes()
                         .subspan(location.place.offset,
                                  location.limit - location.place.offset),
                     &needed);
}

void RewriteReader::Clear() {
  batch_.clear();
  reads_.clear();
}

}  // namespace quire::kv_internal
