#include "kv/internal/resident_record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/prefetch.h"
#include "io/guarded_copy.h"

namespace quire::kv_internal {
namespace {

// Records above this are left to ReadRecords: their copy costs more than what
// this path saves, and caches don't keep them.
constexpr uint64_t kLargestBytes = uint64_t{64} << 10;

std::span<std::byte> Scratch() {
  thread_local const std::unique_ptr<std::byte[]> scratch(
      new std::byte[kLargestBytes]);
  return {scratch.get(), kLargestBytes};
}

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

// Compares and verifies a whole record at `bytes`. Another key is believed only
// if it is whole: damage in the key must not make it absent.
RecordMatch MatchWhole(const RecordLocation& location,
                       const RecordHeader& header, const std::byte* bytes,
                       std::string_view key, uint64_t max_sequence,
                       ResidentRecord* record) {
  const std::byte* body = bytes + kRecordHeaderBytes;
  if (header.sequence > max_sequence) return RecordMatch::kNoMatch;
  record->header = header;
  record->value = {reinterpret_cast<const char*>(body) + key.size(),
                   header.value_size};
  const std::string_view found(reinterpret_cast<const char*>(body), key.size());
  if (BodyCheck(found, record->value, location.place) != header.body_check) {
    return RecordMatch::kNotKnown;
  }
  return found == key ? RecordMatch::kMatch : RecordMatch::kNoMatch;
}

}  // namespace

RecordMatch MatchResidentRecord(io::PageProvider& provider,
                                const RecordLocation& location,
                                uint32_t size_class, std::string_view key,
                                uint64_t max_sequence, ResidentRecord* record) {
  const uint64_t offset = location.place.offset;
  const uint64_t expected =
      std::min(size_class == kTombstoneClass ? RecordBytes(key.size(), 0)
                                             : ClassBytes(offset, size_class),
               location.limit - offset);
  const io::PeekResult peek = provider.Peek(*location.file, offset, expected);
  if (peek.data == nullptr || peek.size < kRecordHeaderBytes) {
    return RecordMatch::kNotKnown;
  }
  std::array<std::byte, kRecordHeaderBytes> copied_header;
  std::span<const std::byte> header_bytes(peek.data, kRecordHeaderBytes);
  if (peek.may_fault) {
    if (!io::GuardedCopy(copied_header.data(), peek.data, kRecordHeaderBytes)) {
      return RecordMatch::kNotKnown;
    }
    header_bytes = copied_header;
  }
  const std::optional<RecordHeader> header =
      DecodeRecordHeader(header_bytes, location.place);
  if (!header.has_value()) return RecordMatch::kNotKnown;
  if (header->key_size != key.size()) return RecordMatch::kNoMatch;
  const uint64_t size = header->RecordBytes();
  if (size > location.limit - offset) return RecordMatch::kNotKnown;
  if (!peek.may_fault && size <= peek.size) {
    record->in_page = true;
    return MatchWhole(location, *header, peek.data, key, max_sequence, record);
  }
  if (size > kLargestBytes) return RecordMatch::kNotKnown;
  const std::span<std::byte> copy = Scratch().first(size);
  if (!CopyResident(provider, *location.file, offset, copy)) {
    return RecordMatch::kNotKnown;
  }
  record->in_page = false;
  return MatchWhole(location, *header, copy.data(), key, max_sequence, record);
}

void PrefetchResidentRecord(io::PageProvider& provider,
                            const RecordLocation& location) {
  constexpr uint64_t kLineBytes = 64;
  constexpr uint64_t kPrefetchBytes = 3 * kLineBytes;
  const uint64_t offset = location.place.offset;
  const io::PeekResult peek =
      provider.Peek(*location.file, offset,
                    std::min(kPrefetchBytes, location.limit - offset));
  if (peek.data == nullptr) return;
  for (uint64_t at = 0; at < peek.size; at += kLineBytes) {
    base::PrefetchCacheLine(peek.data + at);
  }
}

}  // namespace quire::kv_internal
