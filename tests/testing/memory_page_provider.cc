#include "tests/testing/memory_page_provider.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "cache/epoch.h"

namespace quire::testing {
namespace {

constexpr uint64_t kPageBytes = 4096;

// Owns the copies that pins hold.
class CopyOwner final : public io::PinOwner {
 public:
  void Unpin(uintptr_t token) noexcept override {
    delete[] reinterpret_cast<std::byte*>(token);
  }
};
CopyOwner copy_owner;

std::string Where(const io::Extent& extent) {
  return absl::StrCat(extent.file->path(), ": offset ", extent.offset,
                      ", length ", extent.length);
}

}  // namespace

class MemoryPageProvider::File final : public io::AttachedFile {
 public:
  File(const std::string& path, std::span<const std::byte> contents)
      : AttachedFile(path, contents.size()),
        bytes(contents.begin(), contents.end()),
        resident((bytes.size() + kPageBytes - 1) / kPageBytes),
        marks(resident.size()) {}

  std::vector<std::byte> bytes;
  std::vector<std::atomic<bool>> resident;  // by page
  std::vector<std::atomic<uint8_t>> marks;
};

void MemoryPageProvider::FlipBit(uint64_t offset, int bit) {
  base::MutexLock lock(mu_);
  flip_offset_ = offset;
  flip_mask_ = std::byte{1} << bit;
}

void MemoryPageProvider::FailReads(uint64_t offset, int count) {
  base::MutexLock lock(mu_);
  fail_ = {offset, count};
}

void MemoryPageProvider::GarbleReads(uint64_t offset, int count) {
  base::MutexLock lock(mu_);
  garble_ = {offset, count};
}

absl::StatusOr<std::span<const std::byte>> MemoryPageProvider::Contents(
    const std::string& path) {
  const auto known = contents_.find(path);
  if (known != contents_.end()) return known->second;
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  std::vector<std::byte> bytes(std::filesystem::file_size(path));
  in.read(reinterpret_cast<char*>(bytes.data()),
          static_cast<std::streamsize>(bytes.size()));
  if (!in) return absl::UnavailableError(absl::StrCat(path, ": read failed"));
  return contents_.emplace(path, std::move(bytes)).first->second;
}

absl::StatusOr<std::unique_ptr<io::AttachedFile>> MemoryPageProvider::Attach(
    const std::string& path, uint64_t size_bytes) {
  base::MutexLock lock(mu_);
  QUIRE_ASSIGN_OR_RETURN(const std::span<const std::byte> contents,
                         Contents(path));
  if (contents.size() < size_bytes) {
    return absl::DataLossError(absl::StrCat(path, ": ", contents.size(),
                                            " bytes, expected ", size_bytes));
  }
  auto file = std::make_unique<File>(path, contents.first(size_bytes));
  if (flip_offset_ < size_bytes) file->bytes[flip_offset_] ^= flip_mask_;
  return file;
}

void MemoryPageProvider::Detach(std::unique_ptr<io::AttachedFile> file) {
  QUIRE_CHECK(file != nullptr);
}

io::PeekResult MemoryPageProvider::Peek(const io::AttachedFile& file,
                                        uint64_t offset, uint64_t length) {
  QUIRE_CHECK(cache::EpochGuard::Active());
  QUIRE_CHECK(length > 0 && offset + length <= file.size_bytes());
  const auto& own = static_cast<const File&>(file);
  const uint64_t page = offset / kPageBytes;
  const uint64_t size = std::min(length, (page + 1) * kPageBytes - offset);
  io::PeekResult found = {.data = own.bytes.data() + offset, .size = size};
  switch (peeking_) {
    case Peeking::kNothing:
      return {};
    case Peeking::kAll:
      return found;
    case Peeking::kMayFault:
      found.may_fault = true;
      return found;
    case Peeking::kRead:
      // Acquire: pairs with the release in ReadOne.
      if (!own.resident[page].load(std::memory_order_acquire)) return {};
      found.marks = const_cast<std::atomic<uint8_t>*>(&own.marks[page]);
      return found;
  }
  return {};
}

bool MemoryPageProvider::Trap::Springs(const io::Extent& extent) {
  if (count == 0 || offset < extent.offset ||
      offset >= extent.offset + extent.length) {
    return false;
  }
  --count;
  return true;
}

void MemoryPageProvider::ReadOne(io::ReadRequest& request,
                                 io::CachePolicy policy) {
  const io::Extent& extent = request.extent;
  const auto& file = static_cast<const File&>(*extent.file);
  if (extent.offset > file.size_bytes() ||
      extent.length > file.size_bytes() - extent.offset) {
    request.status = absl::OutOfRangeError(Where(extent));
    return;
  }
  base::MutexLock lock(mu_);
  if (fail_.Springs(extent)) {
    request.status =
        absl::UnavailableError(absl::StrCat(Where(extent), ", errno ", EIO));
    return;
  }
  auto* copy = new std::byte[extent.length];
  std::copy_n(file.bytes.data() + extent.offset, extent.length, copy);
  if (garble_.Springs(extent)) {
    copy[garble_.offset - extent.offset] ^= std::byte{1};
  }
  request.status = absl::OkStatus();
  request.pin = io::Pin({copy, extent.length}, nullptr, &copy_owner,
                        reinterpret_cast<uintptr_t>(copy));
  if (policy != io::CachePolicy::kPoint || extent.length == 0) return;
  const uint64_t last = (extent.offset + extent.length - 1) / kPageBytes;
  for (uint64_t page = extent.offset / kPageBytes; page <= last; ++page) {
    // Release: whoever peeks the page finds its marks as they are now.
    const_cast<File&>(file).resident[page].store(true,
                                                 std::memory_order_release);
  }
}

void MemoryPageProvider::Read(std::span<io::ReadRequest> requests,
                              io::CachePolicy policy) {
  QUIRE_CHECK(!cache::EpochGuard::Active());
  // Relaxed: statistics.
  batches_read_.fetch_add(1, std::memory_order_relaxed);
  extents_read_.fetch_add(requests.size(), std::memory_order_relaxed);
  for (io::ReadRequest& request : requests) ReadOne(request, policy);
}

void MemoryPageProvider::Hint(std::span<const io::Extent> extents,
                              io::CachePolicy policy) {
  (void)extents, (void)policy;
}

io::ProviderStats MemoryPageProvider::Stats() const {
  return {.read_extents = extents_read()};
}

}  // namespace quire::testing
