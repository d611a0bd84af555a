#include "kv/internal/table_reader.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "cache/huge_buffer.h"
#include "io/page_provider.h"
#include "kv/internal/bulk_read.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/second_reading.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {
namespace {

// Hash pages are verified while they are still in the processor's cache.
constexpr uint64_t kLoadStepBytes = uint64_t{2} << 20;

absl::Status OtherFileError(const std::string& path, const char* what,
                            uint64_t found, uint64_t expected) {
  return absl::DataLossError(absl::StrCat(path,
                                          ": offset 0: table header: ", what,
                                          " ", found, ", expected ", expected));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TableReader>> TableReader::Open(
    io::PageProvider& provider, const TableIdentity& identity) {
  if (identity.length_bytes < 2 * kPageBytes) {
    return absl::DataLossError(absl::StrCat(identity.path, ": a table of ",
                                            identity.length_bytes,
                                            " bytes lacks header or footer"));
  }
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::AttachedFile> file,
                         provider.Attach(identity.path, identity.length_bytes));
  auto reader = absl::WrapUnique(new TableReader(provider, std::move(file)));
  absl::Status status = reader->ReadFrame(identity);
  if (absl::IsDataLoss(status)) {
    // The footer says where the segment list is, so nobody knows which of the
    // three was damaged, or how much there is of the last.
    ForgetExtent(provider, {reader->file_.get(), 0, identity.length_bytes});
    status = SecondVerdict(provider, reader->ReadFrame(identity));
  }
  QUIRE_RETURN_IF_ERROR(status);
  return reader;
}

TableReader::TableReader(io::PageProvider& provider,
                         std::unique_ptr<io::AttachedFile> file)
    : provider_(provider), file_(std::move(file)) {}

TableReader::~TableReader() { provider_.Detach(std::move(file_)); }

absl::Status TableReader::ReadFrame(const TableIdentity& identity) {
  const std::string& path = file_->path();
  io::ReadRequest requests[2];
  requests[0].extent = {file_.get(), 0, kPageBytes};
  requests[1].extent = {file_.get(), size_bytes() - kPageBytes, kPageBytes};
  provider_.Read(requests, io::CachePolicy::kReadOnce);
  QUIRE_RETURN_IF_ERROR(requests[0].status);
  QUIRE_ASSIGN_OR_RETURN(
      header_,
      DecodeNamedFileHeader(requests[0].pin.bytes(), FileType::kTable, path));
  if (header_.file_number != identity.file_number) {
    return OtherFileError(path, "number", header_.file_number,
                          identity.file_number);
  }
  if (header_.file_id != identity.file_id) {
    return OtherFileError(path, "id", header_.file_id, identity.file_id);
  }
  QUIRE_RETURN_IF_ERROR(requests[1].status);
  QUIRE_ASSIGN_OR_RETURN(
      footer_, DecodeTableFooter(requests[1].pin.bytes(), header_.file_id,
                                 size_bytes(), path));
  std::vector<std::byte> segments(footer_.segments_bytes);
  QUIRE_RETURN_IF_ERROR(
      BulkRead(provider_, *file_, footer_.segments_offset, segments));
  QUIRE_ASSIGN_OR_RETURN(segments_,
                         DecodeTableSegments(segments, footer_, path));
  hash_page_count_ = footer_.hash_page_count;
  hash_bytes_ = hash_page_count_ * kPageBytes;
  return absl::OkStatus();
}

absl::Status TableReader::LoadHashSection() {
  base::MutexLock lock(hash_mu_);
  if (hash_bytes_ == 0 || resident_hash_section() != nullptr) {
    return absl::OkStatus();
  }
  QUIRE_ASSIGN_OR_RETURN(cache::HugeBuffer image, NewHashImage(hash_bytes_));
  for (uint64_t at = 0; at < hash_bytes_; at += kLoadStepBytes) {
    QUIRE_RETURN_IF_ERROR(LoadHashPages(
        at,
        image.bytes().subspan(at, std::min(kLoadStepBytes, hash_bytes_ - at))));
  }
  Publish(std::move(image));
  return absl::OkStatus();
}

absl::Status TableReader::LoadHashPages(uint64_t at,
                                        std::span<std::byte> pages) const {
  const uint64_t begin = footer_.hash_offset + at;
  QUIRE_RETURN_IF_ERROR(BulkRead(provider_, *file_, begin, pages));
  for (uint64_t i = 0; i < pages.size(); i += kPageBytes) {
    const std::span<std::byte> page = pages.subspan(i, kPageBytes);
    HashPageCheck check = CheckHashPage(page.data(), table_id(), begin + i);
    if (check.ok()) continue;
    // Once more, to tell a flip on the way from damage that stays.
    ForgetExtent(provider_, {file_.get(), begin + i, kPageBytes});
    QUIRE_RETURN_IF_ERROR(BulkRead(provider_, *file_, begin + i, page));
    check = CheckHashPage(page.data(), table_id(), begin + i);
    QUIRE_RETURN_IF_ERROR(SecondVerdict(
        provider_,
        check.ok() ? absl::OkStatus()
                   : DamagedTableError(file_->path(), begin + i, kHashPageKind,
                                       check.stored, check.computed)));
  }
  return absl::OkStatus();
}

void TableReader::AdoptHashSection(cache::HugeBuffer image) {
  base::MutexLock lock(hash_mu_);
  if (hash_bytes_ == 0 || resident_hash_section() != nullptr) return;
  QUIRE_CHECK(image.size() >= hash_bytes_);
  Publish(std::move(image));
}

void TableReader::Publish(cache::HugeBuffer image) {
  hash_image_ = std::move(image);
  // Relaxed: a statistic.
  hash_memory_bytes_.store(hash_image_.size(), std::memory_order_relaxed);
  // Release: pairs with the acquire in resident_hash_section.
  resident_.store(hash_image_.data(), std::memory_order_release);
}

absl::StatusOr<std::unique_ptr<FenceIndex>> TableReader::ReadFences() const {
  const uint64_t size = footer_.fence_bytes;
  std::unique_ptr<std::byte[]> bytes(new std::byte[size]);
  QUIRE_RETURN_IF_ERROR(
      BulkRead(provider_, *file_, footer_.fence_offset, {bytes.get(), size}));
  return FenceIndex::Make(std::move(bytes), footer_, file_->path());
}

absl::StatusOr<const FenceIndex*> TableReader::Fences() const {
  // Acquire: pairs with the release below.
  const FenceIndex* fences = fences_.load(std::memory_order_acquire);
  if (fences != nullptr) return fences;
  base::MutexLock lock(fence_mu_);
  if (fence_storage_ == nullptr) {
    absl::StatusOr<std::unique_ptr<FenceIndex>> made = ReadFences();
    if (absl::IsDataLoss(made.status())) {
      ForgetExtent(provider_,
                   {file_.get(), footer_.fence_offset, footer_.fence_bytes});
      made = ReadFences();
      absl::Status verdict = SecondVerdict(provider_, made.status());
      if (!verdict.ok()) made = std::move(verdict);
    }
    QUIRE_ASSIGN_OR_RETURN(fence_storage_, std::move(made));
    // Release: whoever sees the pointer sees the fences.
    fences_.store(fence_storage_.get(), std::memory_order_release);
  }
  return fence_storage_.get();
}

uint64_t TableReader::resident_bytes() const {
  const FenceIndex* fences = fences_.load(std::memory_order_acquire);
  return hash_memory_bytes_.load(std::memory_order_relaxed) +
         (fences == nullptr ? 0 : fences->memory_bytes());
}

}  // namespace quire::kv_internal
