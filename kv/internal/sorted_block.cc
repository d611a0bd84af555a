#include "kv/internal/sorted_block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/check.h"
#include "kv/internal/format.h"
#include "kv/internal/key_bytes.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/record.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {
namespace {

constexpr size_t kCheckBytes = sizeof(uint64_t);
constexpr size_t kEntryCountAt = 8;
constexpr size_t kRestartCountAt = 10;
constexpr size_t kUnitCountAt = 12;
constexpr size_t kRestartBytes = sizeof(uint16_t);
constexpr size_t kAddressBytes = 5;
static_assert(kAddressBits == 8 * kAddressBytes);

// Enough for a group of keys of common sizes.
constexpr size_t kInitialKeyBytes = 1024;

// Varints: 7 bits a byte, lowest first, the top bit set in all but the last.
constexpr size_t VarintBytes(uint64_t number) {
  return (static_cast<size_t>(std::bit_width(number | 1)) + 6) / 7;
}

std::byte* PutVarint(uint64_t number, std::byte* to) {
  for (; number >= 0x80; number >>= 7) {
    *to++ = static_cast<std::byte>(number | 0x80);
  }
  *to++ = static_cast<std::byte>(number);
  return to;
}

// Reads a varint of at most `limit` - `from` bytes; nullptr if it doesn't end
// there or in 64 bits.
const std::byte* GetVarint(const std::byte* from, const std::byte* limit,
                           uint64_t* number) {
  uint64_t result = 0;
  for (int shift = 0; shift < 64 && from < limit; shift += 7) {
    const auto part = static_cast<uint64_t>(*from++);
    result |= (part & 0x7f) << shift;
    if (part < 0x80) {
      *number = result;
      return from;
    }
  }
  return nullptr;
}

// As GetVarint, for those of up to 8 bytes in front of at least 8 bytes that
// may be read; no branch depends on their length.
[[gnu::always_inline]] inline const std::byte* GetShortVarint(
    const std::byte* from, uint64_t* number) {
  uint64_t word = LoadLittleEndian<uint64_t>(from);
  const uint64_t stops = ~word & 0x8080808080808080;
  if (stops == 0) return nullptr;
  // Up to the first byte without its top bit; then 7 bits, 14, 28 put together.
  word &= (stops ^ (stops - 1)) & 0x7f7f7f7f7f7f7f7f;
  word = (word & 0x7f007f007f007f00) >> 1 | (word & 0x007f007f007f007f);
  word = (word & 0x3fff00003fff0000) >> 2 | (word & 0x00003fff00003fff);
  *number = (word & 0x0fffffff00000000) >> 4 | (word & 0x000000000fffffff);
  return from + std::countr_zero(stops) / 8 + 1;
}

// Copies `size` bytes by whole chunks: up to kChunkBytes behind them are read,
// and written with something. Most parts of keys are one chunk, and a call of
// memcpy costs more than that.
constexpr size_t kChunkBytes = 16;
void CopyChunks(const char* from, size_t size, char* to) {
  for (size_t at = 0; at < size; at += kChunkBytes) {
    // Through a register, as the chunks may overlap.
    std::array<char, kChunkBytes> chunk;
    std::memcpy(chunk.data(), from + at, kChunkBytes);
    std::memcpy(to + at, chunk.data(), kChunkBytes);
  }
}

}  // namespace

SortedBlockBuilder::SortedBlockBuilder() { Reset(); }

void SortedBlockBuilder::Reset() {
  block_.assign(kSortedBlockBytes, std::byte{0});
  end_ = kSortedBlockHeaderBytes;
  entry_count_ = 0;
  restarts_.clear();
}

bool SortedBlockBuilder::Add(std::string_view key, size_t shared,
                             uint64_t sequence_offset,
                             const RecordRef& record) {
  QUIRE_DCHECK(key.size() <= kMaxKeyBytes && shared <= key.size());
  QUIRE_DCHECK(record.value_size <= kLargestValueBytes &&
               record.address >> kAddressBits == 0);
  const bool restart = entry_count_ % kRestartInterval == 0;
  if (restart) shared = 0;
  const size_t rest = key.size() - shared;
  const uint64_t value_code =
      record.tombstone ? 0 : uint64_t{record.value_size} + 1;
  const size_t end = end_ + VarintBytes(shared) + VarintBytes(rest) + rest +
                     VarintBytes(sequence_offset) + VarintBytes(value_code) +
                     kAddressBytes;
  const size_t needed = end + (restarts_.size() + restart) * kRestartBytes;
  if (empty()) {
    if (needed > block_.size()) {
      const size_t units = (needed + kSortedBlockBytes - 1) / kSortedBlockBytes;
      block_.resize(units * kSortedBlockBytes);
    }
  } else if (needed > block_.size() ||
             (restart && block_.size() > kSortedBlockBytes)) {
    return false;
  }
  if (restart) restarts_.push_back(static_cast<uint16_t>(end_));
  std::byte* to = PutVarint(shared, block_.data() + end_);
  to = PutVarint(rest, to);
  // An empty key may have no pointer at all.
  if (rest > 0) std::memcpy(to, key.data() + shared, rest);
  to = PutVarint(sequence_offset, to + rest);
  to = PutVarint(value_code, to);
  StoreLittleEndian(static_cast<uint32_t>(record.address), to);
  to[4] = static_cast<std::byte>(record.address >> 32);
  end_ = end;
  ++entry_count_;
  return true;
}

