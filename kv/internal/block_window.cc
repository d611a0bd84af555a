#include "kv/internal/block_window.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "io/guarded_copy.h"
#include "io/page_provider.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/format.h"
#include "kv/internal/second_reading.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"
#include "kv/internal/table_reader.h"
#include "kv/internal/verified_mark.h"

namespace quire::kv_internal {
namespace {

constexpr std::string_view kBlockKind = "sorted block";

}  // namespace

void BlockWindow::Restart() {
  restarted_ = true;
  direction_ = Direction::kNone;
  ahead_ = 1;
}

absl::StatusOr<SortedBlock> BlockWindow::Load(const FenceIndex& fences,
                                              uint64_t block) {
  QUIRE_DCHECK(block < fences.block_count());
  const bool seeks =
      std::exchange(restarted_, false) && policy_ != io::CachePolicy::kReadOnce;
  if (!Holds(block) && !(seeks && Peek(fences, block))) {
    if (seeks) {
      Read(fences, block, 1, io::CachePolicy::kPoint);
    } else {
      Advance(fences, block);
    }
  }
  if (absl::Status first = Verify(fences, block); !first.ok()) {
    // Once more and alone, to tell a flip in memory or on the way, or an error
    // met while reading ahead, from what stays.
    const bool damaged = absl::IsDataLoss(first);
    if (damaged) {
      ForgetExtent(table_.provider(), requests_[block - first_].extent);
    }
    Read(fences, block, 1, damaged ? io::CachePolicy::kReadOnce : policy_);
    absl::Status second = Verify(fences, block);
    if (damaged) second = SecondVerdict(table_.provider(), std::move(second));
    QUIRE_RETURN_IF_ERROR(second);
  }
  return slots_[block - first_].block;
}

bool BlockWindow::Peek(const FenceIndex& fences, uint64_t block) {
  // Few are longer; they are read.
  if (fences.unit_count(block) != 1) return false;
  constexpr size_t kPages = kSortedBlockBytes / kPageBytes;
  const uint64_t offset = Offset(fences, block);
  // Held until the marks are set.
  cache::EpochGuard guard;
  std::array<std::atomic<uint8_t>*, kPages> marks;
  bool verified = true;
  for (size_t i = 0; i < kPages; ++i) {
    const io::PeekResult page = table_.provider().Peek(
        table_.file(), offset + i * kPageBytes, kPageBytes);
    if (page.data == nullptr || page.size < kPageBytes) return false;
    std::byte* to = copy_.data() + i * kPageBytes;
    if (!page.may_fault) {
      std::memcpy(to, page.data, kPageBytes);
    } else if (!io::GuardedCopy(to, page.data, kPageBytes)) {
      return false;
    }
    marks[i] = page.marks;
    verified = verified && IsMarkedVerified(page.marks);
  }
  if (!verified) {
    if (!CheckSortedBlock(copy_, table_.table_id(), offset).ok()) return false;
    for (std::atomic<uint8_t>* mark : marks) MarkVerified(mark);
  }
  Place(fences, block, 1);
  slots_[0].verified = slots_[0].block.Init(copy_);
  return slots_[0].verified;
}

void BlockWindow::Advance(const FenceIndex& fences, uint64_t block) {
  Direction direction = Direction::kNone;
  if (!requests_.empty()) {
    if (block == first_ + requests_.size()) direction = Direction::kForward;
    if (block + 1 == first_) direction = Direction::kBackward;
  }
  const bool goes_on =
      direction != Direction::kNone &&
      (direction_ == Direction::kNone || direction == direction_);
  ahead_ = goes_on ? std::clamp<uint64_t>(2 * ahead_, 1, kMaxBlocks) : 1;
  direction_ = direction;
  if (direction == Direction::kBackward) {
    const uint64_t count = std::min(ahead_, block + 1);
    Read(fences, block + 1 - count, count, policy_);
  } else {
    Read(fences, block, std::min(ahead_, fences.block_count() - block),
         policy_);
  }
}

void BlockWindow::Read(const FenceIndex& fences, uint64_t first, uint64_t count,
                       io::CachePolicy policy) {
  Place(fences, first, count);
  table_.provider().Read(requests_, policy);
}

void BlockWindow::Place(const FenceIndex& fences, uint64_t first,
                        uint64_t count) {
  // Cleared first: the pins go back before new ones are taken, and without
  // memory there is an empty window.
  requests_.clear();
  slots_.assign(count, Slot());
  first_ = first;
  requests_.resize(count);
  for (uint64_t i = 0; i < count; ++i) {
    requests_[i].extent = {&table_.file(), Offset(fences, first + i),
                           fences.unit_count(first + i) * kSortedBlockBytes};
  }
}

absl::Status BlockWindow::Verify(const FenceIndex& fences, uint64_t block) {
  const io::ReadRequest& request = requests_[block - first_];
  Slot& slot = slots_[block - first_];
  if (slot.verified) return absl::OkStatus();
  QUIRE_RETURN_IF_ERROR(request.status);
  const uint64_t offset = request.extent.offset;
  const SortedBlockCheck check =
      CheckSortedBlock(request.pin.bytes(), table_.table_id(), offset);
  if (!check.ok()) {
    return DamagedTableError(table_.file().path(), offset, kBlockKind,
                             check.stored, check.computed);
  }
  if (!slot.block.Init(request.pin.bytes())) {
    return MalformedError(fences, block);
  }
  slot.verified = true;
  return absl::OkStatus();
}

uint64_t BlockWindow::Offset(const FenceIndex& fences, uint64_t block) const {
  return table_.footer().sorted_offset + fences.unit(block) * kSortedBlockBytes;
}

absl::Status BlockWindow::MalformedError(const FenceIndex& fences,
                                         uint64_t block) const {
  return DamagedTableError(table_.file().path(), Offset(fences, block),
                           kBlockKind, "its entries make no sense");
}

}  // namespace quire::kv_internal
