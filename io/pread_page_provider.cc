#include "io/pread_page_provider.h"

#include <fcntl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "io/merged_read.h"
#include "io/provider_counters.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

class PreadFile final : public AttachedFile {
 public:
  // `file_system` must outlive the file.
  PreadFile(FileSystem& file_system, std::string path, uint64_t size_bytes,
            std::unique_ptr<ReadableFile> point_file, int registered_file)
      : AttachedFile(std::move(path), size_bytes),
        file_system_(file_system),
        point_file_(std::move(point_file)),
        registered_file_(registered_file) {}

  const ReadableFile& point_file() const { return *point_file_; }
  int registered_file() const { return registered_file_; }

  // The file with the kernel's usual read-ahead. Opened at the first call: many
  // files are never scanned, and descriptors are few.
  const ReadableFile& scan_file() const {
    // Acquire pairs with the release below: the object behind is whole.
    const ReadableFile* file = scan_file_.load(std::memory_order_acquire);
    return file != nullptr ? *file : OpenScanFile();
  }

 private:
  const ReadableFile& OpenScanFile() const {
    base::MutexLock lock(mu_);
    // Relaxed: the lock orders us after whoever stored it.
    const ReadableFile* file = scan_file_.load(std::memory_order_relaxed);
    if (file == nullptr) {
      absl::StatusOr<std::unique_ptr<ReadableFile>> opened = OpenSealedFile(
          file_system_, path(), size_bytes(), OpenMode::kBuffered);
      // The name may be gone, or descriptors used up; the bytes are the same.
      if (opened.ok()) owned_scan_file_ = *std::move(opened);
      file = owned_scan_file_ != nullptr ? owned_scan_file_.get()
                                         : point_file_.get();
      scan_file_.store(file, std::memory_order_release);
    }
    return *file;
  }

  FileSystem& file_system_;
  const std::unique_ptr<ReadableFile> point_file_;
  const int registered_file_;
  mutable base::Mutex mu_;
  mutable std::unique_ptr<ReadableFile> owned_scan_file_ ABSL_GUARDED_BY(mu_);
  mutable std::atomic<const ReadableFile*> scan_file_ = nullptr;
};

const PreadFile& Downcast(const AttachedFile& file) {
  return static_cast<const PreadFile&>(file);
}

class PreadPageProvider final : public PageProvider {
 public:
  PreadPageProvider(FileSystem& file_system, std::unique_ptr<ReadEngine> engine)
      : file_system_(file_system), engine_(std::move(engine)) {}

  absl::StatusOr<std::unique_ptr<AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override {
    QUIRE_ASSIGN_OR_RETURN(
        std::unique_ptr<ReadableFile> file,
        OpenSealedFile(file_system_, path, size_bytes, OpenMode::kBuffered));
    const int descriptor = file->descriptor();
    int registered_file = -1;
    if (descriptor >= 0) {
      // Advice: nothing depends on whether it is taken.
      posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
      registered_file = engine_->RegisterFile(descriptor);
    }
    return std::make_unique<PreadFile>(file_system_, path, size_bytes,
                                       std::move(file), registered_file);
  }

  void Detach(std::unique_ptr<AttachedFile> file) override {
    engine_->UnregisterFile(Downcast(*file).registered_file());
  }

  void Read(std::span<ReadRequest> requests, CachePolicy policy) override {
    QUIRE_DCHECK(!cache::EpochGuard::Active());
    // The engine alone knows how to leave the page cache as it was.
    if (requests.size() == 1 && policy != CachePolicy::kReadOnce) {
      ReadOne(requests.front(), policy);
    } else {
      const MergedReadCost cost = ReadMerged(
          requests,
          [policy](const AttachedFile& file) {
            return SourceOf(Downcast(file), policy);
          },
          policy == CachePolicy::kReadOnce, *engine_);
      counters_.AddDeviceReads(cost.reads, cost.bytes);
    }
    counters_.AddExtents(requests);
  }

  void Hint(std::span<const Extent> extents, CachePolicy policy) override {
    if (policy == CachePolicy::kReadOnce) return;
    for (const Extent& extent : extents) {
      StartReadAhead(*SourceOf(Downcast(*extent.file), policy).file, extent);
    }
  }

  ProviderStats Stats() const override { return counters_.Stats(); }

 private:
  static ReadSource SourceOf(const PreadFile& file, CachePolicy policy) {
    if (policy == CachePolicy::kPoint) {
      return {&file.point_file(), file.registered_file()};
    }
    return {&file.scan_file(), -1};
  }

  void ReadOne(ReadRequest& request, CachePolicy policy) {
    std::unique_ptr<std::byte[]> bytes = BeginCopy(request);
    if (bytes == nullptr) return;
    const Extent& extent = request.extent;
    counters_.AddDeviceReads(1, extent.length);
    request.status =
        SourceOf(Downcast(*extent.file), policy)
            .file->ReadAt(extent.offset, {bytes.get(), extent.length});
    if (request.status.ok()) {
      request.pin = MakeOwnedPin(std::move(bytes), extent.length);
    }
  }

  FileSystem& file_system_;
  const std::unique_ptr<ReadEngine> engine_;
  ProviderCounters counters_;
};

}  // namespace

std::unique_ptr<PageProvider> NewPreadPageProvider(
    FileSystem& file_system, std::unique_ptr<ReadEngine> engine) {
  return std::make_unique<PreadPageProvider>(file_system, std::move(engine));
}

}  // namespace quire::io
