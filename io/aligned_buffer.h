// Memory that O_DIRECT can read into and that a Pin can own.

#ifndef QUIRE_IO_ALIGNED_BUFFER_H_
#define QUIRE_IO_ALIGNED_BUFFER_H_

#include <cstddef>
#include <memory>
#include <new>

#include "absl/status/statusor.h"
#include "io/page_provider.h"

namespace quire::io {

// Aligned to 4096 bytes, not initialised. Move-only.
class AlignedBuffer {
 public:
  static constexpr size_t kAlignment = 4096;

  // ResourceExhausted if the memory can't be had.
  static absl::StatusOr<AlignedBuffer> Create(size_t size_bytes);

  // Empty.
  AlignedBuffer() = default;

  std::byte* data() const { return bytes_.get(); }

  // A pin of `length` bytes from `offset`, which owns the memory; it depends on
  // no provider.
  Pin IntoPin(size_t offset, size_t length) &&;

 private:
  struct Free {
    void operator()(std::byte* bytes) const noexcept {
      ::operator delete (bytes, std::align_val_t{kAlignment});
    }
  };

  explicit AlignedBuffer(std::byte* bytes) : bytes_(bytes) {}

  std::unique_ptr<std::byte, Free> bytes_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_ALIGNED_BUFFER_H_
