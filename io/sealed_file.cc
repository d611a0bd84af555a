#include "io/sealed_file.h"

#include <fcntl.h>

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "io/posix_error.h"

namespace quire::io {
namespace {

// Owns nothing itself: a pin's token is the address of its bytes.
class HeapPinOwner final : public PinOwner {
 public:
  void Unpin(uintptr_t token) noexcept override {
    delete[] reinterpret_cast<std::byte*>(token);
  }
};

constinit HeapPinOwner heap_pin_owner;

}  // namespace

absl::StatusOr<std::unique_ptr<ReadableFile>> OpenSealedFile(
    FileSystem& file_system, const std::string& path, uint64_t size_bytes,
    OpenMode mode) {
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<ReadableFile> file,
                         file_system.OpenFile(path, mode));
  if (file->size_bytes() < size_bytes) {
    return CutShortError(path, 0, size_bytes, file->size_bytes());
  }
  return file;
}

absl::Status CheckExtent(const Extent& extent) {
  QUIRE_DCHECK(extent.file != nullptr);
  const uint64_t size_bytes = extent.file->size_bytes();
  // So that nothing overflows.
  if (extent.offset <= size_bytes &&
      extent.length <= size_bytes - extent.offset) {
    return absl::OkStatus();
  }
  return PastEndError(extent.file->path(), extent.offset, extent.length,
                      size_bytes);
}

absl::StatusOr<std::unique_ptr<std::byte[]>> AllocateCopy(
    const Extent& extent) {
  std::unique_ptr<std::byte[]> bytes(new (std::nothrow)
                                         std::byte[extent.length]);
  if (bytes == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory to read ", extent.file->path(), " at offset ",
                     extent.offset, ", length ", extent.length));
  }
  return bytes;
}

std::unique_ptr<std::byte[]> BeginCopy(ReadRequest& request) {
  request.pin.Reset();
  request.status = CheckExtent(request.extent);
  if (!request.status.ok() || request.extent.length == 0) return nullptr;
  absl::StatusOr<std::unique_ptr<std::byte[]>> bytes =
      AllocateCopy(request.extent);
  if (bytes.ok()) return *std::move(bytes);
  request.status = std::move(bytes).status();
  return nullptr;
}

Pin MakeOwnedPin(std::unique_ptr<std::byte[]> bytes, size_t size) {
  std::byte* const data = bytes.release();
  return Pin({data, size}, nullptr, &heap_pin_owner,
             reinterpret_cast<uintptr_t>(data));
}

void StartReadAhead(const ReadableFile& file, const Extent& extent) {
  // A length of 0 would mean the rest of the file.
  if (file.descriptor() < 0 || extent.length == 0 ||
      !CheckExtent(extent).ok()) {
    return;
  }
  posix_fadvise(file.descriptor(), static_cast<off_t>(extent.offset),
                static_cast<off_t>(extent.length), POSIX_FADV_WILLNEED);
}

void DropReadAhead(const ReadableFile& file, const Extent& extent) {
  if (file.descriptor() < 0 || extent.length == 0 ||
      !CheckExtent(extent).ok()) {
    return;
  }
  // The kernel drops what it keeps in one piece (a folio: a page, or up to 2
  // MiB of them) only as a whole.
  constexpr uint64_t kFolioBytesMax = uint64_t{2} << 20;
  const uint64_t begin = extent.offset / kFolioBytesMax * kFolioBytesMax;
  const uint64_t end = (extent.offset + extent.length + kFolioBytesMax - 1) /
                       kFolioBytesMax * kFolioBytesMax;
  posix_fadvise(file.descriptor(), static_cast<off_t>(begin),
                static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED);
}

}  // namespace quire::io
