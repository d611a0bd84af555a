// Bytes of a file that a page provider keeps readable for as long as somebody
// wants them.
#ifndef QUIRE_IO_PIN_H_
#define QUIRE_IO_PIN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace quire::io {

// Frees or unpins what a Pin points to. Implemented by providers.
class PinOwner {
 public:
  virtual void Unpin(uintptr_t token) noexcept = 0;

 protected:
  ~PinOwner() = default;
};

// Bytes that stay readable, and are safe to touch, until the Pin is destroyed:
// across later calls, Detach and deletion of the file. Move-only. May be
// destroyed on any thread, but before the provider that made it.
class Pin {
 public:
  Pin() = default;
  Pin(std::span<const std::byte> bytes, std::atomic<uint8_t>* marks,
      PinOwner* owner, uintptr_t token)
      : bytes_(bytes), marks_(marks), owner_(owner), token_(token) {}
  Pin(Pin&& other) noexcept { *this = std::move(other); }
  Pin& operator=(Pin&& other) noexcept {
    if (this != &other) {
      Reset();
      bytes_ = std::exchange(other.bytes_, {});
      marks_ = std::exchange(other.marks_, nullptr);
      owner_ = std::exchange(other.owner_, nullptr);
      token_ = std::exchange(other.token_, 0);
    }
    return *this;
  }
  ~Pin() { Reset(); }

  std::span<const std::byte> bytes() const { return bytes_; }
  // As PeekResult::marks (page_provider.h); nullptr where the bytes are a
  // private copy.
  std::atomic<uint8_t>* marks() const { return marks_; }

  // Gives the bytes back now. Idempotent.
  void Reset() noexcept {
    if (owner_ != nullptr) std::exchange(owner_, nullptr)->Unpin(token_);
    bytes_ = {};
    marks_ = nullptr;
  }

 private:
  std::span<const std::byte> bytes_;
  std::atomic<uint8_t>* marks_ = nullptr;
  PinOwner* owner_ = nullptr;
  uintptr_t token_ = 0;
};

}  // namespace quire::io

#endif  // QUIRE_IO_PIN_H_
