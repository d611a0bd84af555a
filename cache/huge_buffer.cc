#include "cache/huge_buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace quire::cache {
namespace {

constexpr uint64_t kSmallPageBytes = uint64_t{4} << 10;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

absl::Status Refused(uint64_t size_bytes, int error_number) {
  return absl::ResourceExhaustedError(
      absl::StrCat("can't map ", size_bytes,
                   " bytes of memory: ", std::strerror(error_number)));
}

}  // namespace

absl::StatusOr<HugeBuffer> HugeBuffer::Create(uint64_t size_bytes,
                                              Pages pages) {
  QUIRE_CHECK(size_bytes > 0);
  const uint64_t unit =
      pages == Pages::kHuge ? kHugePageBytes : kSmallPageBytes;
  // The room to align in must not overflow.
  if (size_bytes > UINT64_MAX - 2 * unit) return Refused(size_bytes, ENOMEM);
  const uint64_t size = RoundUp(size_bytes, unit);
  // mmap aligns to small pages only; the excess goes back at once.
  const uint64_t mapped_size = size + (unit - kSmallPageBytes);
  void* const mapped = mmap(nullptr, mapped_size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return Refused(size_bytes, errno);
  const uint64_t address = reinterpret_cast<uint64_t>(mapped);
  const uint64_t before = RoundUp(address, unit) - address;
  const uint64_t after = mapped_size - before - size;
  std::byte* const data = static_cast<std::byte*>(mapped) + before;
  if (before > 0) munmap(mapped, before);
  if (after > 0) munmap(data + size, after);
  // Advice: what a kernel refuses (it may have no huge pages) costs speed only.
  if (pages == Pages::kHuge) madvise(data, size, MADV_HUGEPAGE);
  madvise(data, size, MADV_DONTDUMP);
  // A child that shares frames with running I/O isn't a matter of speed.
  if (madvise(data, size, MADV_DONTFORK) != 0) {
    const int error_number = errno;
    munmap(data, size);
    return Refused(size_bytes, error_number);
  }
  return HugeBuffer(data, size);
}

HugeBuffer::~HugeBuffer() {
  if (data_ != nullptr) QUIRE_CHECK(munmap(data_, size_bytes_) == 0);
}

}  // namespace quire::cache
