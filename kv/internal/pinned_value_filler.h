// How reads put a value into a PinnedValue.
#ifndef QUIRE_KV_INTERNAL_PINNED_VALUE_FILLER_H_
#define QUIRE_KV_INTERNAL_PINNED_VALUE_FILLER_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "io/page_provider.h"
#include "kv/pinned_value.h"

namespace quire::kv_internal {

// Each call lets go of what `target` held before.
class PinnedValueFiller {
 public:
  // Undoes a hold or a count; called once, on any thread.
  using Release = void (*)(void* context) noexcept;

  // Copies `value`, which may lie in what `target` holds now.
  static void SetCopy(PinnedValue& target, std::string_view value);

  // Empties `target` and gives `size` bytes of its memory to write to (a copy
  // that may fail: io::GuardedCopy), which is reused where it suffices.
  static std::span<char> StartCopy(PinnedValue& target, size_t size);

  // Makes `value` the target's value, where it lies: in what the last StartCopy
  // gave. False if it doesn't.
  static bool FinishCopy(PinnedValue& target, std::string_view value);

  // Whether some of `bytes` lies in the value that `target` holds.
  static bool Holds(const PinnedValue& target, std::string_view bytes);

  // `value` lies in the bytes of `pin`. `release`, unless nullptr, is called
  // when the value is given back, after the pin.
  static void SetPin(PinnedValue& target, io::Pin pin, std::string_view value,
                     Release release, void* context);

  // `value` lies in memory that stays until `release` is called.
  static void SetHeld(PinnedValue& target, std::string_view value,
                      Release release, void* context);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_PINNED_VALUE_FILLER_H_
