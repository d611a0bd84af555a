#include "io/mmap_page_provider.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "io/async_reader.h"
#include "io/copying_async_reader.h"
#include "io/file_table.h"
#include "io/guarded_copy.h"
#include "io/memory_limit.h"
#include "io/merged_read.h"
#include "io/posix_error.h"
#include "io/preadv_engine.h"
#include "io/provider_counters.h"
#include "io/read_engine.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

constexpr uint64_t kHugePage = 2 << 20;

// A file mapped read-only; unmapped at destruction.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, size_);
  }

  // Maps the first `size` bytes, not 0, of `file`.
  static absl::StatusOr<Mapping> Map(const ReadableFile& file, uint64_t size);

  const std::byte* data() const { return data_; }

  // Gives the kernel advice. Nothing depends on whether it is taken.
  void Advise(int advice) const { madvise(data_, size_, advice); }

  // Takes the pages that hold these bytes out of the page tables, and what lies
  // with them in the same 2 MiB: the kernel may keep all of that in one piece,
  // which is mapped while any page of it is. The next touch brings them back.
  void Unmap(uint64_t offset, uint64_t length) const {
    const uint64_t begin = offset / kHugePage * kHugePage;
    const uint64_t end = std::min(
        (offset + length + kHugePage - 1) / kHugePage * kHugePage, size_);
    madvise(data_ + begin, end - begin, MADV_DONTNEED);
  }

 private:
  Mapping(std::byte* data, uint64_t size) : data_(data), size_(size) {}

  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
};

absl::StatusOr<Mapping> Mapping::Map(const ReadableFile& file, uint64_t size) {
  // Reserves enough to find a multiple of 2 MiB in it, maps the file there and
  // gives the rest back.
  const uint64_t reserved = size + kHugePage;
  void* const reservation =
      mmap(nullptr, reserved, PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reservation == MAP_FAILED) {
    return PosixError(errno, "reserve addresses to map", file.path(), 0, size);
  }
  std::byte* const begin = static_cast<std::byte*>(reservation);
  const uint64_t skipped =
      -reinterpret_cast<uintptr_t>(reservation) % kHugePage;
  std::byte* const data = begin + skipped;
  if (mmap(data, size, PROT_READ, MAP_SHARED | MAP_FIXED, file.descriptor(),
           0) == MAP_FAILED) {
    const int error = errno;
    munmap(reservation, reserved);
    return PosixError(error, "mmap", file.path(), 0, size);
  }
  const uint64_t page_size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t used = (size + page_size - 1) / page_size * page_size;
  if (skipped > 0) munmap(begin, skipped);
  if (skipped + used < reserved) {
    munmap(data + used, reserved - skipped - used);
  }
  return Mapping(data, size);
}

class MmapFile final : public AttachedFile {
 public:
  MmapFile(std::string path, uint64_t size_bytes,
           std::unique_ptr<TableFile> file,
           std::unique_ptr<TableFile> point_file, Mapping mapping)
      : AttachedFile(std::move(path), size_bytes),
        file_(std::move(file)),
        point_file_(std::move(point_file)),
        mapping_(std::move(mapping)) {}

  const TableFile& file() const { return *file_; }
  const TableFile& point_file() const { return *point_file_; }
  const Mapping& mapping() const { return mapping_; }

  // The size that the file has now, in bytes; less than size_bytes() if it was
  // cut short. A file that has been removed, and closed, can't be asked any
  // more, nor be cut short by name.
  absl::StatusOr<uint64_t> CurrentSize(FileTable::Section& files) const {
    const absl::StatusOr<ReadSource> source = files.TryFind(*file_);
    if (absl::IsFailedPrecondition(source.status())) return size_bytes();
    QUIRE_RETURN_IF_ERROR(source.status());
    struct stat status;
    if (fstat(source->file->descriptor(), &status) != 0) {
      return ReadError(errno, "fstat", path(), 0, size_bytes());
    }
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  // Open only where it has to be: reads are of the mapping.
  const std::unique_ptr<TableFile> file_;
  // Where the kernel reads nothing ahead; opened when it is first needed.
  const std::unique_ptr<TableFile> point_file_;
  const Mapping mapping_;
};

const MmapFile& Downcast(const AttachedFile* file) {
  return static_cast<const MmapFile&>(*file);
}

class MmapPageProvider final : public PageProvider, public AsyncPageProvider {
 public:
  MmapPageProvider(uint64_t memory_bytes, FileSystem& file_system,
                   std::unique_ptr<ReadEngine> engine, uint32_t max_open_files)
      : memory_bytes_(memory_bytes),
        engine_(std::move(engine)),
        files_table_(file_system, engine_.get(), OpenMode::kBuffered,
                     max_open_files) {}

  absl::StatusOr<std::unique_ptr<AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override;
  void Detach(std::unique_ptr<AttachedFile> file) override;

