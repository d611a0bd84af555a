// Constants of the on-disk format. kv/FORMAT.md is normative and explains each;
// numbers here never change: a change of format is a new version with new
// numbers beside these.
#ifndef QUIRE_KV_INTERNAL_FORMAT_H_
#define QUIRE_KV_INTERNAL_FORMAT_H_

#include <cstddef>
#include <cstdint>

namespace quire::kv_internal {

inline constexpr uint32_t kFormatVersion = 1;

// Pages: the unit that checksums of index pages and the no-straddle rule of
// small records are made for.
inline constexpr uint64_t kPageBytes = 4096;

// Everything in a log is placed at multiples of this, and addresses count in
// it.
inline constexpr uint64_t kAlignmentBytes = 8;

// A record of at most this many bytes (header included) does not straddle a
// page; no record header ever does.
inline constexpr uint64_t kNoStraddleBytes = 512;

// --- Records and groups ------------------------------------------------------
inline constexpr size_t kRecordHeaderBytes = 24;
inline constexpr size_t kGroupHeaderBytes = 72;
inline constexpr uint32_t kGroupMagic = 0x50524751;  // "QGRP"

// Bounds of a record's parts. A reader believes no size beyond them.
inline constexpr uint64_t kLargestKeyBytes = 65535;
inline constexpr uint64_t kLargestValueBytes = uint64_t{1} << 30;

enum class RecordKind : uint8_t {
  kPut = 1,
  kDelete = 2,   // tombstone; the value is empty
  kPadding = 3,  // fills the rest of a page; the key is empty, the value zeros
  kEdit = 4,     // in manifests only
};

// Sequence numbers are 56 bits; 0 means none.
inline constexpr uint64_t kMaxSequence = (uint64_t{1} << 56) - 1;

// --- Addresses ---------------------------------------------------------------
// A run-local address counts 8-byte units: the high 17 bits name a slot of 64
// MiB, the low 23 bits a place in it. A segment takes as many consecutive slots
// as its length needs.
inline constexpr int kAddressBits = 40;
inline constexpr int kSlotUnitBits = 23;
inline constexpr uint64_t kSlotBytes = uint64_t{64} << 20;
inline constexpr uint64_t kMaxSlots = uint64_t{1}
                                      << (kAddressBits - kSlotUnitBits);

// Size classes: how many pages a record touches. 1..40 are exact; above, class
// 40 + k stands for up to ceil(40 * 1.5^k) pages; kTombstoneClass says that the
// record is a tombstone (and nothing of its size).
inline constexpr uint32_t kLargestExactClass = 40;
inline constexpr uint32_t kLargestSizeClass = 62;
inline constexpr uint32_t kTombstoneClass = 63;

// --- Hash section ------------------------------------------------------------
// Pages of 64 lines of 64 bytes; line 0 is the page's header, the other 63 hold
// 8 entries of 8 bytes each. Entry: tag 17 bits [63:47] | overflowed mark [46]
// (of the line, in its entry 0) | size class 6 [45:40] | address 40. All zero =
// empty.
inline constexpr size_t kHashLineBytes = 64;
inline constexpr size_t kEntriesPerLine = 8;
inline constexpr size_t kLinesPerHashPage = 63;
inline constexpr double kHashLoad = 0.80;

// --- Sorted section ----------------------------------------------------------
inline constexpr uint64_t kSortedBlockBytes = 8192;

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_FORMAT_H_
