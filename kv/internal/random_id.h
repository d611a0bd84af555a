// Random numbers that must not repeat: file ids, database ids, hash seeds.
#ifndef QUIRE_KV_INTERNAL_RANDOM_ID_H_
#define QUIRE_KV_INTERNAL_RANDOM_ID_H_

#include <cstdint>

#include "kv/internal/file_header.h"

namespace quire::kv_internal {

// From the operating system's generator; never 0. Thread-safe.
uint64_t RandomId();

DatabaseId RandomDatabaseId();

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RANDOM_ID_H_
