#include "kv/internal/random_id.h"

#include <cstring>
#include <random>

namespace quire::kv_internal {

uint64_t RandomId() {
  std::random_device device;  // getrandom or the processor's generator
  uint64_t id = 0;
  while (id == 0) id = uint64_t{device()} << 32 | device();
  return id;
}

DatabaseId RandomDatabaseId() {
  DatabaseId id;
  const uint64_t halves[2] = {RandomId(), RandomId()};
  static_assert(sizeof(halves) == sizeof(id));
  std::memcpy(id.data(), halves, sizeof(id));
  return id;
}

}  // namespace quire::kv_internal
