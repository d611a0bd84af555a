// XXH3-64, the one checksum of the format: of single pieces of memory, and of
// whole files as they are written.
#ifndef QUIRE_KV_INTERNAL_CHECKSUM_H_
#define QUIRE_KV_INTERNAL_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/check.h"
#include "xxhash.h"

namespace quire::kv_internal {

inline uint64_t Checksum(std::span<const std::byte> bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

inline uint64_t Checksum(std::string_view bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// The checksum of a file that is written piece by piece, always equal to
// Checksum of all its bytes so far. Move-only; not thread-safe.
class FileDigest {
 public:
  FileDigest() : state_(XXH3_createState()) {
    QUIRE_CHECK(state_ != nullptr);
    XXH3_64bits_reset(state_.get());
  }

  // Appends `bytes` to what has been summed.
  void Update(std::span<const std::byte> bytes) {
    XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
  }

  uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_CHECKSUM_H_
