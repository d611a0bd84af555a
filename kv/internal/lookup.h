// A key that is being looked up, and how far that has led.
#ifndef QUIRE_KV_INTERNAL_LOOKUP_H_
#define QUIRE_KV_INTERNAL_LOOKUP_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace quire::kv_internal {

// One key being looked up.
struct Lookup {
  std::string_view key;
  uint64_t hash = 0;
  uint64_t max_sequence = 0;
  // False: mapped records, which may have to be waited for, are not touched but
  // read.
  bool may_fault = true;
};

enum class Outcome : uint8_t {
  kDone,       // the status says: value delivered, or NotFound
  kContinue,   // not here: look further
  kNeedsRead,  // can't be decided from memory
};

inline absl::Status Absent() { return absl::NotFoundError(""); }

// The status of a failed read. Of a key, NotFound means that it is absent; who
// says so of a file says nothing of the key.
inline absl::Status ReadFailure(absl::Status status) {
  if (!absl::IsNotFound(status)) return status;
  return absl::UnavailableError(status.message());
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_LOOKUP_H_
