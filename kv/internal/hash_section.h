// The hash section of a table: for each entry 8 bytes, found by the hash of the
// key. kv/FORMAT.md, "Table files", is normative.
//
//   section = page[]           4096 bytes each
//   page    = header line, 63 lines
//   line    = 8 entries        64 bytes, one cache line
//   entry   = tag 17 | overflowed 1 | size class 6 | address 40
//
// A key's entries stand from its home line on in the first free places,
// newest version first; behind the last line of a page comes the first of the
// next, behind the last page the first one. Lines fill from entry 0, nothing is
// ever taken out: the first empty entry of a line ends it. A line that a key
// had to pass because it was full is marked "overflowed" in its entry 0; a
// probe ends at the first line without that mark.
#ifndef QUIRE_KV_INTERNAL_HASH_SECTION_H_
#define QUIRE_KV_INTERNAL_HASH_SECTION_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"

namespace quire::kv_internal {

// What errors call a page.
inline constexpr std::string_view kHashPageKind = "hash page";

inline constexpr int kHashTagShift = 47;
inline constexpr uint64_t kHashTagMask = (uint64_t{1} << 17) - 1;
inline constexpr uint64_t kHashOverflowed = uint64_t{1} << 46;
inline constexpr uint64_t kHashEntriesPerPage =
    kLinesPerHashPage * kEntriesPerLine;

// Pages of the section of a table with this many entries.
constexpr uint64_t HashPageCount(uint64_t entry_count) {
  const auto per_page =
      static_cast<uint64_t>(kHashLoad * double{kHashEntriesPerPage});
  return (entry_count + per_page - 1) / per_page;
}

// Tag 0 is never used, so that no entry's tag equals that of an empty place.
constexpr uint64_t HashTag(uint64_t hash) {
  const uint64_t tag = hash & kHashTagMask;
  return tag + (tag == 0);
}

constexpr uint64_t PackHashEntry(uint64_t hash, uint32_t size_class,
                                 uint64_t address) {
  return HashTag(hash) << kHashTagShift | uint64_t{size_class} << kAddressBits |
         address;
}

constexpr uint64_t HashEntryAddress(uint64_t entry) {
  return entry & ((uint64_t{1} << kAddressBits) - 1);
}
constexpr uint32_t HashEntryClass(uint64_t entry) {
  return static_cast<uint32_t>(entry >> kAddressBits) & 63;
}

// Offset in the section of the line where entries of `hash` begin: the lines,
// taken as one row, in proportion to the hash's place among all 64-bit numbers.
// REQUIRES: page_count > 0.
inline uint64_t HashHomeLine(uint64_t hash, uint64_t page_count) {
  // The high half of the product is the page, the low half the place in it.
  const absl::uint128 place = absl::uint128(hash) * page_count;
  const absl::uint128 line =
      absl::uint128(absl::Uint128Low64(place)) * kLinesPerHashPage;
  return absl::Uint128High64(place) * kPageBytes +
         (absl::Uint128High64(line) + 1) * kHashLineBytes;
}

// The same line by its number in the ring, page headers not counted.
inline uint64_t HashHomeIndex(uint64_t hash, uint64_t page_count) {
  return absl::Uint128High64(absl::uint128(hash) *
                             (page_count * kLinesPerHashPage));
}

// The line behind the one at offset `line` of a section of `section_bytes`.
inline uint64_t NextHashLine(uint64_t line, uint64_t section_bytes) {
  line += kHashLineBytes;
  if (line % kPageBytes == 0) {
    if (line == section_bytes) line = 0;
    line += kHashLineBytes;  // over the page's header line
  }
  return line;
}

inline uint64_t LoadHashEntry(const std::byte* line, size_t index) {
  return LoadLittleEndian<uint64_t>(line + index * sizeof(uint64_t));
}

inline bool HashLineOverflowed(const std::byte* line) {
  return (LoadHashEntry(line, 0) & kHashOverflowed) != 0;
}

// Bit i is set if entry i of the line has the tag of `hash`.
inline uint32_t MatchHashLine(const std::byte* line, uint64_t tag) {
#if defined(__SSE2__)
  // A tag is the top 17 bits of an entry's high half: gather four high halves
  // at a time.
  const auto* in = reinterpret_cast<const float*>(line);
  const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
  const auto match = [&](const float* four) {
    const __m128i high = _mm_castps_si128(
        _mm_shuffle_ps(_mm_loadu_ps(four), _mm_loadu_ps(four + 4), 0xDD));
    return _mm_cmpeq_epi32(_mm_srli_epi32(high, kHashTagShift - 32), wanted);
  };
  const __m128i words = _mm_packs_epi32(match(in), match(in + 8));
  return static_cast<uint32_t>(
      _mm_movemask_epi8(_mm_packs_epi16(words, _mm_setzero_si128())));
#else
  uint32_t matches = 0;
  for (size_t i = 0; i < kEntriesPerLine; ++i) {
    const bool match = LoadHashEntry(line, i) >> kHashTagShift == tag;
    matches |= uint32_t{match} << i;
  }
  return matches;
#endif
}

// Memory for a whole section, all empty. ResourceExhausted if there is none.
// REQUIRES: section_bytes > 0.
absl::StatusOr<cache::HugeBuffer> NewHashImage(uint64_t section_bytes);

// Puts an entry into a line of a section that is being built. Returns false if
// the line is full, and marks it: the entry goes to the next line.
inline bool PutIntoHashLine(std::byte* line, uint64_t entry) {
  for (size_t i = 0; i < kEntriesPerLine; ++i) {
    if (LoadHashEntry(line, i) == 0) {
      StoreLittleEndian(entry, line + i * sizeof(entry));
      return true;
    }
  }
  StoreLittleEndian(LoadHashEntry(line, 0) | kHashOverflowed, line);
  return false;
}

// Puts an entry into the section that is being built at `section`.
// REQUIRES: the section has a free place.
void InsertHashEntry(std::byte* section, uint64_t page_count, uint64_t hash,
                     uint64_t entry);

// Writes the header line of page `page_index`, which stands at `offset` in the
// file of the table `table_id`: nothing in the page may change afterwards.
void SealHashPage(std::byte* page, uint64_t page_index, uint64_t table_id,
                  uint64_t offset);

// The checksum that a hash page has, and the one that it should have.
struct HashPageCheck {
  uint64_t stored = 0;
  uint64_t computed = 0;
  bool ok() const { return stored == computed; }
};
HashPageCheck CheckHashPage(const std::byte* page, uint64_t table_id,
                            uint64_t offset);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_HASH_SECTION_H_
