#include "kv/internal/memtable_index.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "kv/internal/format.h"

namespace quire::kv_internal {
namespace {

// 2 MiB: one huge page.
constexpr uint64_t kInitialSlots = uint64_t{1} << 18;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

// Fields of a link.
constexpr int kPlaceBits = 29;
constexpr uint64_t kPlaceMask = (uint64_t{1} << kPlaceBits) - 1;

uint32_t Older(uint64_t link) { return link & kPlaceMask; }
uint32_t Jump(uint64_t link) { return link >> kPlaceBits & kPlaceMask; }
uint64_t Rank(uint64_t link) { return link >> (2 * kPlaceBits); }

}  // namespace

absl::Status MemtableIndex::Init(const std::byte* image,
                                 uint64_t capacity_bytes) {
  image_ = image;
  const uint64_t max_records = capacity_bytes / kRecordHeaderBytes + 1;
  QUIRE_ASSIGN_OR_RETURN(link_memory_, cache::HugeBuffer::Create(
                                           max_records * sizeof(uint64_t),
                                           cache::HugeBuffer::Pages::kSmall));
  links_ = reinterpret_cast<uint64_t*>(link_memory_.data());
  max_slots_ = std::bit_ceil(2 * max_records);
  return AddTable(std::min(kInitialSlots, max_slots_));
}

absl::Status MemtableIndex::Prepare(uint64_t record_count) {
  const uint64_t needed = 2 * (used_slots_ + record_count);
  const uint64_t slot_count = tables_.back()->mask + 1;
  if (needed <= slot_count) return absl::OkStatus();
  // More records than the image can hold are never inserted.
  const uint64_t wanted = std::min(std::bit_ceil(needed), max_slots_);
  if (wanted <= slot_count) return absl::OkStatus();
  return AddTable(wanted);
}

void MemtableIndex::Insert(uint64_t offset, uint64_t hash) {
  const Table& table = *tables_.back();
  const uint32_t tag = Tag(hash);
  const uint32_t place = static_cast<uint32_t>(offset / kAlignmentBytes);
  const uint64_t entry = uint64_t{tag} << 32 | place;
  const std::string_view key = At(place).key();
  for (uint64_t i = table.Home(tag);; i = table.After(i)) {
    // Relaxed: only this thread writes slots.
    const uint64_t slot = table.slots[i].load(std::memory_order_relaxed);
    if (slot == 0) {
      ++used_slots_;
      QUIRE_DCHECK(2 * used_slots_ <= table.mask + 1);
      table.slots[i].store(entry, std::memory_order_release);
      return;
    }
    if (slot >> 32 != tag) continue;
    const uint32_t older = static_cast<uint32_t>(slot);
    if (At(older).key() != key) continue;
    QUIRE_DCHECK(At(older).sequence() < At(place).sequence());
    Link(place) = LinkTo(older);
    table.slots[i].store(entry, std::memory_order_release);
    return;
  }
}

uint64_t MemtableIndex::LinkTo(uint32_t older) const {
  // The oldest version of a key has the link 0 and counts as its own jump.
  const uint64_t link = Link(older);
  const uint32_t jump = link == 0 ? older : Jump(link);
  const uint64_t jump_link = Link(jump);
  // Two stretches of one length, end to end, become one; else a new one starts.
  const bool joins = Rank(link) == Rank(jump_link);
  const uint64_t rank = joins ? Rank(link) + 1 : 1;
  uint64_t target = older;
  if (joins) target = jump_link == 0 ? jump : Jump(jump_link);
  return rank << (2 * kPlaceBits) | target << kPlaceBits | older;
}

MemoryRecord MemtableIndex::FindOlder(uint32_t place,
                                      uint64_t max_sequence) const {
  while (true) {
    const uint64_t link = Link(place);
    if (link == 0) return MemoryRecord();
    if (At(Jump(link)).sequence() > max_sequence) {
      place = Jump(link);
      continue;
    }
    place = Older(link);
    if (At(place).sequence() <= max_sequence) return At(place);
  }
}

absl::Status MemtableIndex::AddTable(uint64_t slot_count) {
  const uint64_t bytes = slot_count * sizeof(Slot);
  auto table = std::make_unique<Table>();
  QUIRE_ASSIGN_OR_RETURN(
      table->memory,
      cache::HugeBuffer::Create(bytes, bytes >= kHugePageBytes
                                           ? cache::HugeBuffer::Pages::kHuge
                                           : cache::HugeBuffer::Pages::kSmall));
  // Fresh pages are zeros: empty slots.
  table->slots = reinterpret_cast<Slot*>(table->memory.data());
  table->mask = slot_count - 1;
  table->shift = 32 - std::countr_zero(slot_count);
  if (!tables_.empty()) {
    // Homes ascend with the tags, so this writes about as it reads: in order.
    const Table& from = *tables_.back();
    for (uint64_t i = 0; i <= from.mask; ++i) {
      const uint64_t slot = from.slots[i].load(std::memory_order_relaxed);
      if (slot == 0) continue;
      uint64_t to = table->Home(slot >> 32);
      while (table->slots[to].load(std::memory_order_relaxed) != 0) {
        to = table->After(to);
      }
      // Relaxed: published with the table.
      table->slots[to].store(slot, std::memory_order_relaxed);
    }
  }
  memory_bytes_.fetch_add(table->memory.size(), std::memory_order_relaxed);
  // Release: a reader that loads the pointer sees the slots, and the records
  // behind them.
  table_.store(table.get(), std::memory_order_release);
  tables_.push_back(std::move(table));
  return absl::OkStatus();
}

}  // namespace quire::kv_internal
