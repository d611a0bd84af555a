// Reading once more what failed its check: was it memory, or is it the file?
#ifndef QUIRE_KV_INTERNAL_SECOND_READING_H_
#define QUIRE_KV_INTERNAL_SECOND_READING_H_

#include <span>

#include "absl/status/status.h"
#include "io/page_provider.h"

namespace quire::kv_internal {

// How often bytes are read before their check is believed:
//
//   read; check; if that fails: provider.Forget(extent); read with kReadOnce;
//   status = SecondVerdict(provider, check)

// Counts what the second check of some bytes came to (io::FailedChecks).
// Returns it, with the provider's name added to a DataLoss.
absl::Status SecondVerdict(io::PageProvider& provider, absl::Status check);

// Drops what memory holds of one extent.
inline void ForgetExtent(io::PageProvider& provider, const io::Extent& extent) {
  provider.Forget({&extent, 1});
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SECOND_READING_H_
