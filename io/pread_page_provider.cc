#include "io/pread_page_provider.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "io/async_reader.h"
#include "io/copying_async_reader.h"
#include "io/file_table.h"
#include "io/merged_read.h"
#include "io/provider_counters.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

class PreadFile final : public AttachedFile {
 public:
  PreadFile(std::string path, uint64_t size_bytes,
            std::unique_ptr<TableFile> point_file,
            std::unique_ptr<TableFile> scan_file)
      : AttachedFile(std::move(path), size_bytes),
        point_file_(std::move(point_file)),
        scan_file_(std::move(scan_file)) {}

  const TableFile& point_file() const { return *point_file_; }

  // Where to read. A scan takes the descriptor for points where its own isn't
  // to be had: the name may be gone, or descriptors used up; the bytes are the
  // same.
  ReadSource Source(FileTable::Section& files, CachePolicy policy) const {
    if (policy != CachePolicy::kPoint &&
        !scan_refused_.load(std::memory_order_relaxed)) {
      const absl::StatusOr<ReadSource> source = files.TryFind(*scan_file_);
      if (source.ok()) return *source;
      scan_refused_.store(true, std::memory_order_relaxed);
    }
    return files.Find(*point_file_);
  }

 private:
  const std::unique_ptr<TableFile> point_file_;
  // With the kernel's usual read-ahead. Opened when it is first needed: many
  // files are never scanned.
  const std::unique_ptr<TableFile> scan_file_;
  // It could not be opened and isn't tried again. Relaxed: saves an attempt.
  mutable std::atomic<bool> scan_refused_{false};
};

const PreadFile& Downcast(const AttachedFile& file) {
  return static_cast<const PreadFile&>(file);
}

class PreadPageProvider final : public PageProvider, public AsyncPageProvider {
 public:
  PreadPageProvider(FileSystem& file_system, std::unique_ptr<ReadEngine> engine,
                    uint32_t max_open_files)
      : engine_(std::move(engine)),
        files_(file_system, engine_.get(), OpenMode::kBuffered,
               max_open_files) {}

  absl::StatusOr<std::unique_ptr<AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override {
    QUIRE_ASSIGN_OR_RETURN(
        std::unique_ptr<TableFile> point_file,
        files_.Open(path, size_bytes, /*random_access=*/true));
    return std::make_unique<PreadFile>(
        path, size_bytes, std::move(point_file),
        files_.OpenLater(path, size_bytes, /*random_access=*/false));
  }

  void Detach(std::unique_ptr<AttachedFile> file) override { file.reset(); }

  void Read(std::span<ReadRequest> requests, CachePolicy policy) override {
    QUIRE_DCHECK(!cache::EpochGuard::Active());
    ForEachPart(requests, files_.files_per_section(),
                [&](std::span<ReadRequest> part) { ReadPart(part, policy); });
    counters_.AddExtents(requests);
  }

  std::unique_ptr<AsyncReader> NewAsyncReader(uint32_t depth) override {
    std::unique_ptr<ReadQueue> queue = engine_->NewQueue(depth);
    if (queue == nullptr) return nullptr;
    return NewCopyingAsyncReader(
        {.provider = *this,
         .counters = counters_,
         .files = files_,
         .file_of = [](const AttachedFile& file) -> const TableFile& {
           return Downcast(file).point_file();
         }},
        std::move(queue));
  }

  void Hint(std::span<const Extent> extents, CachePolicy policy) override {
    if (policy == CachePolicy::kReadOnce) return;
    FileTable::Section files(files_);
    for (const Extent& extent : extents) {
      StartReadAhead(*Downcast(*extent.file).Source(files, policy).file,
                     extent);
    }
  }

  void Forget(std::span<const Extent> extents) override {
    FileTable::Section files(files_);
    for (const Extent& extent : extents) {
      DropReadAhead(
          *Downcast(*extent.file).Source(files, CachePolicy::kPoint).file,
          extent);
    }
  }

  std::string_view Name() const override { return "pread"; }

  ProviderStats Stats() const override { return counters_.Stats(); }

 private:
  void ReadPart(std::span<ReadRequest> requests, CachePolicy policy) {
    FileTable::Section files(files_);
    // The engine alone knows how to leave the page cache as it was.
    if (requests.size() == 1 && policy != CachePolicy::kReadOnce) {
      ReadOne(files, requests.front(), policy);
      return;
    }
    const MergedReadCost cost = ReadMerged(
        requests,
        [&](const AttachedFile& file) {
          return Downcast(file).Source(files, policy);
        },
        policy == CachePolicy::kReadOnce, *engine_);
    counters_.AddDeviceReads(cost.reads, cost.bytes);
  }

  void ReadOne(FileTable::Section& files, ReadRequest& request,
               CachePolicy policy) {
    std::unique_ptr<std::byte[]> bytes = BeginCopy(request);
    if (bytes == nullptr) return;
    const Extent& extent = request.extent;
    counters_.AddDeviceReads(1, extent.length);
    request.status =
        Downcast(*extent.file)
            .Source(files, policy)
            .file->ReadAt(extent.offset, {bytes.get(), extent.length});
    if (request.status.ok()) {
      request.pin = MakeOwnedPin(std::move(bytes), extent.length);
    }
  }

  const std::unique_ptr<ReadEngine> engine_;
  FileTable files_;
  ProviderCounters counters_;
};

}  // namespace

std::unique_ptr<PageProvider> NewPreadPageProvider(
    FileSystem& file_system, std::unique_ptr<ReadEngine> engine,
    uint32_t max_open_files) {
  return std::make_unique<PreadPageProvider>(file_system, std::move(engine),
                                             max_open_files);
}

}  // namespace quire::io