  PeekResult Peek(const AttachedFile& file, uint64_t offset,
                  uint64_t length) override {
    QUIRE_DCHECK(cache::EpochGuard::Active());
    QUIRE_DCHECK(length > 0);
    QUIRE_DCHECK(CheckExtent({&file, offset, length}).ok());
    return {.data = Downcast(&file).mapping().data() + offset,
            .size = length,
            .may_fault = true,
            .marks = nullptr};
  }

  void Read(std::span<ReadRequest> requests, CachePolicy policy) override;

  std::unique_ptr<AsyncReader> NewAsyncReader(uint32_t depth) override {
    std::unique_ptr<ReadQueue> queue = engine_->NewQueue(depth);
    if (queue == nullptr) return nullptr;
    return NewCopyingAsyncReader(
        {.provider = *this,
         .counters = counters_,
         .files = files_table_,
         .file_of = [](const AttachedFile& file) -> const TableFile& {
           return Downcast(&file).point_file();
         }},
        std::move(queue));
  }

  void Hint(std::span<const Extent> extents, CachePolicy policy) override {
    if (policy == CachePolicy::kReadOnce) return;
    FileTable::Section files(files_table_);
    for (const Extent& extent : extents) {
      StartReadAhead(*files.Find(Downcast(extent.file).file()).file, extent);
    }
  }

  void Forget(std::span<const Extent> extents) override {
    FileTable::Section files(files_table_);
    for (const Extent& extent : extents) {
      if (!CheckExtent(extent).ok() || extent.length == 0) continue;
      // What is mapped stays in the page cache.
      Downcast(extent.file).mapping().Unmap(extent.offset, extent.length);
      DropReadAhead(*files.Find(Downcast(extent.file).file()).file, extent);
    }
  }

  std::string_view Name() const override { return "mmap"; }

  ProviderStats Stats() const override { return counters_.Stats(); }

 private:
  // Sets the advice of all files after one came or went.
  void UpdateAdvice() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void ReadPart(std::span<ReadRequest> requests, CachePolicy policy);
  void ReadFiles(FileTable::Section& files, std::span<ReadRequest> requests,
                 CachePolicy policy);

  // Copies one extent; its status is final unless the file was cut short within
  // the extent's last page.
  void Copy(FileTable::Section& files, ReadRequest& request);

  // What `request` comes to after its copy has met a fault.
  absl::Status ReadAfterFault(FileTable::Section& files,
                              const ReadRequest& request,
                              std::span<std::byte> bytes);

  // Gives DataLoss to requests whose bytes were beyond the end of a file.
  void CheckSizes(FileTable::Section& files, std::span<ReadRequest> requests);

  const uint64_t memory_bytes_;
  const std::unique_ptr<ReadEngine> engine_;
  FileTable files_table_;
  ProviderCounters counters_;

  base::Mutex mu_;
  std::set<const MmapFile*> files_ ABSL_GUARDED_BY(mu_);  // without empty ones
  uint64_t attached_bytes_ ABSL_GUARDED_BY(mu_) = 0;      // of files_
  bool exceeds_memory_ ABSL_GUARDED_BY(mu_) = false;
};

absl::StatusOr<std::unique_ptr<AttachedFile>> MmapPageProvider::Attach(
    const std::string& path, uint64_t size_bytes) {
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<TableFile> file,
      files_table_.Open(path, size_bytes, /*random_access=*/false));
  Mapping mapping;
  if (size_bytes > 0) {  // nothing can't be mapped
    FileTable::Section files(files_table_);
    QUIRE_ASSIGN_OR_RETURN(const ReadSource source, files.TryFind(*file));
    if (source.file->descriptor() < 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "mmap ", path, ": the file system gives no descriptor for it"));
    }
    QUIRE_ASSIGN_OR_RETURN(mapping, Mapping::Map(*source.file, size_bytes));
  }
  auto mapped = std::make_unique<MmapFile>(
      path, size_bytes, std::move(file),
      files_table_.OpenLater(path, size_bytes, /*random_access=*/true),
      std::move(mapping));
  if (size_bytes == 0) return mapped;
  base::MutexLock lock(mu_);
  files_.insert(mapped.get());
  attached_bytes_ += size_bytes;
  if (exceeds_memory_) mapped->mapping().Advise(MADV_RANDOM);
  UpdateAdvice();
  return mapped;
}

void MmapPageProvider::Detach(std::unique_ptr<AttachedFile> file) {
  base::MutexLock lock(mu_);
  if (files_.erase(&Downcast(file.get())) == 0) return;
  attached_bytes_ -= file->size_bytes();
  UpdateAdvice();
}

void MmapPageProvider::UpdateAdvice() {
  const bool exceeds_memory = attached_bytes_ > memory_bytes_;
  if (exceeds_memory == exceeds_memory_) return;
  exceeds_memory_ = exceeds_memory;
  for (const MmapFile* file : files_) {
    file->mapping().Advise(exceeds_memory ? MADV_RANDOM : MADV_NORMAL);
  }
}

