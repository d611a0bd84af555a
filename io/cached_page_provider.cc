#include "io/cached_page_provider.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/prefetch.h"
#include "base/status_macros.h"
#include "base/striped_counter.h"
#include "cache/page_cache.h"
#include "cache/translation.h"
#include "io/async_reader.h"
#include "io/cached_async_reader.h"
#include "io/cached_file.h"
#include "io/cached_read.h"
#include "io/file_table.h"
#include "io/page_loader.h"
#include "io/page_slot.h"
#include "io/provider_counters.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

constexpr uint64_t kPageBytes = CachedFile::kPageBytes;
constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;
constexpr uint64_t kMaxPieceBytes = uint64_t{1} << 20;

// One Peek in so many is counted, for all of them.
constexpr uint32_t kPeekSample = 64;

// Hits since the thread last counted some; shared by all providers, since only
// the average matters. A counter proper would cost each hit as much as the rest
// of it.
constinit thread_local uint32_t peeks_to_count
    __attribute__((tls_model("initial-exec"))) = 0;

class CachedPageProvider final : public PageProvider,
                                 public AsyncPageProvider,
                                 private PinOwner {
 public:
  CachedPageProvider(const CachedProviderOptions& options,
                     FileSystem& file_system,
                     std::unique_ptr<cache::PageCache> cache,
                     std::unique_ptr<ReadEngine> engine)
      : open_mode_(options.open_mode),
        cache_(std::move(cache)),
        engine_(std::move(engine)),
        files_(file_system, engine_.get(), options.open_mode,
               options.max_open_files),
        context_{.cache = *cache_,
                 .engine = *engine_,
                 .counters = counters_,
                 .files = files_,
                 .piece_pages = direct() ? 1 : options.piece_bytes / kPageBytes,
                 .through_page_cache = !direct()} {}

  // A pin that is left would point into memory that goes.
  ~CachedPageProvider() override { QUIRE_CHECK(cache_->pinned_frames() == 0); }

  absl::StatusOr<std::unique_ptr<AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override;
  void Detach(std::unique_ptr<AttachedFile> file) override;
  PeekResult Peek(const AttachedFile& file, uint64_t offset,
                  uint64_t length) override;
  void PrefetchPeek(const AttachedFile& file, uint64_t offset) override {
    base::PrefetchCacheLine(&CachedFile::From(file).entry(offset / kPageBytes));
  }
  void Read(std::span<ReadRequest> requests, CachePolicy policy) override;
  std::unique_ptr<AsyncReader> NewAsyncReader(uint32_t depth) override;
  void Hint(std::span<const Extent> extents, CachePolicy policy) override;
  void Forget(std::span<const Extent> extents) override;
  std::string_view Name() const override {
    return direct() ? "direct" : "buffered";
  }
  ProviderStats Stats() const override;

 private:
  void Unpin(uintptr_t frame) noexcept override {
    cache_->Unpin(static_cast<cache::FrameIndex>(frame));
  }

  // Registers the cache's memory with the engine once the cache has filled. At
  // the beginning it would take all of it from the machine, in a stroke: 0.1 s
  // and more for 64 MiB where memory is slow to be had.
  void RegisterUsedMemory();

  // Starts fetching the first lines from offset `within` of a frame that may be
  // the right one.
  void StartFetching(cache::FrameIndex guess, uint64_t within) const {
    if (guess >= frame_count_) return;
    const std::byte* const bytes = cache_->Data(guess) + within;
    base::PrefetchCacheLine(bytes);
    base::PrefetchCacheLine(bytes + 64);
    base::PrefetchCacheLine(bytes + 128);
  }

  bool direct() const { return open_mode_ == OpenMode::kDirect; }

  const OpenMode open_mode_;
  base::StripedCounter peek_hits_;
  ProviderCounters counters_;
  const std::unique_ptr<cache::PageCache> cache_;
  const uint64_t frame_count_ = cache_->memory().size() / kPageBytes;
  // Destroyed before the cache, whose memory it may have registered.
  const std::unique_ptr<ReadEngine> engine_;
  FileTable files_;
  const CachedReadContext context_;
  std::atomic<bool> memory_registered_{false};
};

absl::StatusOr<std::unique_ptr<AttachedFile>> CachedPageProvider::Attach(
    const std::string& path, uint64_t size_bytes) {
  // Pieces are what is read ahead; scans use Hint.
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<TableFile> file,
      files_.Open(path, size_bytes, /*random_access=*/!direct()));
  uint32_t alignment;
  {
    FileTable::Section files(files_);
    QUIRE_ASSIGN_OR_RETURN(const ReadSource source, files.TryFind(*file));
    alignment = source.file->direct_alignment();
  }
  if (alignment > kPageBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat("O_DIRECT on ", path, " asks for an alignment of ",
                     alignment, " bytes, more than ", kPageBytes));
  }
  QUIRE_ASSIGN_OR_RETURN(
      cache::Translation pages,
      cache::Translation::Create((size_bytes + kPageBytes - 1) / kPageBytes));
  return std::make_unique<CachedFile>(path, size_bytes, std::move(file),
                                      alignment, std::move(pages));
}

void CachedPageProvider::Detach(std::unique_ptr<AttachedFile> file) {
  cache_->Drop(CachedFile::From(*file).pages());
}

