#include "kv/internal/bulk_read.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "io/page_provider.h"

namespace quire::kv_internal {
namespace {

// Large enough that a device is kept busy and the cost of a request is lost in
// that of its bytes; small enough that the pins of one batch don't matter.
constexpr uint64_t kExtentBytes = uint64_t{256} << 10;
constexpr size_t kExtentsPerBatch = 8;

}  // namespace

absl::Status BulkRead(io::PageProvider& provider, const io::AttachedFile& file,
                      uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    std::array<io::ReadRequest, kExtentsPerBatch> requests;
    size_t count = 0;
    uint64_t planned = 0;
    while (count < requests.size() && planned < out.size()) {
      const uint64_t length = std::min(kExtentBytes, out.size() - planned);
      requests[count++].extent = {&file, offset + planned, length};
      planned += length;
    }
    const std::span<io::ReadRequest> batch(requests.data(), count);
    provider.Read(batch, io::CachePolicy::kReadOnce);
    for (const io::ReadRequest& request : batch) {
      QUIRE_RETURN_IF_ERROR(request.status);
      const std::span<const std::byte> bytes = request.pin.bytes();
      std::memcpy(out.data(), bytes.data(), bytes.size());
      out = out.subspan(bytes.size());
    }
    offset += planned;
  }
  return absl::OkStatus();
}

}  // namespace quire::kv_internal
