// What the cache, the epochs and the read engines cost.
//
//   BM_EpochGuard          entering and leaving a guard
//   BM_Peek/pages          guard, Peek and one touch at random among resident
//                          pages, through the provider interface
//   BM_ReadHit/bytes       Read of a resident extent: copy or pin
//   BM_LoadAndEvict        claim, publish and eviction, without any I/O
//   BM_ColdBatch/...       4 KiB O_DIRECT reads handed to an engine together

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "benchmark/benchmark.h"
#include "cache/epoch.h"
#include "cache/page_cache.h"
#include "cache/translation.h"
#include "io/aligned_buffer.h"
#include "io/cached_page_provider.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "io/preadv_engine.h"
#include "io/read_engine.h"
#include "io/uring_engine.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kSeed = 301;

// Numbers below `range`, the same in each run, cheap to take.
std::vector<uint32_t> RandomNumbers(uint64_t range) {
  std::mt19937_64 random(kSeed);
  std::vector<uint32_t> numbers(1 << 16);
  for (uint32_t& number : numbers) {
    number = static_cast<uint32_t>(random() % range);
  }
  return numbers;
}

void BM_EpochGuard(benchmark::State& state) {
  for (auto _ : state) {
    cache::EpochGuard guard;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_EpochGuard);
BENCHMARK(BM_EpochGuard)->Threads(2);

void BM_NestedEpochGuard(benchmark::State& state) {
  cache::EpochGuard outer;
  for (auto _ : state) {
    cache::EpochGuard guard;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_NestedEpochGuard);

// A file of `pages`, wholly resident.
class ResidentFile {
 public:
  explicit ResidentFile(uint64_t pages) {
    testing::WriteFile(directory_.File("file"),
                       std::string(pages * kPage, 'x'));
    auto provider = io::NewCachedPageProvider(
        {.cache_bytes = 2 * pages * kPage + (2 << 20)}, io::PosixFileSystem(),
        io::MakePreadvEngine());
    QUIRE_CHECK(provider.ok());
    provider_ = *std::move(provider);
    auto file = provider_->Attach(directory_.File("file"), pages * kPage);
    QUIRE_CHECK(file.ok());
    file_ = *std::move(file);
    for (uint64_t page = 0; page < pages; ++page) {
      io::ReadRequest request;
      request.extent = {file_.get(), page * kPage, 8};
      provider_->Read({&request, 1}, io::CachePolicy::kPoint);
      QUIRE_CHECK(request.status.ok());
    }
  }
  ~ResidentFile() { provider_->Detach(std::move(file_)); }

  io::PageProvider& provider() { return *provider_; }
  const io::AttachedFile& file() const { return *file_; }

 private:
  testing::TempDirectory directory_;
  std::unique_ptr<io::PageProvider> provider_;
  std::unique_ptr<io::AttachedFile> file_;
};

void BM_Peek(benchmark::State& state) {
  const uint64_t pages = static_cast<uint64_t>(state.range(0));
  ResidentFile resident(pages);
  const std::vector<uint32_t> numbers = RandomNumbers(pages);
  const auto peek = [&](uint64_t page) {
    const cache::EpochGuard guard;
    const io::PeekResult found = resident.provider().Peek(
        resident.file(), page * kPage + page * 64 % kPage, 8);
    QUIRE_CHECK(found.data != nullptr);
    benchmark::DoNotOptimize(*found.data);
  };
  // So that all are marked as used.
  for (uint64_t page = 0; page < pages; ++page) peek(page);
  size_t i = 0;
  for (auto _ : state) peek(numbers[i++ % numbers.size()]);
}
BENCHMARK(BM_Peek)->ArgName("pages")->Arg(1)->Arg(256)->Arg(1 << 16);

void BM_ReadHit(benchmark::State& state) {
  ResidentFile resident(256);
  const std::vector<uint32_t> numbers = RandomNumbers(256);
  size_t i = 0;
  for (auto _ : state) {
    io::ReadRequest request;
    request.extent = {&resident.file(), numbers[i++ % numbers.size()] * kPage,
                      static_cast<uint64_t>(state.range(0))};
    resident.provider().Read({&request, 1}, io::CachePolicy::kPoint);
    QUIRE_CHECK(request.status.ok());
  }
}
BENCHMARK(BM_ReadHit)->ArgName("bytes")->Arg(100)->Arg(1000);

void BM_LoadAndEvict(benchmark::State& state) {
  const uint32_t frames = static_cast<uint32_t>(state.range(0));
  auto cache = cache::PageCache::Create(frames);
  QUIRE_CHECK(cache.ok());
  auto file = cache::Translation::Create(uint64_t{frames} * 16);
  QUIRE_CHECK(file.ok());
  const std::vector<uint32_t> numbers = RandomNumbers(file->page_count());
  const auto load = [&](uint64_t page) {
    cache::PageLoad load;
    if ((*cache)->Claim(file->entry(page), cache::LoadFor::kPoint, &load) !=
        cache::ClaimResult::kClaimed) {
      return;
    }
    (*cache)->Publish(load);
    (*cache)->Unhold(load.frame);
  };
  for (uint64_t page = 0; page < frames; ++page) load(page);
  uint64_t page = 0;
  size_t i = 0;
  for (auto _ : state) {
    // Not sequential, so that the hand finds frames of pages all over the file.
    page = (page + numbers[i++ % numbers.size()]) % file->page_count();
    load(page);
  }
  (*cache)->Drop(*file);
}
BENCHMARK(BM_LoadAndEvict)->ArgName("frames")->Arg(512)->Arg(1 << 18);

// A file on the disk of the temporary directory, read by O_DIRECT.
void BM_ColdBatch(benchmark::State& state, bool uring, bool registered) {
  constexpr uint64_t kFilePages = 1 << 16;  // 256 MiB
  const size_t depth = static_cast<size_t>(state.range(0));
  static const testing::TempDirectory directory;
  static const std::string path = [] {
    std::string file = directory.File("cold");
    testing::WriteFile(file, std::string(kFilePages * kPage, 'x'));
    return file;
  }();
  auto file = io::PosixFileSystem().OpenFile(path, io::OpenMode::kDirect);
  if (!file.ok()) return state.SkipWithError("O_DIRECT is refused here");
  std::unique_ptr<io::ReadEngine> engine = io::MakePreadvEngine();
  if (uring) {
    auto made = io::MakeUringEngine();
    if (!made.ok()) return state.SkipWithError("io_uring is refused here");
    engine = *std::move(made);
  }
  auto memory = io::AlignedBuffer::Create(depth * kPage);
  QUIRE_CHECK(memory.ok());
  int handle = -1;
  if (registered) {
    engine->RegisterMemory({memory->data(), depth * kPage});
    handle = engine->RegisterFile((*file)->descriptor());
  }
  const std::vector<uint32_t> numbers = RandomNumbers(kFilePages);
  std::vector<iovec> pieces(depth);
  std::vector<io::IoRequest> batch(depth);
  size_t next = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < depth; ++i) {
      const uint64_t offset = numbers[next++ % numbers.size()] * kPage;
      pieces[i] = {memory->data() + i * kPage, kPage};
      batch[i] = {.file = file->get(),
                  .registered_file = handle,
                  .offset = offset,
                  .pieces = {&pieces[i], 1},
                  .wanted_offset = offset,
                  .wanted_length = kPage};
    }
    engine->ReadBatch(batch);
    for (const io::IoRequest& request : batch) {
      QUIRE_CHECK(request.status.ok());
    }
  }
  engine->UnregisterFile(handle);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(BM_ColdBatch, preadv, false, false)
    ->ArgName("depth")
    ->Arg(1)
    ->Arg(32)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_ColdBatch, uring, true, false)
    ->ArgName("depth")
    ->Arg(32)
    ->Arg(64)
    ->UseRealTime();
BENCHMARK_CAPTURE(BM_ColdBatch, uring_registered, true, true)
    ->ArgName("depth")
    ->Arg(32)
    ->Arg(64)
    ->UseRealTime();

}  // namespace
}  // namespace quire
