#include "kv/internal/record_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kv/internal/second_reading.h"

namespace quire::kv_internal {
namespace {

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
  }
  return std::min(bytes, read.location.limit - offset);
}

// One pass of ReadRecords over `reads` whose extents are `lengths` bytes long.
// Afterwards lengths[i] is 0 for a record that is done (read or failed), or how
// many bytes it needs.
void ReadOnce(io::PageProvider& provider, std::span<RecordRead*> reads,
              std::vector<uint64_t>& lengths, io::CachePolicy policy) {
  std::vector<io::ReadRequest> requests(reads.size());
  for (size_t i = 0; i < reads.size(); ++i) {
    const RecordLocation& location = reads[i]->location;
    requests[i].extent = {location.file, location.place.offset, lengths[i]};
  }
  provider.Read(requests, policy);
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
      // More than its entry said, where its header says so.
      read.record_bytes = std::max(read.record_bytes, needed);
      if (absl::IsOutOfRange(read.status)) lengths[i] = needed;
    }
  }
}

// Reads until no record needs more bytes: once, or twice where an entry
// promised too few.
void ReadFully(io::PageProvider& provider, std::vector<RecordRead*> reads,
               std::vector<uint64_t> lengths, io::CachePolicy policy) {
  while (!reads.empty()) {
    ReadOnce(provider, reads, lengths, policy);
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

// Reads what failed its checks once more, past what memory holds: a flip there,
// or on the way, is not damage.
void ReadFailedAgain(io::PageProvider& provider, std::span<RecordRead> reads) {
  std::vector<RecordRead*> failed;
  std::vector<uint64_t> lengths;
  for (RecordRead& read : reads) {
    if (!absl::IsDataLoss(read.status)) continue;
    failed.push_back(&read);
    lengths.push_back(FirstLength(read));
    ForgetExtent(provider, {read.location.file, read.location.place.offset,
                            lengths.back()});
  }
  if (failed.empty()) return;
  ReadFully(provider, failed, std::move(lengths), io::CachePolicy::kReadOnce);
  for (RecordRead* read : failed) {
    read->status = SecondVerdict(provider, std::move(read->status));
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
  std::vector<RecordRead*> all(reads.size());
  std::vector<uint64_t> lengths(reads.size());
  for (size_t i = 0; i < reads.size(); ++i) {
    all[i] = &reads[i];
    lengths[i] = FirstLength(reads[i]);
  }
  ReadFully(provider, std::move(all), std::move(lengths), policy);
  ReadFailedAgain(provider, reads);
}

}  // namespace quire::kv_internal
