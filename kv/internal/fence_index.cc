#include "kv/internal/fence_index.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/partition_point.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kFenceBytes = 16;
constexpr uint64_t kContinued = uint64_t{1} << 63;

// The block in front of the first one for which `before` is false. It is true
// for block 0, whose fence is the empty key.
template <typename Predicate>
uint64_t LastBlock(uint64_t count, Predicate before) {
  return std::max<uint64_t>(PartitionPoint(count, before), 1) - 1;
}

}  // namespace

void FenceBuilder::Add(uint64_t unit, std::string_view last,
                       std::string_view first) {
  const bool is_first_block = fences_.empty();
  const bool continued = !is_first_block && last == first;
  fences_.push_back({unit, keys_.size() | (continued ? kContinued : 0)});
  if (is_first_block) return;
  if (continued) {
    keys_.append(first);
    return;
  }
  const auto [unused, differs] =
      std::mismatch(last.begin(), last.end(), first.begin(), first.end());
  keys_.append(first.begin(), differs + 1);
}

std::vector<std::byte> FenceBuilder::Finish(uint64_t unit_count) {
  if (fences_.empty()) return {};
  fences_.push_back({unit_count, keys_.size()});
  const uint64_t keys_at = fences_.size() * kFenceBytes;
  std::vector<std::byte> section(RoundUpToPage(keys_at + keys_.size()));
  std::byte* to = section.data();
  for (const Fence& fence : fences_) {
    StoreLittleEndian(fence.unit, to);
    StoreLittleEndian(fence.key, to + 8);
    to += kFenceBytes;
  }
  std::memcpy(to, keys_.data(), keys_.size());
  return section;
}

absl::StatusOr<std::unique_ptr<FenceIndex>> FenceIndex::Make(
    std::unique_ptr<std::byte[]> bytes, const TableFooter& footer,
    const std::string& path) {
  constexpr std::string_view kKind = "fence section";
  const std::span<const std::byte> section(bytes.get(), footer.fence_bytes);
  const uint64_t computed =
      TableCheck(section, footer.table_id, footer.fence_offset);
  if (computed != footer.fence_check) {
    return DamagedTableError(path, footer.fence_offset, kKind,
                             footer.fence_check, computed);
  }
  auto index = absl::WrapUnique(
      new FenceIndex(std::move(bytes), footer.fence_count, section.size()));
  if (!index->IsWithin(footer)) {
    return DamagedTableError(path, footer.fence_offset, kKind, "a fence");
  }
  return index;
}

bool FenceIndex::IsWithin(const TableFooter& footer) const {
  const uint64_t unit_count = footer.sorted_bytes / kSortedBlockBytes;
  if (count_ == 0) return unit_count == 0;
  if (count_ >= memory_bytes_ / kFenceBytes) return false;
  const uint64_t key_bytes = memory_bytes_ - (count_ + 1) * kFenceBytes;
  for (uint64_t i = 0; i < count_; ++i) {
    if (unit(i) >= unit(i + 1) || key_offset(i) > key_offset(i + 1)) {
      return false;
    }
    if (unit(i + 1) - unit(i) > kMaxUnitsPerBlock) return false;
  }
  return unit(0) == 0 && unit(count_) == unit_count &&
         key_offset(count_) <= key_bytes;
}

uint64_t FenceIndex::BlockForSeek(std::string_view target) const {
  return LastBlock(count_, [&](uint64_t i) {
    const int order = key(i).compare(target);
    return order < 0 || (order == 0 && !continued(i));
  });
}

uint64_t FenceIndex::BlockForSeekForPrev(std::string_view target) const {
  return LastBlock(count_, [&](uint64_t i) { return key(i) <= target; });
}

uint64_t FenceIndex::unit(uint64_t index) const {
  return LoadLittleEndian<uint64_t>(bytes_.get() + index * kFenceBytes);
}

uint64_t FenceIndex::key_word(uint64_t index) const {
  return LoadLittleEndian<uint64_t>(bytes_.get() + index * kFenceBytes + 8);
}

uint64_t FenceIndex::key_offset(uint64_t index) const {
  return key_word(index) & ~kContinued;
}

bool FenceIndex::continued(uint64_t index) const {
  return (key_word(index) & kContinued) != 0;
}

std::string_view FenceIndex::key(uint64_t index) const {
  const std::byte* keys = bytes_.get() + (count_ + 1) * kFenceBytes;
  const uint64_t begin = key_offset(index);
  return {reinterpret_cast<const char*>(keys + begin),
          key_offset(index + 1) - begin};
}

}  // namespace quire::kv_internal
