// Numbers in files are little-endian, as is every machine this is built for.
#ifndef QUIRE_KV_INTERNAL_LITTLE_ENDIAN_H_
#define QUIRE_KV_INTERNAL_LITTLE_ENDIAN_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace quire::kv_internal {

static_assert(std::endian::native == std::endian::little);

// The number that stands at `from`, at any alignment.
template <std::unsigned_integral T>
T LoadLittleEndian(const std::byte* from) {
  T number;
  std::memcpy(&number, from, sizeof(number));
  return number;
}

template <std::unsigned_integral T>
void StoreLittleEndian(T number, std::byte* to) {
  std::memcpy(to, &number, sizeof(number));
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_LITTLE_ENDIAN_H_
