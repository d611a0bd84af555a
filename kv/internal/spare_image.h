// Memory of a retired memtable, kept for the next one.
#ifndef QUIRE_KV_INTERNAL_SPARE_IMAGE_H_
#define QUIRE_KV_INTERNAL_SPARE_IMAGE_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "cache/huge_buffer.h"

namespace quire::kv_internal {

// At most one image. To fill fresh memory costs its page faults, and the kernel
// zeros it first. Thread-safe.
class SpareImage {
 public:
  // Images of other sizes than memtables of `memtable_bytes` have are not kept.
  explicit SpareImage(uint64_t memtable_bytes)
      : memtable_bytes_(memtable_bytes) {}
  ~SpareImage() { Clear(); }
  SpareImage(const SpareImage&) = delete;
  SpareImage& operator=(const SpareImage&) = delete;

  // Memory for an image of `bytes`: the one that was kept, whatever is in it,
  // or fresh. ResourceExhausted if there is none.
  absl::StatusOr<cache::HugeBuffer> Take(uint64_t bytes);

  // Keeps an image of so many bytes that nobody uses any more, or frees it.
  void Keep(uint64_t bytes, cache::HugeBuffer image);

  // Frees what is kept.
  void Clear();

 private:
  const uint64_t memtable_bytes_;
  base::Mutex mu_;
  cache::HugeBuffer image_ ABSL_GUARDED_BY(mu_);
};

// Fresh memory for an image.
absl::StatusOr<cache::HugeBuffer> NewImage(uint64_t bytes);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SPARE_IMAGE_H_
