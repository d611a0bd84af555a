// Records: how one put or delete is laid out in a log, and how it is read back
// and verified.
//
//   0  u32 header check   low 32 bits of XXH3(bytes 4..24, seed)
//   4  u32 body check     bits 0..31
//   8  u16 body check     bits 32..47
//  10  u16 key size
//  12  u32 value size
//  16  u64 sequence number << 8 | kind
//  24  key, value, zeros to a multiple of 8
//
// The seed is made of the log file's random id and the record's offset, so a
// stale, misplaced or swapped record, or one forged inside a value, does not
// pass. The body check chains: XXH3(value, seed = XXH3(key, seed)), low 48
// bits, so that key and value can be verified where they lie, also apart from
// each other.
//
// Nothing here allocates, and all of it is thread-safe.
#ifndef QUIRE_KV_INTERNAL_RECORD_H_
#define QUIRE_KV_INTERNAL_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kv/internal/format.h"

namespace quire::kv_internal {

// Where a record stands: what its checks are seeded with.
struct RecordPlace {
  uint64_t file_id = 0;  // the log file's random id
  uint64_t offset =
      0;  // of the record's header, in bytes from the file's start

  // Seed of the header's check and of the key's part of the body check.
  uint64_t Seed() const {
    return (file_id ^ (offset * 0x9E3779B97F4A7C15u)) + offset;
  }
};

// Bytes that a record of these sizes takes, padding to 8 included.
constexpr uint64_t RecordBytes(uint64_t key_size, uint64_t value_size) {
  return (kRecordHeaderBytes + key_size + value_size + 7) & ~uint64_t{7};
}

struct RecordHeader {
  uint64_t body_check = 0;  // 48 bits
  uint64_t sequence = 0;    // 0 for padding and edits only
  RecordKind kind = RecordKind::kPut;
  uint32_t key_size = 0;
  uint32_t value_size = 0;

  // Header, key, value and the zeros behind them, in bytes; a multiple of 8.
  uint64_t RecordBytes() const {
    return kv_internal::RecordBytes(key_size, value_size);
  }
};

// Where a record of `record_bytes` must start if the log ends at `offset` (a
// multiple of 8): `offset` itself, or the next page if the record's header, or
// a record of at most kNoStraddleBytes, would straddle a page otherwise.
constexpr uint64_t PlaceRecord(uint64_t offset, uint64_t record_bytes) {
  const uint64_t left = kPageBytes - offset % kPageBytes;
  const bool straddles = record_bytes > left;
  if (left < kRecordHeaderBytes ||
      (straddles && record_bytes <= kNoStraddleBytes)) {
    return offset + left;
  }
  return offset;
}

// Decodes and verifies a header. Nothing if the check, the kind or the limits
// fail. Does not look at the body. REQUIRES: bytes.size() >=
// kRecordHeaderBytes.
std::optional<RecordHeader> DecodeRecordHeader(std::span<const std::byte> bytes,
                                               const RecordPlace& place);

// The 48-bit body check of key and value standing at `place`.
uint64_t BodyCheck(std::string_view key, std::string_view value,
                   const RecordPlace& place);

// Whether `bytes`, which stand at `place`, are the record of a put of `key`
// with this sequence number and value size, its key and value undamaged.
// Everything in the header is compared or covered by the body check, so the
// header's own check, which vouches for sizes, is not looked at. REQUIRES:
// bytes.size() == RecordBytes(key.size(), value_size).
bool IsPutRecord(std::span<const std::byte> bytes, const RecordPlace& place,
                 uint64_t sequence, std::string_view key, uint32_t value_size);

// Writes header, key, value and trailing zeros to `out`, which has
// RecordBytes(key.size(), value.size()) bytes. REQUIRES: sizes within the
// limits; a sequence number from 1 to kMaxSequence, or 0 for an edit; no value
// in a delete.
void EncodeRecord(const RecordPlace& place, uint64_t sequence, RecordKind kind,
                  std::string_view key, std::string_view value, std::byte* out);

// Fills [from, to) of the log image at `out` (its byte 0 is log offset `from`)
// so that readers skip it: zeros if fewer than kRecordHeaderBytes, otherwise a
// padding record. REQUIRES: multiples of 8, `to` at the end of the page of
// `from`.
void EncodePadding(uint64_t file_id, uint64_t from, uint64_t to,
                   std::byte* out);

// The size class of a record that touches more than kLargestExactClass pages.
uint32_t InexactSizeClass(uint64_t pages);

// The size class of a record of `record_bytes` at `offset`: the smallest that
// covers all pages that it touches.
inline uint32_t SizeClass(uint64_t offset, uint64_t record_bytes) {
  const uint64_t pages =
      (offset % kPageBytes + record_bytes + kPageBytes - 1) / kPageBytes;
  if (pages <= kLargestExactClass) return static_cast<uint32_t>(pages);
  return InexactSizeClass(pages);
}

// The largest number of bytes from the record's start that a reader of that
// class has to read: up to the end of the last page that the class allows. For
// kTombstoneClass, which says nothing of the size, and 0, which no record has:
// up to the end of the first page.
uint64_t ClassBytes(uint64_t offset, uint32_t size_class);

// A run-local address (format.h).
constexpr uint64_t MakeAddress(uint64_t slot, uint64_t offset_in_slot) {
  return slot << kSlotUnitBits | offset_in_slot / kAlignmentBytes;
}
constexpr uint64_t AddressSlot(uint64_t address) {
  return address >> kSlotUnitBits;
}
constexpr uint64_t AddressOffsetInSlot(uint64_t address) {
  return (address & ((uint64_t{1} << kSlotUnitBits) - 1)) * kAlignmentBytes;
}

// What a table's entries say of a record: where it is, and enough to know its
// size. The key is beside it.
struct RecordRef {
  uint64_t address = 0;  // run-local
  bool tombstone = false;
  uint32_t value_size = 0;  // of a tombstone 0

  uint64_t RecordBytes(uint64_t key_size) const {
    return kv_internal::RecordBytes(key_size, value_size);
  }
  // The size class in the hash section. Slots begin with a page, so the address
  // tells where in its page the record begins.
  uint32_t Class(uint64_t key_size) const {
    return tombstone
               ? kTombstoneClass
               : SizeClass(AddressOffsetInSlot(address), RecordBytes(key_size));
  }
  friend bool operator==(const RecordRef&, const RecordRef&) = default;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RECORD_H_
