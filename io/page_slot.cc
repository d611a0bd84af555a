#include "io/page_slot.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "cache/epoch.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

constexpr uint64_t kPageBytes = CachedFile::kPageBytes;

// Pins the frame of a held slot. False if the bytes must be copied.
bool HandOutPin(cache::PageCache& cache, PinOwner& frame_pins,
                ReadRequest& request, const PageSlot& slot) {
  const Extent& extent = request.extent;
  if (extent.length <= kMaxCopiedBytes ||
      slot.state != PageSlot::State::kHeld || !cache.TryPin(slot.frame)) {
    return false;
  }
  request.pin =
      Pin({slot.bytes + extent.offset % kPageBytes, extent.length},
          &cache.Marks(slot.frame), &frame_pins, uintptr_t{slot.frame});
  return true;
}

void HandOutCopy(ReadRequest& request, std::span<const PageSlot> slots) {
  const Extent& extent = request.extent;
  absl::StatusOr<std::unique_ptr<std::byte[]>> copy = AllocateCopy(extent);
  if (!copy.ok()) {
    request.status = copy.status();
    return;
  }
  uint64_t copied = 0;
  for (const PageSlot& slot : slots) {
    const uint64_t within = (extent.offset + copied) % kPageBytes;
    const uint64_t size = std::min(kPageBytes - within, extent.length - copied);
    std::memcpy(copy->get() + copied, slot.bytes + within, size);
    copied += size;
  }
  QUIRE_DCHECK(copied == extent.length);
  request.pin = MakeOwnedPin(*std::move(copy), extent.length);
}

}  // namespace

cache::FrameIndex FindAndHold(cache::PageCache& cache, cache::PageEntry& entry,
                              CachePolicy policy) {
  const cache::EpochGuard guard;
  const cache::FrameIndex frame = policy == CachePolicy::kPoint
                                      ? cache.FindAndUse(entry)
                                      : cache.Find(entry);
  if (frame != cache::kNoFrame) cache.Hold(frame);
  return frame;
}

void HandOut(cache::PageCache& cache, PinOwner& frame_pins,
             ReadRequest& request, std::span<const PageSlot> slots) {
  if (slots.size() > 1 || !HandOutPin(cache, frame_pins, request, slots[0])) {
    HandOutCopy(request, slots);
  }
}

}  // namespace quire::io
