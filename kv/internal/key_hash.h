// The one hash of keys.
#ifndef QUIRE_KV_INTERNAL_KEY_HASH_H_
#define QUIRE_KV_INTERNAL_KEY_HASH_H_

#include <cstdint>
#include <string_view>

#include "kv/internal/checksum.h"

namespace quire::kv_internal {

// XXH3-64 of `key`. `seed` is the database's random hash seed: it stands in
// each table's footer, so that nobody can choose keys that collide. A read
// hashes its key once and uses the result for every memtable and run: a hash
// section takes the line from the high bits and the tag from the low ones.
inline uint64_t HashKey(std::string_view key, uint64_t seed) {
  return Checksum(key, seed);
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_KEY_HASH_H_
