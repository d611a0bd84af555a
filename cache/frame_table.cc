#include "cache/frame_table.h"

#include <sanitizer/asan_interface.h>

#include <utility>

#include "base/status_macros.h"

namespace quire::cache {

absl::StatusOr<std::unique_ptr<FrameTable>> FrameTable::Create(
    uint32_t frame_count) {
  QUIRE_CHECK(frame_count > 0 && frame_count < kNoFrame);
  const uint64_t size_bytes = frame_count * kFrameBytes;
  QUIRE_ASSIGN_OR_RETURN(
      HugeBuffer arena,
      HugeBuffer::Create(size_bytes, HugeBuffer::PagesFor(size_bytes)));
  const uint64_t uses_bytes =
      frame_count * (sizeof(Descriptor) + sizeof(std::atomic<uint8_t>) +
                     sizeof(EvictionQueue));
  QUIRE_ASSIGN_OR_RETURN(
      HugeBuffer uses,
      HugeBuffer::Create(uses_bytes, HugeBuffer::PagesFor(uses_bytes)));
  return std::unique_ptr<FrameTable>(
      new FrameTable(std::move(arena), std::move(uses), frame_count));
}

FrameTable::FrameTable(HugeBuffer arena, HugeBuffer uses, uint32_t frame_count)
    : arena_(std::move(arena)),
      uses_(std::move(uses)),
      size_(frame_count),
      max_pinned_(frame_count / 4),
      descriptors_(reinterpret_cast<Descriptor*>(uses_.data())),
      marks_(
          reinterpret_cast<std::atomic<uint8_t>*>(descriptors_ + frame_count)),
      queues_(reinterpret_cast<EvictionQueue*>(marks_ + frame_count)) {
  ASAN_POISON_MEMORY_REGION(arena_.data(), arena_.size());
}

FrameTable::~FrameTable() {
  // The addresses may be mapped again, by somebody else.
  ASAN_UNPOISON_MEMORY_REGION(arena_.data(), arena_.size());
}

bool FrameTable::TryPin(FrameIndex frame) {
  std::atomic<uint64_t>& uses = descriptors_[frame].uses;
  // Relaxed, as Hold.
  const uint64_t before = uses.fetch_add(kOnePin, std::memory_order_relaxed);
  if (before >= kOnePin) return true;  // counted already
  if (pinned_.fetch_add(1, std::memory_order_relaxed) < max_pinned_) {
    return true;
  }
  Unpin(frame);
  return false;
}

void FrameTable::Unpin(FrameIndex frame) {
  // `pinned_` follows each change of the number of pins from 0 to 1 and back,
  // so it is exact however TryPin and Unpin meet; two threads that pin one
  // frame at the limit may exceed it by that frame.
  const uint64_t before =
      descriptors_[frame].uses.fetch_sub(kOnePin, std::memory_order_release);
  if (before < 2 * kOnePin) pinned_.fetch_sub(1, std::memory_order_relaxed);
}

void FrameTable::Poison(FrameIndex frame) const {
  ASAN_POISON_MEMORY_REGION(Data(frame), kFrameBytes);
}

void FrameTable::Unpoison(FrameIndex frame) const {
  ASAN_UNPOISON_MEMORY_REGION(Data(frame), kFrameBytes);
}

}  // namespace quire::cache
