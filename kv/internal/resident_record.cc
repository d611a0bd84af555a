#include "kv/internal/resident_record.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/prefetch.h"
#include "io/guarded_copy.h"

namespace quire::kv_internal {
namespace {

bool Copy(const io::PeekResult& peek, std::byte* out) {
  if (peek.may_fault) return io::GuardedCopy(out, peek.data, peek.size);
  std::memcpy(out, peek.data, peek.size);
  return true;
}

// Copies [offset, offset + out.size()) from memory; false if some of it is not
// there.
bool CopyResident(io::PageProvider& provider, const io::AttachedFile& file,
                  uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const io::PeekResult peek = provider.Peek(file, offset, out.size());
    if (peek.data == nullptr || !Copy(peek, out.data())) return false;
    offset += peek.size;
    out = out.subspan(peek.size);
  }
  return true;
}

// Compares and verifies a whole record at `bytes`.
RecordMatch MatchWhole(const RecordLocation& location,
                       const RecordHeader& header, const std::byte* bytes,
                       std::string_view key, uint64_t max_sequence,
                       ResidentRecord* record) {
  if (header.sequence > max_sequence) return RecordMatch::kNoMatch;
  const std::string_view stored_key(
      reinterpret_cast<const char*>(bytes) + kRecordHeaderBytes, key.size());
  record->header = header;
  record->value = {stored_key.data() + key.size(), header.value_size};
  // Before the keys are compared: a damaged key is an error, not another key.
  if (BodyCheck(stored_key, record->value, location.place) !=
      header.body_check) {
    return RecordMatch::kNotKnown;
  }
  return stored_key == key ? RecordMatch::kMatch : RecordMatch::kNoMatch;
}

}  // namespace

std::byte* ThreadScratch() {
  thread_local const std::unique_ptr<std::byte[]> scratch(
      new std::byte[kLargestResidentBytes]);
  return scratch.get();
}

PeekedRecord PeekRecord(io::PageProvider& provider,
                        const RecordLocation& location, uint32_t size_class,
                        size_t key_size, uint64_t likely_bytes) {
  // About what the processor fetches at once; behind the first lines of a
  // longer stretch it reads ahead by itself.
  constexpr uint64_t kFetchedBytes = 1024;
  const uint64_t offset = location.place.offset;
  const uint64_t expected =
      std::min(size_class == kTombstoneClass ? RecordBytes(key_size, 0)
                                             : ClassBytes(offset, size_class),
               location.limit - offset);
  const PeekedRecord peeked = {
      .bytes = provider.Peek(*location.file, offset, expected),
      .likely_bytes = std::min(likely_bytes, expected)};
  if (peeked.bytes.data != nullptr) {
    base::PrefetchBytes(
        peeked.bytes.data,
        std::min({peeked.bytes.size, peeked.likely_bytes, kFetchedBytes}));
  }
  return peeked;
}

RecordMatch MatchPeekedRecord(io::PageProvider& provider,
                              const RecordLocation& location,
                              const PeekedRecord& peeked, std::string_view key,
                              uint64_t max_sequence, CopyRoom room,
                              ResidentRecord* record) {
  const io::PeekResult& found = peeked.bytes;
  if (found.data == nullptr || found.size < kRecordHeaderBytes) {
    return RecordMatch::kNotKnown;
  }
  const uint64_t offset = location.place.offset;
  const std::byte* bytes = found.data;
  uint64_t available = found.size;
  if (found.may_fault) {
    // As much as the record is likely to have: one copy in most cases.
    available =
        std::min(found.size,
                 std::clamp<uint64_t>(peeked.likely_bytes, kRecordHeaderBytes,
                                      kLargestResidentBytes));
    std::byte* const copy = room(available);
    if (!io::GuardedCopy(copy, found.data, available)) {
      return RecordMatch::kNotKnown;
    }
    bytes = copy;
  }
  const std::optional<RecordHeader> header =
      DecodeRecordHeader({bytes, kRecordHeaderBytes}, location.place);
  if (!header.has_value()) return RecordMatch::kNotKnown;
  if (header->key_size != key.size()) return RecordMatch::kNoMatch;
  const uint64_t size = header->RecordBytes();
  if (size > location.limit - offset) return RecordMatch::kNotKnown;
  if (size > available) {
    if (size > kLargestResidentBytes) return RecordMatch::kNotKnown;
    std::byte* const copy = room(size);
    if (!CopyResident(provider, *location.file, offset, {copy, size})) {
      return RecordMatch::kNotKnown;
    }
    bytes = copy;
  }
  return MatchWhole(location, *header, bytes, key, max_sequence, record);
}

}  // namespace quire::kv_internal
