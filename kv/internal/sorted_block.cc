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

SortedGroup::SortedGroup() : keys_(kInitialKeyBytes) {}

bool SortedGroup::Decode(const SortedBlock& block, size_t group) {
  size_ = 0;
  std::span<const std::byte> bytes;
  if (!block.GroupBytes(group, &bytes)) return false;
  const std::byte* at = bytes.data();
  const std::byte* limit = at + bytes.size();
  const size_t size = block.GroupSize(group);
  uint32_t key_begin = 0;
  uint32_t key_bytes = 0;
  for (size_t i = 0; i < size; ++i) {
    uint64_t shared = 0;
    uint64_t rest = 0;
    at = GetVarint(at, limit, &shared);
    if (at == nullptr || shared > key_bytes) return false;
    at = GetVarint(at, limit, &rest);
    if (at == nullptr || rest > static_cast<uint64_t>(limit - at) ||
        shared + rest > kMaxKeyBytes) {
      return false;
    }
    const uint32_t previous = key_begin;
    key_begin += key_bytes;
    key_bytes = static_cast<uint32_t>(shared + rest);
    if (keys_.size() < key_begin + key_bytes + kChunkBytes) {
      keys_.resize(2 * (key_begin + key_bytes + kChunkBytes));
    }
    char* key = keys_.data() + key_begin;
    CopyChunks(keys_.data() + previous, shared, key);
    const char* from = reinterpret_cast<const char*>(at);
    if (static_cast<uint64_t>(limit - at) >= rest + kChunkBytes) {
      CopyChunks(from, rest, key + shared);
    } else {
      std::memcpy(key + shared, from, rest);
    }
    Entry& entry = entries_[i];
    entry.key_begin = key_begin;
    entry.key_bytes = key_bytes;
    at = GetVarint(at + rest, limit, &entry.sequence_offset);
    if (at == nullptr) return false;
    uint64_t value_code = 0;
    at = GetVarint(at, limit, &value_code);
    if (at == nullptr || value_code > kLargestValueBytes + 1 ||
        limit - at < ptrdiff_t{kAddressBytes}) {
      return false;
    }
    entry.value_code = static_cast<uint32_t>(value_code);
    entry.address =
        LoadLittleEndian<uint32_t>(at) | static_cast<uint64_t>(at[4]) << 32;
    at += kAddressBytes;
  }
  size_ = size;
  return true;
}

}  // namespace quire::kv_internal
