#include "io/aligned_buffer.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace quire::io {
namespace {

// Owns nothing itself: a pin's token is the address of its memory.
class AlignedPinOwner final : public PinOwner {
 public:
  void Unpin(uintptr_t token) noexcept override {
    ::operator delete (reinterpret_cast<void*>(token),
                       std::align_val_t{AlignedBuffer::kAlignment});
  }
};

constinit AlignedPinOwner aligned_pin_owner;

}  // namespace

absl::StatusOr<AlignedBuffer> AlignedBuffer::Create(size_t size_bytes) {
  void* const bytes =
      ::operator new (size_bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (bytes == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a read of ", size_bytes, " bytes"));
  }
  return AlignedBuffer(static_cast<std::byte*>(bytes));
}

Pin AlignedBuffer::IntoPin(size_t offset, size_t length) && {
  std::byte* const bytes = bytes_.release();
  return Pin({bytes + offset, length}, nullptr, &aligned_pin_owner,
             reinterpret_cast<uintptr_t>(bytes));
}

}  // namespace quire::io