void MmapPageProvider::Read(std::span<ReadRequest> requests,
                            CachePolicy policy) {
  QUIRE_DCHECK(!cache::EpochGuard::Active());
  ForEachPart(requests, files_table_.files_per_section(),
              [&](std::span<ReadRequest> part) { ReadPart(part, policy); });
  counters_.AddExtents(requests);
}

void MmapPageProvider::ReadPart(std::span<ReadRequest> requests,
                                CachePolicy policy) {
  FileTable::Section files(files_table_);
  if (policy == CachePolicy::kReadOnce ||
      (policy == CachePolicy::kPoint && requests.size() > 1)) {
    ReadFiles(files, requests, policy);
    return;
  }
  if (requests.size() > 1) {
    // Asking first what is in memory (by mincore) would cost more than this
    // does where all of it is.
    for (const ReadRequest& request : requests) {
      StartReadAhead(*files.Find(Downcast(request.extent.file).file()).file,
                     request.extent);
    }
  }
  for (ReadRequest& request : requests) Copy(files, request);
  CheckSizes(files, requests);
}

void MmapPageProvider::ReadFiles(FileTable::Section& files,
                                 std::span<ReadRequest> requests,
                                 CachePolicy policy) {
  const bool once = policy == CachePolicy::kReadOnce;
  const MergedReadCost cost = ReadMerged(
      requests,
      [&](const AttachedFile& file) {
        const MmapFile& mapped = Downcast(&file);
        if (!once) {
          const absl::StatusOr<ReadSource> source =
              files.TryFind(mapped.point_file());
          if (source.ok()) return *source;
        }
        return files.Find(mapped.file());
      },
      /*drop_behind=*/once, *engine_);
  counters_.AddDeviceReads(cost.reads, cost.bytes);
  for (ReadRequest& request : requests) {
    // What can't be opened any more is still mapped.
    if (absl::IsFailedPrecondition(request.status)) Copy(files, request);
  }
}

void MmapPageProvider::Copy(FileTable::Section& files, ReadRequest& request) {
  std::unique_ptr<std::byte[]> bytes = BeginCopy(request);
  if (bytes == nullptr) return;
  const Extent& extent = request.extent;
  const std::byte* const source =
      Downcast(extent.file).mapping().data() + extent.offset;
  if (!GuardedCopy(bytes.get(), source, extent.length)) {
    request.status =
        ReadAfterFault(files, request, {bytes.get(), extent.length});
  }
  if (request.status.ok()) {
    request.pin = MakeOwnedPin(std::move(bytes), extent.length);
  }
}

absl::Status MmapPageProvider::ReadAfterFault(FileTable::Section& files,
                                              const ReadRequest& request,
                                              std::span<std::byte> bytes) {
  // The kernel says by errno what it can't say by a signal, and what was out of
  // order for a moment succeeds. A file cut short gives DataLoss here.
  counters_.AddDeviceReads(1, bytes.size());
  return files.Find(Downcast(request.extent.file).file())
      .file->ReadAt(request.extent.offset, bytes);
}

void MmapPageProvider::CheckSizes(FileTable::Section& files,
                                  std::span<ReadRequest> requests) {
  // After the copies: a file that still is as long as it was sealed was so
  // before. One look at each file, of which a batch has few.
  absl::InlinedVector<std::pair<const AttachedFile*, absl::StatusOr<uint64_t>>,
                      4>
      sizes;
  for (ReadRequest& request : requests) {
    const Extent& extent = request.extent;
    if (!request.status.ok() || extent.length == 0) continue;
    auto known = std::find_if(
        sizes.begin(), sizes.end(),
        [&](const auto& size) { return size.first == extent.file; });
    if (known == sizes.end()) {
      sizes.emplace_back(extent.file, Downcast(extent.file).CurrentSize(files));
      known = sizes.end() - 1;
    }
    const absl::StatusOr<uint64_t>& size = known->second;
    if (!size.ok()) {
      request.status = size.status();
    } else if (extent.offset + extent.length > *size) {
      request.status = CutShortError(extent.file->path(), extent.offset,
                                     extent.length, *size);
    }
    if (!request.status.ok()) request.pin.Reset();
  }
}

}  // namespace

std::unique_ptr<PageProvider> NewMmapPageProvider(
    const MmapProviderOptions& options, FileSystem& file_system,
    std::unique_ptr<ReadEngine> engine) {
  return std::make_unique<MmapPageProvider>(
      options.memory_bytes != 0 ? options.memory_bytes : UsableMemoryBytes(),
      file_system, engine != nullptr ? std::move(engine) : MakePreadvEngine(),
      options.max_open_files);
}

}  // namespace quire::io