PeekResult CachedPageProvider::Peek(const AttachedFile& file, uint64_t offset,
                                    uint64_t length) {
  QUIRE_DCHECK(length > 0 && offset + length <= file.size_bytes());
  const CachedFile& cached = CachedFile::From(file);
  const uint64_t page = offset / kPageBytes;
  const uint64_t within = offset % kPageBytes;
  StartFetching(cached.hints().Guess(page), within);
  const cache::FrameIndex frame = cache_->FindAndUse(cached.entry(page));
  if (frame == cache::kNoFrame) return {};
  if (++peeks_to_count == kPeekSample) {
    peeks_to_count = 0;
    peek_hits_.Add(kPeekSample);
    cached.hints().Learn(page, frame);
  }
  return {.data = cache_->Data(frame) + within,
          .size = std::min(length, kPageBytes - within),
          .may_fault = false,
          .marks = &cache_->Marks(frame)};
}

void CachedPageProvider::Read(std::span<ReadRequest> requests,
                              CachePolicy policy) {
  ForEachPart(requests, files_.files_per_section(),
              [&](std::span<ReadRequest> part) {
                CachedRead(context_, *this, part, policy).Run();
              });
  counters_.AddExtents(requests);
  RegisterUsedMemory();
}

std::unique_ptr<AsyncReader> CachedPageProvider::NewAsyncReader(
    uint32_t depth) {
  std::unique_ptr<ReadQueue> queue = engine_->NewQueue(depth);
  if (queue == nullptr) return nullptr;
  RegisterUsedMemory();
  return NewCachedAsyncReader(context_, *this, *this, std::move(queue));
}

void CachedPageProvider::RegisterUsedMemory() {
  // Under kBuffered most reads are of pieces, which go to scattered frames, and
  // the kernel takes registered memory only for reads into one place.
  if (!direct() || !cache_->all_frames_used() ||
      memory_registered_.load(std::memory_order_relaxed)) {
    return;
  }
  // Relaxed: only has to choose one thread.
  if (!memory_registered_.exchange(true, std::memory_order_relaxed)) {
    engine_->RegisterMemory(cache_->memory());
  }
}

void CachedPageProvider::Hint(std::span<const Extent> extents,
                              CachePolicy policy) {
  if (direct() || policy == CachePolicy::kReadOnce) return;
  FileTable::Section files(files_);
  for (const Extent& extent : extents) {
    StartReadAhead(*files.Find(CachedFile::From(*extent.file).file()).file,
                   extent);
  }
}

void CachedPageProvider::Forget(std::span<const Extent> extents) {
  FileTable::Section files(files_);
  for (const Extent& extent : extents) {
    if (extent.length == 0 || !CheckExtent(extent).ok()) continue;
    const CachedFile& file = CachedFile::From(*extent.file);
    // First, so that no load that begins later finds the bytes there.
    if (!direct()) DropReadAhead(*files.Find(file.file()).file, extent);
    for (uint64_t page = FirstPage(extent); page <= LastPage(extent); ++page) {
      // A load that began before may have found them. Its error is its own.
      cache_->Wait(file.entry(page)).IgnoreError();
      cache_->Forget(file.entry(page));
    }
  }
}

ProviderStats CachedPageProvider::Stats() const {
  ProviderStats stats = counters_.Stats();
  stats.peek_hits = static_cast<uint64_t>(peek_hits_.Sum());
  stats.evictions = cache_->evictions();
  stats.cache_capacity_bytes = cache_->memory().size();
  stats.cache_used_bytes = cache_->used_frames() * kPageBytes;
  stats.cache_pinned_bytes = cache_->pinned_frames() * kPageBytes;
  return stats;
}

absl::Status Validate(const CachedProviderOptions& options) {
  const uint64_t piece = options.piece_bytes;
  const bool direct = options.open_mode == OpenMode::kDirect;
  if (!direct && (piece < kPageBytes || piece > kMaxPieceBytes ||
                  (piece & (piece - 1)) != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the piece that a buffered read takes, ", piece,
                     " bytes, isn't a power of two from 4096 to 1 MiB"));
  }
  const uint64_t least = direct ? kPageBytes : piece;
  if (options.cache_bytes < least) {
    return absl::InvalidArgumentError(
        absl::StrCat("a cache of ", options.cache_bytes,
                     " bytes is too small: it must hold ", least));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<PageProvider>> NewCachedPageProvider(
    const CachedProviderOptions& options, FileSystem& file_system,
    std::unique_ptr<ReadEngine> engine) {
  QUIRE_RETURN_IF_ERROR(Validate(options));
  // Below a huge page, exactly what was asked for: a buffer of one page is a
  // setting to measure.
  const uint64_t unit =
      options.cache_bytes < kHugePageBytes ? kPageBytes : kHugePageBytes;
  const uint64_t page_count =
      (options.cache_bytes - 1) / unit * (unit / kPageBytes) +
      unit / kPageBytes;
  if (page_count >= cache::kNoFrame) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a cache of ", options.cache_bytes, " bytes has too many pages"));
  }
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<cache::PageCache> cache,
      cache::PageCache::Create(static_cast<uint32_t>(page_count)));
  return std::make_unique<CachedPageProvider>(
      options, file_system, std::move(cache), std::move(engine));
}

}  // namespace quire::io
