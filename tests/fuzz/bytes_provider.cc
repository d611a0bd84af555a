#include "tests/fuzz/bytes_provider.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/check.h"
#include "cache/epoch.h"

namespace quire::testing {
namespace {

class CopyOwner final : public io::PinOwner {
 public:
  void Unpin(uintptr_t token) noexcept override {
    delete[] reinterpret_cast<std::byte*>(token);
  }
};
CopyOwner copy_owner;

}  // namespace

absl::StatusOr<std::unique_ptr<io::AttachedFile>> BytesProvider::Attach(
    const std::string& path, uint64_t size_bytes) {
  if (size_bytes > bytes_.size()) return absl::DataLossError("short");
  return std::make_unique<io::AttachedFile>(path, size_bytes);
}

void BytesProvider::Detach(std::unique_ptr<io::AttachedFile> file) {
  QUIRE_CHECK(file != nullptr);
}

io::PeekResult BytesProvider::Peek(const io::AttachedFile& file,
                                   uint64_t offset, uint64_t length) {
  QUIRE_CHECK(cache::EpochGuard::Active());
  QUIRE_CHECK(length > 0 && offset <= file.size_bytes() &&
              length <= file.size_bytes() - offset);
  if (peeking_ == Peeking::kNothing) return {};
  return {.data = bytes_.data() + offset,
          .size = length,
          .may_fault = peeking_ == Peeking::kMayFault};
}

void BytesProvider::Read(std::span<io::ReadRequest> requests, io::CachePolicy) {
  for (io::ReadRequest& request : requests) {
    const io::Extent& extent = request.extent;
    if (extent.offset > extent.file->size_bytes() ||
        extent.length > extent.file->size_bytes() - extent.offset) {
      request.status = absl::OutOfRangeError("beyond the end");
      continue;
    }
    auto* copy = new std::byte[extent.length];
    std::copy_n(bytes_.data() + extent.offset, extent.length, copy);
    request.status = absl::OkStatus();
    request.pin = io::Pin({copy, extent.length}, nullptr, &copy_owner,
                          reinterpret_cast<uintptr_t>(copy));
  }
}

}  // namespace quire::testing