std::span<const std::byte> SortedBlockBuilder::Finish(uint64_t table_id,
                                                      uint64_t offset) {
  std::byte* block = block_.data();
  StoreLittleEndian(static_cast<uint16_t>(entry_count_), block + kEntryCountAt);
  StoreLittleEndian(static_cast<uint16_t>(restarts_.size()),
                    block + kRestartCountAt);
  StoreLittleEndian(static_cast<uint16_t>(block_.size() / kSortedBlockBytes),
                    block + kUnitCountAt);
  const size_t restart_bytes = restarts_.size() * kRestartBytes;
  std::memcpy(block + block_.size() - restart_bytes, restarts_.data(),
              restart_bytes);
  StoreLittleEndian(CheckSortedBlock(block_, table_id, offset).computed, block);
  return block_;
}

uint64_t SortedBlockLength(std::span<const std::byte> bytes) {
  const uint64_t units =
      LoadLittleEndian<uint16_t>(bytes.data() + kUnitCountAt);
  return std::clamp<uint64_t>(units, 1, kMaxUnitsPerBlock) * kSortedBlockBytes;
}

SortedBlockCheck CheckSortedBlock(std::span<const std::byte> block,
                                  uint64_t table_id, uint64_t offset) {
  return {.stored = LoadLittleEndian<uint64_t>(block.data()),
          .computed = TableCheck(block.subspan(kCheckBytes), table_id, offset)};
}

bool SortedBlock::Init(std::span<const std::byte> block) {
  const std::byte* data = block.data();
  const auto entry_count = LoadLittleEndian<uint16_t>(data + kEntryCountAt);
  const auto restart_count = LoadLittleEndian<uint16_t>(data + kRestartCountAt);
  const auto unit_count = LoadLittleEndian<uint16_t>(data + kUnitCountAt);
  if (entry_count == 0 || unit_count * kSortedBlockBytes != block.size() ||
      restart_count !=
          (entry_count + kRestartInterval - 1) / kRestartInterval) {
    return false;
  }
  const size_t restart_bytes = restart_count * kRestartBytes;
  if (kSortedBlockHeaderBytes + restart_bytes > block.size()) return false;
  block_ = block;
  entry_count_ = entry_count;
  group_count_ = restart_count;
  restarts_ = data + block.size() - restart_bytes;
  return true;
}

size_t SortedBlock::GroupSize(size_t group) const {
  return std::min(kRestartInterval, entry_count_ - group * kRestartInterval);
}

bool SortedBlock::GroupBytes(size_t group,
                             std::span<const std::byte>* bytes) const {
  const auto restart = [&](size_t index) -> size_t {
    return LoadLittleEndian<uint16_t>(restarts_ + index * kRestartBytes);
  };
  const size_t entries_end = static_cast<size_t>(restarts_ - block_.data());
  const size_t begin = restart(group);
  const size_t end =
      group + 1 < group_count_ ? restart(group + 1) : entries_end;
  if (begin < kSortedBlockHeaderBytes || begin >= end || end > entries_end) {
    return false;
  }
  *bytes = block_.subspan(begin, end - begin);
  return true;
}

bool SortedBlock::FirstKey(size_t group, std::string_view* key) const {
  std::span<const std::byte> bytes;
  if (!GroupBytes(group, &bytes)) return false;
  const std::byte* limit = bytes.data() + bytes.size();
  uint64_t shared = 0;
  uint64_t rest = 0;
  const std::byte* at = GetVarint(bytes.data(), limit, &shared);
  if (at == nullptr || shared != 0) return false;
  at = GetVarint(at, limit, &rest);
  if (at == nullptr || rest > static_cast<uint64_t>(limit - at)) return false;
  *key = {reinterpret_cast<const char*>(at), rest};
  return true;
}

