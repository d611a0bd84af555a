// A value that stays readable without being copied where that is possible.
#ifndef QUIRE_KV_PINNED_VALUE_H_
#define QUIRE_KV_PINNED_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/page_provider.h"

namespace quire {

namespace kv_internal {
class PinnedValueFiller;
}  // namespace kv_internal

// The result of a pinned Get. The bytes stay valid until the object is
// destroyed, reset or filled again: across later calls, merges and deletion of
// files. Its database can't be closed before, if it is a pin: a value of more
// than 256 bytes that had to be read, or one of more than 4 KiB in a memtable.
// Holding many of those keeps memory from being reused (see the property
// "quire.outstanding"). What was in memory already is verified and copied at
// once, in one pass through the processor's cache, and holds nothing: keep the
// object and fill it again, so that its memory is reused. Move-only; not
// thread-safe, but may be destroyed on any thread.
class PinnedValue {
 public:
  PinnedValue() = default;
  PinnedValue(PinnedValue&& other) noexcept;
  PinnedValue& operator=(PinnedValue&& other) noexcept;
  ~PinnedValue() { Reset(); }

  // The value; empty before the first fill and after Reset.
  std::string_view value() const { return value_; }

  // Gives everything back, memory too. (Filling an object again reuses it.)
  void Reset() noexcept;

 private:
  friend class kv_internal::PinnedValueFiller;

  // Empties the value and gives back all but the memory of `copy_`.
  void LetGo() noexcept;

  std::string_view value_;
  std::string
      copy_;  // value_ points here for copies; keeps its capacity between fills
  io::Pin pin_;  // value_ points into its bytes
  // Undoes a hold on a memtable's arena or counts a pin in the database;
  // nullptr if there is none.
  void (*release_)(void* context) noexcept = nullptr;
  void* release_context_ = nullptr;
};

}  // namespace quire

#endif  // QUIRE_KV_PINNED_VALUE_H_
