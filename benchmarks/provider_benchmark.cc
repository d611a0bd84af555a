// What one read costs through each provider, and what the guard adds to a copy.
//
//   BM_Memcpy/bytes, BM_GuardedCopy/bytes   from a mapped file, warm
//   BM_GuardedCopyFault                     a copy that meets SIGBUS
//   BM_HotRead/mode/bytes                   what a Get does for a resident
//   value:
//                                           guard, Peek and copy, else Read
//   BM_HotBatch/mode                        Read of 32 resident extents of 128
//   B BM_ColdBatch/mode                       Read of 32 extents of 128 B at
//   random
//                                           places, nothing of them in memory
//   BM_ColdSingles/mode                     the same extents one after the
//   other
//
// Modes: 0 pread, 1 buffered, 2 mmap, 3 direct (io/open_provider.h). An item is
// an extent.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "benchmark/benchmark.h"
#include "cache/epoch.h"
#include "io/guarded_copy.h"
#include "io/mmap_page_provider.h"
#include "io/open_provider.h"
#include "io/page_cache_control.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

constexpr uint64_t kSeed = 301;
constexpr uint64_t kFileBytes = 64 << 20;
constexpr size_t kBatch = 32;

const std::string& FilePath() {
  static const testing::TempDirectory* const directory =
      new testing::TempDirectory;
  static const std::string* const path = [] {
    auto* const made = new std::string(directory->File("data"));
    // In large pieces, as the database writes its files.
    const std::string bytes(kFileBytes, 'q');
    testing::WriteFile(*made, bytes);
    QUIRE_CHECK(DropFromPageCache(*made).ok());
    QUIRE_CHECK(testing::ReadFile(*made).size() == kFileBytes);
    return made;
  }();
  return *path;
}

// Places for extents of `length` bytes, the same in each run.
std::vector<uint64_t> RandomOffsets(uint64_t length, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> offsets(1 << 16);
  for (uint64_t& offset : offsets) {
    offset = random() % (kFileBytes - length) / 8 * 8;
  }
  return offsets;
}

// A provider with the file attached.
class AttachedProvider {
 public:
  explicit AttachedProvider(ReadMode mode) {
    auto opened = OpenProvider({.read_mode = mode,
                                .read_mode_policy = ProviderPolicy::kRequire,
                                .cache_bytes = 2 * kFileBytes},
                               PosixFileSystem(),
                               FilePath().substr(0, FilePath().rfind('/')));
    QUIRE_CHECK(opened.ok());
    provider_ = std::move(opened->provider);
    Attach();
  }
  ~AttachedProvider() { Detach(); }

  PageProvider& provider() { return *provider_; }
  const AttachedFile& file() const { return *file_; }

  void Attach() {
    auto file = provider_->Attach(FilePath(), kFileBytes);
    QUIRE_CHECK(file.ok());
    file_ = *std::move(file);
  }
  void Detach() {
    cache::SynchronizeEpoch();
    provider_->Detach(std::move(file_));
  }

  // Brings the whole file into memory, where the provider keeps it.
  void Warm() {
    for (uint64_t at = 0; at < kFileBytes; at += 32 << 10) {
      ReadRequest request;
      request.extent = {file_.get(), at, 32 << 10};
      provider_->Read({&request, 1}, CachePolicy::kPoint);
      QUIRE_CHECK(request.status.ok());
    }
  }

 private:
  std::unique_ptr<PageProvider> provider_;
  std::unique_ptr<AttachedFile> file_;
};

template <typename Copy>
void CopyMapped(benchmark::State& state, Copy copy) {
  AttachedProvider attached(ReadMode::kMmap);
  attached.Warm();
  const size_t size = static_cast<size_t>(state.range(0));
  std::vector<char> buffer(size);
  const cache::EpochGuard guard;
  const std::byte* const data =
      attached.provider().Peek(attached.file(), 0, kFileBytes).data;
  size_t at = 0;
  for (auto _ : state) {
    copy(buffer.data(), data + at, size);
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
    at = (at + 4096 + 64) % (1 << 20);
  }
}

void BM_Memcpy(benchmark::State& state) {
  CopyMapped(state, [](char* to, const std::byte* from, size_t size) {
    std::memcpy(to, from, size);
  });
}
BENCHMARK(BM_Memcpy)->Arg(64)->Arg(256)->Arg(1024)->Arg(4096);

void BM_GuardedCopy(benchmark::State& state) {
  CopyMapped(state, [](char* to, const std::byte* from, size_t size) {
    QUIRE_CHECK(GuardedCopy(to, from, size));
  });
}
BENCHMARK(BM_GuardedCopy)->Arg(64)->Arg(256)->Arg(1024)->Arg(4096);

