#include "kv/internal/spare_image.h"

#include <sanitizer/asan_interface.h>

#include <utility>

namespace quire::kv_internal {
namespace {

constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

}  // namespace

absl::StatusOr<cache::HugeBuffer> NewImage(uint64_t bytes) {
  return cache::HugeBuffer::Create(
      bytes, bytes >= kHugePageBytes ? cache::HugeBuffer::Pages::kHuge
                                     : cache::HugeBuffer::Pages::kSmall);
}

absl::StatusOr<cache::HugeBuffer> SpareImage::Take(uint64_t bytes) {
  if (bytes == memtable_bytes_) {
    base::MutexLock lock(mu_);
    if (image_.size() > 0) {
      ASAN_UNPOISON_MEMORY_REGION(image_.data(), image_.size());
      return std::exchange(image_, cache::HugeBuffer());
    }
  }
  return NewImage(bytes);
}

void SpareImage::Keep(uint64_t bytes, cache::HugeBuffer image) {
  if (bytes != memtable_bytes_) return;
  base::MutexLock lock(mu_);
  if (image_.size() > 0) return;
  // A reader that comes too late is found out.
  ASAN_POISON_MEMORY_REGION(image.data(), image.size());
  image_ = std::move(image);
}

void SpareImage::Clear() {
  base::MutexLock lock(mu_);
  // The addresses may be mapped again, by somebody else.
  ASAN_UNPOISON_MEMORY_REGION(image_.data(), image_.size());
  image_ = cache::HugeBuffer();
}

}  // namespace quire::kv_internal
