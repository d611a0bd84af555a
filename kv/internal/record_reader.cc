#include "kv/internal/record_reader.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "kv/internal/second_reading.h"

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

RecordFetch::RecordFetch(RecordRead read)
    : read_(std::move(read)), length_(FirstLength(read_)) {}

void RecordFetch::Supply(io::PageProvider& provider, io::ReadRequest request) {
  read_.status = std::move(request.status);
  if (read_.status.ok()) {
    uint64_t needed = 0;
    absl::StatusOr<ParsedRecord> record =
        ParseRecord(read_.location, request.pin.bytes(), &needed);
    if (record.ok()) {
      read_.record = *record;
      read_.pin = std::move(request.pin);
    } else if (absl::IsOutOfRange(record.status())) {
      length_ = needed;
      return;
    } else {
      read_.status = record.status();
      // More than its entry said, where its header says so.
      read_.record_bytes = std::max(read_.record_bytes, needed);
    }
  }
  if (past_cache_) {
    read_.status = SecondVerdict(provider, std::move(read_.status));
  } else if (absl::IsDataLoss(read_.status)) {
    ForgetExtent(provider, extent());
    past_cache_ = true;
    length_ = FirstLength(read_);
    return;
  }
  done_ = true;
}

void ReadRecords(io::PageProvider& provider, std::span<RecordRead> reads,
                 io::CachePolicy policy) {
  List<RecordFetch> fetches;
  fetches.reserve(reads.size());
  for (RecordRead& read : reads) fetches.emplace_back(std::move(read));
  List<RecordFetch*> pending;
  pending.reserve(reads.size());
  for (RecordFetch& fetch : fetches) pending.push_back(&fetch);
  while (!pending.empty()) {
    ReadFor(provider,
            std::span<RecordFetch* const>(pending.data(), pending.size()),
            policy);
    pending.erase(
        std::remove_if(pending.begin(), pending.end(),
                       [](const RecordFetch* f) { return f->done(); }),
        pending.end());
  }
  for (size_t i = 0; i < reads.size(); ++i) {
    reads[i] = std::move(fetches[i]).read();
  }
}

}  // namespace quire::kv_internal
