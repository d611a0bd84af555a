// Errors that say "nothing happened" and errors that don't.
#ifndef QUIRE_KV_INTERNAL_UNKNOWN_OUTCOME_H_
#define QUIRE_KV_INTERNAL_UNKNOWN_OUTCOME_H_

#include "absl/status/status.h"

namespace quire::kv_internal {

// `status` for a failed step after which it is unknown what is on disk: a sync
// of a file or directory. ResourceExhausted becomes Unavailable, since callers
// take it for "nothing was changed, try again when there is space".
inline absl::Status UnknownOutcome(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return status;
  return absl::UnavailableError(status.message());
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_UNKNOWN_OUTCOME_H_
