#include "kv/internal/record.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "kv/internal/checksum.h"
#include "kv/internal/key_bytes.h"
#include "kv/internal/little_endian.h"

namespace quire::kv_internal {
namespace {

// Offsets of the fields in a header.
constexpr size_t kBodyCheckLowAt = 4;
constexpr size_t kBodyCheckHighAt = 8;
constexpr size_t kKeySizeAt = 10;
constexpr size_t kValueSizeAt = 12;
constexpr size_t kSequenceAndKindAt = 16;
static_assert(kSequenceAndKindAt + sizeof(uint64_t) == kRecordHeaderBytes);

constexpr uint64_t kBodyCheckMask = (uint64_t{1} << 48) - 1;

// Low 32 bits of the checksum of the header behind the check itself.
uint32_t HeaderCheck(const std::byte* header, uint64_t seed) {
  return static_cast<uint32_t>(Checksum(
      {header + kBodyCheckLowAt, kRecordHeaderBytes - kBodyCheckLowAt}, seed));
}

// Whether a writer may have written such a header. Also what EncodeRecord asks
// of its arguments.
bool IsWellFormed(const RecordHeader& header) {
  if (header.key_size > kLargestKeyBytes ||
      header.value_size > kLargestValueBytes ||
      header.sequence > kMaxSequence) {
    return false;
  }
  switch (header.kind) {
    case RecordKind::kPut:
      return header.sequence > 0;
    case RecordKind::kDelete:
      return header.sequence > 0 && header.value_size == 0;
    case RecordKind::kPadding:
      return header.sequence == 0 && header.key_size == 0 &&
             header.value_size < kPageBytes;
    case RecordKind::kEdit:
      return header.sequence == 0;
  }
  return false;
}

// Writes the header with its check.
void StoreHeader(const RecordHeader& header, uint64_t seed, std::byte* out) {
  QUIRE_CHECK(IsWellFormed(header));
  StoreLittleEndian(static_cast<uint32_t>(header.body_check),
                    out + kBodyCheckLowAt);
  StoreLittleEndian(static_cast<uint16_t>(header.body_check >> 32),
                    out + kBodyCheckHighAt);
  StoreLittleEndian(static_cast<uint16_t>(header.key_size), out + kKeySizeAt);
  StoreLittleEndian(header.value_size, out + kValueSizeAt);
  StoreLittleEndian(header.sequence << 8 | static_cast<uint64_t>(header.kind),
                    out + kSequenceAndKindAt);
  StoreLittleEndian(HeaderCheck(out, seed), out);
}

// Largest numbers of pages of the classes above the exact ones: [k - 1] is
// ceil(40 * 1.5^k).
constexpr auto kClassPages = [] {
  std::array<uint64_t, kLargestSizeClass - kLargestExactClass> pages{};
  uint64_t numerator = kLargestExactClass;  // 40 * 3^k
  uint64_t denominator = 1;                 // 2^k
  for (uint64_t& limit : pages) {
    numerator *= 3;
    denominator *= 2;
    limit = (numerator + denominator - 1) / denominator;
  }
  return pages;
}();
// The largest record, wherever it starts, has a class.
static_assert(kClassPages.back() * kPageBytes >=
              RecordBytes(kLargestKeyBytes, kLargestValueBytes) + kPageBytes);

}  // namespace

std::optional<RecordHeader> DecodeRecordHeader(std::span<const std::byte> bytes,
                                               const RecordPlace& place) {
  QUIRE_DCHECK(bytes.size() >= kRecordHeaderBytes);
  const std::byte* const from = bytes.data();
  if (LoadLittleEndian<uint32_t>(from) != HeaderCheck(from, place.Seed())) {
    return std::nullopt;
  }
  const auto sequence_and_kind =
      LoadLittleEndian<uint64_t>(from + kSequenceAndKindAt);
  RecordHeader header;
  header.body_check =
      LoadLittleEndian<uint32_t>(from + kBodyCheckLowAt) |
      uint64_t{LoadLittleEndian<uint16_t>(from + kBodyCheckHighAt)} << 32;
  header.sequence = sequence_and_kind >> 8;
  header.kind = static_cast<RecordKind>(sequence_and_kind & 0xff);
  header.key_size = LoadLittleEndian<uint16_t>(from + kKeySizeAt);
  header.value_size = LoadLittleEndian<uint32_t>(from + kValueSizeAt);
  if (!IsWellFormed(header)) return std::nullopt;
  return header;
}

uint64_t BodyCheck(std::string_view key, std::string_view value,
                   const RecordPlace& place) {
  return Checksum(value, Checksum(key, place.Seed())) & kBodyCheckMask;
}

// All of the checksum's code here: most records are short, and then the calls
// and what they find out of sizes cost as much as the sums.
[[gnu::flatten]] bool IsPutRecord(std::span<const std::byte> bytes,
                                  const RecordPlace& place, uint64_t sequence,
                                  std::string_view key, uint32_t value_size) {
  QUIRE_DCHECK(bytes.size() == RecordBytes(key.size(), value_size));
  const std::byte* const from = bytes.data();
  const char* const body =
      reinterpret_cast<const char*>(from + kRecordHeaderBytes);
  const uint64_t body_check =
      LoadLittleEndian<uint32_t>(from + kBodyCheckLowAt) |
      uint64_t{LoadLittleEndian<uint16_t>(from + kBodyCheckHighAt)} << 32;
  return LoadLittleEndian<uint64_t>(from + kSequenceAndKindAt) ==
             (sequence << 8 | static_cast<uint64_t>(RecordKind::kPut)) &&
         LoadLittleEndian<uint16_t>(from + kKeySizeAt) == key.size() &&
         LoadLittleEndian<uint32_t>(from + kValueSizeAt) == value_size &&
         EqualKeys({body, key.size()}, key) &&
         (Checksum(std::string_view(body + key.size(), value_size),
                   Checksum(key, place.Seed())) &
          kBodyCheckMask) == body_check;
}

void EncodeRecord(const RecordPlace& place, uint64_t sequence, RecordKind kind,
                  std::string_view key, std::string_view value,
                  std::byte* out) {
  // Before the sizes are narrowed.
  QUIRE_CHECK(key.size() <= kLargestKeyBytes);
  QUIRE_CHECK(value.size() <= kLargestValueBytes);
  const RecordHeader header = {
      .body_check = BodyCheck(key, value, place),
      .sequence = sequence,
      .kind = kind,
      .key_size = static_cast<uint32_t>(key.size()),
      .value_size = static_cast<uint32_t>(value.size())};
  StoreHeader(header, place.Seed(), out);
  std::byte* to = out + kRecordHeaderBytes;
  // An empty view may have no data pointer, which memcpy doesn't take.
  if (!key.empty()) std::memcpy(to, key.data(), key.size());
  to += key.size();
  if (!value.empty()) std::memcpy(to, value.data(), value.size());
  to += value.size();
  std::fill(to, out + header.RecordBytes(), std::byte{0});
}

void EncodePadding(uint64_t file_id, uint64_t from, uint64_t to,
                   std::byte* out) {
  QUIRE_CHECK(from % kAlignmentBytes == 0);
  QUIRE_CHECK(to % kPageBytes == 0 && from < to && to - from < kPageBytes);
  const uint64_t bytes = to - from;
  std::fill(out, out + bytes, std::byte{0});
  if (bytes < kRecordHeaderBytes) return;
  const std::string_view zeros(
      reinterpret_cast<const char*>(out + kRecordHeaderBytes),
      bytes - kRecordHeaderBytes);
  const RecordPlace place = {file_id, from};
  StoreHeader({.body_check = BodyCheck("", zeros, place),
               .kind = RecordKind::kPadding,
               .value_size = static_cast<uint32_t>(zeros.size())},
              place.Seed(), out);
}

uint32_t InexactSizeClass(uint64_t pages) {
  const auto* const limit =
      std::lower_bound(kClassPages.begin(), kClassPages.end(), pages);
  QUIRE_CHECK(limit != kClassPages.end());
  return kLargestExactClass + 1 +
         static_cast<uint32_t>(limit - kClassPages.begin());
}

uint64_t ClassBytes(uint64_t offset, uint32_t size_class) {
  uint64_t pages = size_class;
  if (size_class == 0 || size_class > kLargestSizeClass) {
    pages = 1;
  } else if (size_class > kLargestExactClass) {
    pages = kClassPages[size_class - kLargestExactClass - 1];
  }
  return pages * kPageBytes - offset % kPageBytes;
}

}  // namespace quire::kv_internal
