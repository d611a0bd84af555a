// Reading long ranges of a file into memory of the caller's.
#ifndef QUIRE_KV_INTERNAL_BULK_READ_H_
#define QUIRE_KV_INTERNAL_BULK_READ_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "io/page_provider.h"

namespace quire::kv_internal {

// Fills `out` with the bytes of `file` from `offset` on, in batches of large
// extents, read once: the provider's caches stay as they are. Returns the first
// error met. Blocks; must be called outside of any epoch guard.
absl::Status BulkRead(io::PageProvider& provider, const io::AttachedFile& file,
                      uint64_t offset, std::span<std::byte> out);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_BULK_READ_H_
