// What a step of an iterator costs over hot data: one run under each provider
// that keeps pages in memory, and one full memtable.
//
// 16 B keys in order or in random order of insertion, 100 B values.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "benchmark/benchmark.h"
#include "io/open_provider.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "kv/internal/db_iterator.h"
#include "kv/internal/format.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/iterator.h"
#include "kv/options.h"
#include "tests/kv/test_memtable.h"
#include "tests/kv/test_run.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kCapacityBytes = uint64_t{64} << 20;
constexpr uint64_t kSeed = 301;

std::unique_ptr<TestMemtable> MakeMemtable(bool in_order) {
  auto memtable = TestMemtable::Create(kCapacityBytes);
  QUIRE_CHECK(memtable.ok());
  std::mt19937_64 random(kSeed);
  const std::string value(100, 'v');
  for (uint64_t i = 1; (*memtable)->HasRoom(16, value.size()); ++i) {
    char key[24];
    std::snprintf(
        key, sizeof(key), "%016llu",
        static_cast<unsigned long long>(in_order ? i : random() % 100000000));
    (*memtable)->Put({key, 16}, value, i);
  }
  return *std::move(memtable);
}

// Walks over everything; `state` has the arguments values, reverse.
void Walk(benchmark::State& state, Iterator& iterator) {
  const bool values = state.range(0) != 0;
  const bool reverse = state.range(1) != 0;
  uint64_t entries = 0;
  for (auto _ : state) {
    reverse ? iterator.SeekToLast() : iterator.SeekToFirst();
    while (iterator.Valid()) {
      benchmark::DoNotOptimize(iterator.key().data());
      if (values) {
        const auto value = iterator.value();
        QUIRE_CHECK(value.ok() && value->size() == 100);
      }
      reverse ? iterator.Prev() : iterator.Next();
      ++entries;
    }
    QUIRE_CHECK(iterator.status().ok());
  }
  state.SetItemsProcessed(static_cast<int64_t>(entries));
}

ReadOptions OptionsOf(const benchmark::State& state) {
  ReadOptions options;
  options.keys_only = state.range(0) == 0;
  return options;
}

std::unique_ptr<io::PageProvider> OpenProvider(io::ReadMode mode,
                                               const std::string& directory) {
  io::ProviderOptions options;
  options.read_mode = mode;
  options.read_mode_policy = io::ProviderPolicy::kRequire;
  options.cache_bytes = 4 * kCapacityBytes;
  auto opened = io::OpenProvider(options, io::PosixFileSystem(), directory);
  QUIRE_CHECK(opened.ok());
  return std::move(opened->provider);
}

void BM_IteratorOverRun(benchmark::State& state, io::ReadMode mode) {
  const testing::TempDirectory directory;
  const auto provider = OpenProvider(mode, directory.path());
  const auto run = MakeTestRun(*provider, directory.path(), 1,
                               *MakeMemtable(state.range(2) != 0));
  std::vector<IteratorSource> sources;
  sources.push_back(
      {NewSortedCursor(run->table(), io::CachePolicy::kScan), run.get()});
  const auto iterator =
      NewDbIterator(std::move(sources), IteratorHolds(), kMaxSequence,
                    OptionsOf(state), *provider);
  // Brings everything into memory.
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    if (state.range(0) != 0) QUIRE_CHECK(iterator->value().ok());
  }
  Walk(state, *iterator);
}

void RunArguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"values", "reverse", "in_order"})
      ->Args({0, 0, 1})
      ->Args({0, 1, 1})
      ->Args({1, 0, 1})
      ->Args({1, 1, 1})
      ->Args({1, 0, 0})
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(BM_IteratorOverRun, mmap, io::ReadMode::kMmap)
    ->Apply(&RunArguments);
BENCHMARK_CAPTURE(BM_IteratorOverRun, buffered, io::ReadMode::kBuffered)
    ->Apply(&RunArguments);
BENCHMARK_CAPTURE(BM_IteratorOverRun, pread, io::ReadMode::kPread)
    ->Apply(&RunArguments);

void BM_IteratorOverMemtable(benchmark::State& state) {
  const testing::TempDirectory directory;
  const auto provider = OpenProvider(io::ReadMode::kMmap, directory.path());
  const auto memtable = MakeMemtable(state.range(2) != 0);
  std::vector<IteratorSource> sources;
  sources.push_back({memtable->memtable().NewCursor(), nullptr});
  const auto iterator =
      NewDbIterator(std::move(sources), IteratorHolds(), kMaxSequence,
                    OptionsOf(state), *provider);
  Walk(state, *iterator);
}
BENCHMARK(BM_IteratorOverMemtable)->Apply(&RunArguments);

}  // namespace
}  // namespace quire::kv_internal
