#include "kv/internal/record_reader.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"

namespace quire::kv_internal {
namespace {

// A Get reads one record, for which nothing is allocated.
template <typename T>
using List = absl::InlinedVector<T, 1>;

absl::Status Damaged(const RecordLocation& location, const char* what) {
  return absl::DataLossError(absl::StrCat(location.file->path(),
                                          ": record at offset ",
                                          location.place.offset, ": ", what));
}

std::string_view Chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// How much to read of a record at first: what its entry says, within the
// segment. Above the exact classes only the first page: the header there tells
// the rest.
uint64_t FirstLength(const RecordRead& read) {
  const uint64_t offset = read.location.place.offset;
  uint64_t bytes = read.record_bytes;
  if (bytes == 0) {
    bytes = read.size_class <= kLargestExactClass
                ? ClassBytes(offset, read.size_class)
                : kPageBytes - offset % kPageBytes;
    // A second look at the same page costs less than a copy of all of it.
    constexpr uint64_t kLeastBytes = 512;
    if (read.likely_bytes != 0 && read.size_class == 1) {
      bytes = std::min(bytes, std::max(kLeastBytes, 2 * read.likely_bytes));
    }
  }
  return std::min(bytes, read.location.limit - offset);
}

// One pass of ReadRecords over `reads` whose extents are `lengths` bytes long.
// Afterwards lengths[i] is 0 for a record that is done (read or failed), or how
// many bytes it needs.
void ReadOnce(io::PageProvider& provider, std::span<RecordRead*> reads,
              std::span<uint64_t> lengths, io::CachePolicy policy) {
  List<io::ReadRequest> requests(reads.size());
  for (size_t i = 0; i < reads.size(); ++i) {
    const RecordLocation& location = reads[i]->location;
    requests[i].extent = {location.file, location.place.offset, lengths[i]};
  }
  provider.Read({requests.data(), requests.size()}, policy);
  for (size_t i = 0; i < reads.size(); ++i) {
    RecordRead& read = *reads[i];
    read.status = requests[i].status;
    lengths[i] = 0;
    if (!read.status.ok()) continue;
    uint64_t needed = 0;
    absl::StatusOr<ParsedRecord> record =
        ParseRecord(read.location, requests[i].pin.bytes(), &needed);
    if (record.ok()) {
      read.record = *record;
      read.pin = std::move(requests[i].pin);
    } else {
      read.status = record.status();
      if (absl::IsOutOfRange(read.status)) lengths[i] = needed;
    }
  }
}

// Reads until no record needs more bytes: once, or twice where an entry
// promised too few.
void ReadFully(io::PageProvider& provider, List<RecordRead*> reads,
               List<uint64_t> lengths, io::CachePolicy policy) {
  while (!reads.empty()) {
    ReadOnce(provider, {reads.data(), reads.size()},
             {lengths.data(), lengths.size()}, policy);
    size_t kept = 0;
    for (size_t i = 0; i < reads.size(); ++i) {
      if (lengths[i] == 0) continue;
      reads[kept] = reads[i];
      lengths[kept++] = lengths[i];
    }
    reads.resize(kept);
    lengths.resize(kept);
  }
}

}  // namespace

absl::StatusOr<ParsedRecord> ParseRecord(const RecordLocation& location,
                                         std::span<const std::byte> bytes,
                                         uint64_t* needed) {
  *needed = 0;
  if (bytes.size() < kRecordHeaderBytes)
    return Damaged(location, "header beyond the end of the file");
  const std::optional<RecordHeader> header =
      DecodeRecordHeader(bytes, location.place);
  if (!header.has_value()) return Damaged(location, "header check failed");
  const uint64_t size = header->RecordBytes();
  *needed = size;
  if (location.place.offset + size > location.limit)
    return Damaged(location, "size beyond the end of the file");
  if (bytes.size() < size) return absl::OutOfRangeError("");
  ParsedRecord record;
  record.header = *header;
  record.key = Chars(bytes.subspan(kRecordHeaderBytes, header->key_size));
  record.value = Chars(
      bytes.subspan(kRecordHeaderBytes + header->key_size, header->value_size));
  if (BodyCheck(record.key, record.value, location.place) !=
      header->body_check) {
    return Damaged(location, "body checksum mismatch");
  }
  return record;
}

void ReadRecords(io::PageProvider& provider, std::span<RecordRead> reads,
                 io::CachePolicy policy) {
  List<RecordRead*> all(reads.size());
  List<uint64_t> lengths(reads.size());
  for (size_t i = 0; i < reads.size(); ++i) {
    all[i] = &reads[i];
    lengths[i] = FirstLength(reads[i]);
  }
  ReadFully(provider, std::move(all), std::move(lengths), policy);
  // What failed its checks is read once more, past what the cache holds: a flip
  // in memory or on the way is not damage.
  List<RecordRead*> failed;
  List<uint64_t> failed_lengths;
  for (RecordRead& read : reads) {
    if (!absl::IsDataLoss(read.status)) continue;
    failed.push_back(&read);
    failed_lengths.push_back(FirstLength(read));
  }
  if (!failed.empty()) {
    ReadFully(provider, std::move(failed), std::move(failed_lengths),
              io::CachePolicy::kReadOnce);
  }
}

}  // namespace quire::kv_internal