namespace {

// An entry as it stands in the block.
struct RawEntry {
  uint64_t shared;
  uint64_t rest;
  const std::byte* rest_begin;
  bool rest_in_chunks;  // whether CopyChunks may read it
  uint64_t sequence_offset;
  uint64_t value_code;
  uint64_t address;
};

// Both give the place behind the entry, or nullptr.
//
// The first is for entries that have sizes of one byte, numbers of up to 8, and
// room behind them in which nothing happens to be read: nearly all. It may look
// beyond the end of the group, but not of the block.
[[gnu::always_inline]] inline const std::byte* GetShortEntry(
    const std::byte* at, const std::byte* block_end, RawEntry* entry) {
  constexpr uint64_t kMaxSize = 0x7f;
  constexpr size_t kLeastBytes = 2 + 3 * sizeof(uint64_t) + kChunkBytes;
  const auto readable = static_cast<size_t>(block_end - at);
  if (readable < kLeastBytes) return nullptr;
  entry->shared = static_cast<uint64_t>(at[0]);
  entry->rest = static_cast<uint64_t>(at[1]);
  if ((entry->shared | entry->rest) > kMaxSize ||
      readable < kLeastBytes + entry->rest) {
    return nullptr;
  }
  entry->rest_begin = at + 2;
  entry->rest_in_chunks = true;
  at = GetShortVarint(entry->rest_begin + entry->rest, &entry->sequence_offset);
  if (at == nullptr) return nullptr;
  at = GetShortVarint(at, &entry->value_code);
  if (at == nullptr) return nullptr;
  entry->address =
      LoadLittleEndian<uint64_t>(at) & ((uint64_t{1} << kAddressBits) - 1);
  return at + kAddressBytes;
}

const std::byte* GetEntry(const std::byte* at, const std::byte* limit,
                          RawEntry* entry) {
  at = GetVarint(at, limit, &entry->shared);
  if (at == nullptr) return nullptr;
  at = GetVarint(at, limit, &entry->rest);
  if (at == nullptr || entry->rest > static_cast<uint64_t>(limit - at)) {
    return nullptr;
  }
  entry->rest_begin = at;
  entry->rest_in_chunks = false;
  at = GetVarint(at + entry->rest, limit, &entry->sequence_offset);
  if (at == nullptr) return nullptr;
  at = GetVarint(at, limit, &entry->value_code);
  if (at == nullptr || limit - at < ptrdiff_t{kAddressBytes}) return nullptr;
  entry->address = LoadLittleEndian<uint32_t>(at) | static_cast<uint64_t>(at[4])
                                                        << 32;
  return at + kAddressBytes;
}

// Whether an entry may follow another, of which its key has the first `shared`
// bytes: a greater key, or an older version of the same.
[[gnu::always_inline]] inline bool Ascends(std::string_view previous,
                                           uint64_t shared,
                                           uint64_t previous_sequence,
                                           std::string_view key,
                                           uint64_t sequence) {
  // The first byte that differs, where a writer shared all that it could.
  if (shared < previous.size() && shared < key.size() &&
      previous[shared] != key[shared]) {
    return static_cast<unsigned char>(previous[shared]) <
           static_cast<unsigned char>(key[shared]);
  }
  const int order = CompareKeys(previous, key);
  return order < 0 || (order == 0 && previous_sequence > sequence);
}

}  // namespace

SortedGroup::SortedGroup() : keys_(kInitialKeyBytes) {}

bool SortedGroup::Decode(const SortedBlock& block, size_t group,
                         uint64_t first_sequence) {
  size_ = 0;
  std::span<const std::byte> bytes;
  if (!block.GroupBytes(group, &bytes)) return false;
  const std::byte* at = bytes.data();
  const std::byte* const limit = at + bytes.size();
  const size_t size = block.GroupSize(group);
  // No key is longer than what the group has of keys.
  const size_t most = size * std::min(bytes.size(), kMaxKeyBytes) + kChunkBytes;
  if (keys_.size() < most) keys_.resize(most);
  char* key = keys_.data();
  std::string_view previous(key, 0);
  for (size_t i = 0; i < size; ++i) {
    RawEntry entry;
    const std::byte* next = GetShortEntry(at, block.end(), &entry);
    if (next == nullptr) next = GetEntry(at, limit, &entry);
    const uint64_t sequence = first_sequence + entry.sequence_offset;
    if (next == nullptr || next > limit || entry.shared > previous.size() ||
        entry.shared + entry.rest > kMaxKeyBytes ||
        entry.value_code > kLargestValueBytes + 1 ||
        sequence - 1 >= kMaxSequence) {  // 0 is none
      return false;
    }
    at = next;
    CopyChunks(previous.data(), entry.shared, key);
    const char* rest = reinterpret_cast<const char*>(entry.rest_begin);
    if (entry.rest_in_chunks) {
      CopyChunks(rest, entry.rest, key + entry.shared);
    } else {
      std::memcpy(key + entry.shared, rest, entry.rest);
    }
    const std::string_view current(key, entry.shared + entry.rest);
    if (i > 0 && !Ascends(previous, entry.shared, entries_[i - 1].sequence,
                          current, sequence)) {
      return false;
    }
    previous = current;
    key += previous.size();
    const auto value_code = static_cast<uint32_t>(entry.value_code);
    entries_[i] = {.key = previous,
                   .sequence = sequence,
                   .record = {.address = entry.address,
                              .tombstone = value_code == 0,
                              .value_size = value_code - (value_code != 0)}};
  }
  size_ = size;
  return true;
}

}  // namespace quire::kv_internal