void BM_GuardedCopyFault(benchmark::State& state) {
  const testing::TempDirectory directory;
  const std::string path = directory.File("cut");
  testing::WriteFile(path, std::string(4096, 'x'));
  const std::unique_ptr<PageProvider> provider =
      NewMmapPageProvider({}, PosixFileSystem());
  auto file = provider->Attach(path, 4096);
  QUIRE_CHECK(file.ok());
  std::filesystem::resize_file(path, 0);
  {
    const cache::EpochGuard guard;
    const std::byte* const data = provider->Peek(**file, 0, 1).data;
    char byte;
    for (auto _ : state) QUIRE_CHECK(!GuardedCopy(&byte, data, 1));
  }
  provider->Detach(*std::move(file));
}
BENCHMARK(BM_GuardedCopyFault);

// Copies a value as a Get does; the copy through a Pin where Peek misses.
void Get(AttachedProvider& attached, uint64_t offset, char* to, size_t size) {
  {
    const cache::EpochGuard guard;
    size_t done = 0;
    while (done < size) {
      const PeekResult found =
          attached.provider().Peek(attached.file(), offset + done, size - done);
      if (found.data == nullptr) break;
      if (found.may_fault) {
        if (!GuardedCopy(to + done, found.data, found.size)) break;
      } else {
        std::memcpy(to + done, found.data, found.size);
      }
      done += found.size;
    }
    if (done == size) return;
  }
  ReadRequest request;
  request.extent = {&attached.file(), offset, size};
  attached.provider().Read({&request, 1}, CachePolicy::kPoint);
  QUIRE_CHECK(request.status.ok());
  std::memcpy(to, request.pin.bytes().data(), size);
}

void BM_HotRead(benchmark::State& state) {
  AttachedProvider attached(static_cast<ReadMode>(state.range(0)));
  const size_t size = static_cast<size_t>(state.range(1));
  attached.Warm();
  const std::vector<uint64_t> offsets = RandomOffsets(size, kSeed);
  std::vector<char> buffer(size);
  size_t i = 0;
  for (auto _ : state) {
    Get(attached, offsets[i++ % offsets.size()], buffer.data(), size);
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_HotRead)
    ->ArgNames({"mode", "bytes"})
    ->ArgsProduct({{0, 1, 2, 3}, {128, 4096}});

std::vector<ReadRequest> Batch(const AttachedProvider& attached,
                               const std::vector<uint64_t>& offsets,
                               size_t first, size_t size) {
  std::vector<ReadRequest> requests(kBatch);
  for (size_t i = 0; i < kBatch; ++i) {
    requests[i].extent = {&attached.file(),
                          offsets[(first + i) % offsets.size()], size};
  }
  return requests;
}

void BM_HotBatch(benchmark::State& state) {
  AttachedProvider attached(static_cast<ReadMode>(state.range(0)));
  attached.Warm();
  const std::vector<uint64_t> offsets = RandomOffsets(128, kSeed);
  size_t at = 0;
  for (auto _ : state) {
    std::vector<ReadRequest> requests = Batch(attached, offsets, at, 128);
    attached.provider().Read(requests, CachePolicy::kPoint);
    QUIRE_CHECK(requests.back().status.ok());
    at += kBatch;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}
BENCHMARK(BM_HotBatch)->ArgName("mode")->DenseRange(0, 3);

// Reads batches of a file that no cache holds, `step` extents at a time.
void ColdReads(benchmark::State& state, size_t step) {
  AttachedProvider attached(static_cast<ReadMode>(state.range(0)));
  const std::vector<uint64_t> offsets = RandomOffsets(128, kSeed + 1);
  size_t at = 0;
  for (auto _ : state) {
    state.PauseTiming();
    attached.Detach();
    QUIRE_CHECK(DropFromPageCache(FilePath()).ok());
    attached.Attach();
    std::vector<ReadRequest> requests = Batch(attached, offsets, at, 128);
    state.ResumeTiming();
    for (size_t i = 0; i < kBatch; i += step) {
      attached.provider().Read({&requests[i], step}, CachePolicy::kPoint);
    }
    QUIRE_CHECK(requests.back().status.ok());
    at += kBatch;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void BM_ColdBatch(benchmark::State& state) { ColdReads(state, kBatch); }
BENCHMARK(BM_ColdBatch)
    ->ArgName("mode")
    ->DenseRange(0, 3)
    ->Iterations(100)
    ->UseRealTime();

void BM_ColdSingles(benchmark::State& state) { ColdReads(state, 1); }
BENCHMARK(BM_ColdSingles)
    ->ArgName("mode")
    ->DenseRange(0, 3)
    ->Iterations(100)
    ->UseRealTime();

}  // namespace
}  // namespace quire::io
