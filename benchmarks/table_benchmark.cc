// What a table costs: making it, its bytes a key, probes, seeks and scans.
//
// Keys are 16 B: decimal numbers with zeros in front (`random_bytes` 0), or
// random bytes (1). Each table holds one version of each. The files lie in the
// directory for temporary files; probes and scans read them through a provider
// that has everything in memory, so that the table's own cost is what is seen.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "benchmark/benchmark.h"
#include "cache/epoch.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/record.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/table_format.h"
#include "kv/internal/table_reader.h"
#include "tests/testing/memory_page_provider.h"

namespace quire::kv_internal {
namespace {

using Peeking = testing::MemoryPageProvider::Peeking;
using Key = std::array<char, 16>;

constexpr uint64_t kHashSeed = 301;
constexpr uint64_t kValueBytes = 100;
constexpr uint64_t kRecordBytes = RecordBytes(sizeof(Key), kValueBytes);
constexpr uint64_t kProbes = uint64_t{1} << 20;

std::string_view View(const Key& key) { return {key.data(), key.size()}; }

// Key number `i` of those that are there; odd `i` are those that aren't.
Key MakeKey(uint64_t i, bool random_bytes) {
  Key key;
  if (random_bytes) {
    const uint64_t high = HashKey({reinterpret_cast<char*>(&i), 8}, 1);
    const uint64_t low = HashKey({reinterpret_cast<char*>(&i), 8}, 2);
    std::memcpy(key.data(), &high, 8);
    std::memcpy(key.data() + 8, &low, 8);
  } else {
    char text[24];
    std::snprintf(text, sizeof(text), "%016llu",
                  static_cast<unsigned long long>(i));
    std::memcpy(key.data(), text, key.size());
  }
  return key;
}

struct Shape {
  uint64_t entry_count = 0;
  bool random_bytes = false;
  bool operator<(const Shape& other) const {
    return std::tie(entry_count, random_bytes) <
           std::tie(other.entry_count, other.random_bytes);
  }
};

std::vector<Key> SortedKeys(const Shape& shape) {
  std::vector<Key> keys(shape.entry_count);
  for (uint64_t i = 0; i < keys.size(); ++i) {
    keys[i] = MakeKey(2 * i, shape.random_bytes);
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    return std::memcmp(a.data(), b.data(), a.size()) < 0;
  });
  return keys;
}

FinishedTable WriteTable(const std::string& path, const std::vector<Key>& keys,
                         uint64_t build_memory_bytes = UINT64_MAX) {
  TableSpec spec;
  spec.path = path;
  spec.header.type = FileType::kTable;
  spec.header.file_number = 1;
  spec.header.file_id = 1;
  spec.header.first_sequence = 1;
  spec.hash_seed = kHashSeed;
  spec.build_memory_bytes = build_memory_bytes;
  spec.segments = {{.number = 2,
                    .id = 2,
                    .length_bytes = kPageBytes + keys.size() * kRecordBytes}};
  auto builder = TableBuilder::Create(io::PosixFileSystem(), spec);
  QUIRE_CHECK(builder.ok());
  // Records stand in random order, as in a log.
  std::mt19937_64 random(kHashSeed);
  for (const Key& key : keys) {
    const uint64_t place = random() % keys.size();
    const absl::Status added = (*builder)->Add(
        {.key = View(key),
         .sequence = 1 + place,
         .address = (kPageBytes + place * kRecordBytes) / kAlignmentBytes,
         .value_size = kValueBytes,
         .hash = HashKey(View(key), kHashSeed)});
    QUIRE_CHECK(added.ok());
  }
  auto table = (*builder)->Finish();
  QUIRE_CHECK(table.ok());
  return *std::move(table);
}

std::string Path(const Shape& shape) {
  return std::filesystem::temp_directory_path() /
         absl::StrCat("quire-table-benchmark-", shape.entry_count, "-",
                      shape.random_bytes, ".tbl");
}

// An open table, made once for each shape and way of peeking.
struct OpenTable {
  std::unique_ptr<testing::MemoryPageProvider> provider;
  std::unique_ptr<TableReader> reader;
};

const OpenTable& Open(const Shape& shape, Peeking peeking, bool resident) {
  static std::map<std::tuple<Shape, Peeking, bool>, OpenTable> tables;
  OpenTable& table = tables[{shape, peeking, resident}];
  if (table.reader == nullptr) {
    const std::string path = Path(shape);
    std::filesystem::remove(path);
    const uint64_t length =
        WriteTable(path, SortedKeys(shape)).info.length_bytes;
    table.provider = std::make_unique<testing::MemoryPageProvider>(peeking);
    auto reader = TableReader::Open(
        *table.provider,
        {.path = path, .length_bytes = length, .file_number = 1, .file_id = 1});
    QUIRE_CHECK(reader.ok());
    table.reader = *std::move(reader);
    std::filesystem::remove(path);
    if (resident) QUIRE_CHECK(table.reader->LoadHashSection().ok());
  }
  return table;
}

Shape ShapeOf(const benchmark::State& state) {
  return {.entry_count = static_cast<uint64_t>(state.range(0)),
          .random_bytes = state.range(1) != 0};
}

void SetTimePerItem(benchmark::State& state, uint64_t items) {
  state.SetItemsProcessed(static_cast<int64_t>(items));
  state.counters["per_item"] = benchmark::Counter(
      static_cast<double>(items),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_TableBuild(benchmark::State& state) {
  const Shape shape = ShapeOf(state);
  const std::vector<Key> keys = SortedKeys(shape);
  const std::string path = Path(shape);
  for (auto _ : state) {
    std::filesystem::remove(path);
    benchmark::DoNotOptimize(WriteTable(path, keys));
  }
  std::filesystem::remove(path);
  const TableFooter& footer =
      Open(shape, Peeking::kAll, false).reader->footer();
  const auto per_key = [&](uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(keys.size());
  };
  state.counters["hash_B_per_key"] =
      per_key(footer.hash_page_count * kPageBytes);
  state.counters["sorted_B_per_key"] = per_key(footer.sorted_bytes);
  state.counters["fence_B_per_key"] = per_key(footer.fence_bytes);
  SetTimePerItem(state, state.iterations() * keys.size());
}

// A field of /proc/self/status in bytes.
double MemoryField(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.compare(0, name.size(), name) == 0) {
      return 1024 * std::stod(line.substr(name.size() + 1));
    }
  }
  return 0;
}

// Making the hash section in memory that suffices for `ranges` of it; 0: enough
// to keep all entries too, so that none is read again. Shows the memory that it
// took beside the keys.
void BM_TableBuildWithin(benchmark::State& state) {
  const Shape shape = {.entry_count = static_cast<uint64_t>(state.range(0))};
  const auto ranges = static_cast<uint64_t>(state.range(1));
  const std::vector<Key> keys = SortedKeys(shape);
  const std::string path = Path(shape);
  const uint64_t image_bytes = HashPageCount(keys.size()) * kPageBytes;
  // Ranges end a few lines before the memory does.
  const uint64_t memory =
      ranges == 0 ? UINT64_MAX : image_bytes / ranges + kPageBytes;
  double peak = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::filesystem::remove(path);
    std::ofstream("/proc/self/clear_refs") << 5;  // forgets the peak before
    const double before = MemoryField("VmRSS:");
    state.ResumeTiming();
    benchmark::DoNotOptimize(WriteTable(path, keys, memory));
    state.PauseTiming();
    peak = std::max(peak, MemoryField("VmHWM:") - before);
    state.ResumeTiming();
  }
  std::filesystem::remove(path);
  state.counters["peak_MB"] = peak / 1e6;
  SetTimePerItem(state, state.iterations() * keys.size());
}

// Hashes of keys in random order, present or not.
std::vector<uint64_t> ProbeHashes(const Shape& shape, bool present) {
  std::mt19937_64 random(kHashSeed + 1);
  std::vector<uint64_t> hashes(kProbes);
  for (uint64_t& hash : hashes) {
    const uint64_t i = random() % shape.entry_count;
    hash =
        HashKey(View(MakeKey(2 * i + !present, shape.random_bytes)), kHashSeed);
  }
  return hashes;
}

// One probe, as a Get makes it: up to the first candidate. Returns 1 if there
// is one.
uint64_t Probe(const TableReader& table, uint64_t hash) {
  HashCursor cursor;
  cursor.Start(table, hash, /*may_fault=*/true);
  HashCandidate candidate;
  const HashCursor::Step step = cursor.Next(&candidate);
  QUIRE_CHECK(step == HashCursor::Step::kCandidate ||
              step == HashCursor::Step::kEnd);
  return step == HashCursor::Step::kCandidate;
}

// Each probe waits for the one before, so that this is a latency.
void RunProbes(benchmark::State& state, const TableReader& table,
               const std::vector<uint64_t>& hashes) {
  uint64_t found = 0;
  uint64_t probes = 0;
  for (auto _ : state) {
    cache::EpochGuard guard;
    uint64_t last = 0;
    for (int i = 0; i < 100; ++i) {
      // Adds 0, but only the probe knows.
      last = Probe(table, hashes[(probes++ + (last >> 1)) % kProbes]);
      found += last;
    }
  }
  state.counters["found"] =
      static_cast<double>(found) / static_cast<double>(probes);
  SetTimePerItem(state, probes);
}

void BM_ProbeResident(benchmark::State& state) {
  const Shape shape = ShapeOf(state);
  const OpenTable& table = Open(shape, Peeking::kNothing, true);
  RunProbes(state, *table.reader, ProbeHashes(shape, state.range(2) != 0));
}

// Lines prefetched 32 probes at a time, as MultiGet does.
void BM_ProbeResidentBatches(benchmark::State& state) {
  constexpr uint64_t kBatch = 32;
  const Shape shape = ShapeOf(state);
  const TableReader& table = *Open(shape, Peeking::kNothing, true).reader;
  const std::vector<uint64_t> hashes = ProbeHashes(shape, state.range(2) != 0);
  uint64_t at = 0;
  for (auto _ : state) {
    const uint64_t* batch = &hashes[at % kProbes];
    for (uint64_t i = 0; i < kBatch; ++i) table.PrefetchLine(batch[i]);
    for (uint64_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(Probe(table, batch[i]));
    }
    at += kBatch;
  }
  SetTimePerItem(state, at);
}

// Pages copied and verified at each probe, as under mmap.
void BM_ProbeCopied(benchmark::State& state) {
  const Shape shape = ShapeOf(state);
  const OpenTable& table = Open(shape, Peeking::kMayFault, false);
  RunProbes(state, *table.reader, ProbeHashes(shape, state.range(2) != 0));
}

// Pages in memory and marked as verified, as under a cache.
void BM_ProbeCached(benchmark::State& state) {
  const Shape shape = ShapeOf(state);
  const OpenTable& table = Open(shape, Peeking::kRead, false);
  const std::vector<uint64_t> hashes = ProbeHashes(shape, state.range(2) != 0);
  const TableFooter& footer = table.reader->footer();
  for (uint64_t i = 0; i < footer.hash_page_count; ++i) {
    io::ReadRequest request;
    request.extent = {&table.reader->file(),
                      footer.hash_offset + i * kPageBytes, kPageBytes};
    table.provider->Read({&request, 1}, io::CachePolicy::kPoint);
  }
  for (const uint64_t hash : hashes) {
    cache::EpochGuard guard;
    Probe(*table.reader, hash);
  }
  RunProbes(state, *table.reader, hashes);
}

void BM_LoadHashSection(benchmark::State& state) {
  const Shape shape = ShapeOf(state);
  const std::string path = Path(shape);
  std::filesystem::remove(path);
  const uint64_t length = WriteTable(path, SortedKeys(shape)).info.length_bytes;
  testing::MemoryPageProvider provider(Peeking::kNothing);
  uint64_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto table = TableReader::Open(
        provider,
        {.path = path, .length_bytes = length, .file_number = 1, .file_id = 1});
    QUIRE_CHECK(table.ok());
    state.ResumeTiming();
    QUIRE_CHECK((*table)->LoadHashSection().ok());
    bytes += (*table)->hash_section_bytes();
  }
  std::filesystem::remove(path);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

void BM_Scan(benchmark::State& state) {
  const bool backward = state.range(2) != 0;
  const OpenTable& table = Open(ShapeOf(state), Peeking::kAll, false);
  uint64_t entries = 0;
  for (auto _ : state) {
    const auto cursor = NewSortedCursor(*table.reader, io::CachePolicy::kScan);
    uint64_t sum = 0;
    backward ? cursor->SeekToLast() : cursor->SeekToFirst();
    while (cursor->Valid()) {
      const EntryPlace place = cursor->place();
      sum += cursor->key().size() + place.address + place.record_bytes;
      ++entries;
      backward ? cursor->Prev() : cursor->Next();
    }
    benchmark::DoNotOptimize(sum);
  }
  SetTimePerItem(state, entries);
}

void BM_Seek(benchmark::State& state) {
  const Shape shape = ShapeOf(state);
  const OpenTable& table = Open(shape, Peeking::kRead, false);
  const auto cursor = NewSortedCursor(*table.reader, io::CachePolicy::kScan);
  std::mt19937_64 random(kHashSeed);
  std::vector<Key> keys(10000);
  for (Key& key : keys) {
    key = MakeKey(random() % (2 * shape.entry_count), shape.random_bytes);
  }
  // Now every block is in memory and marked.
  for (const Key& key : keys) cursor->Seek(View(key));
  for (const Key& key : keys) cursor->Seek(View(key));
  uint64_t at = 0;
  for (auto _ : state) {
    cursor->Seek(View(keys[at++ % keys.size()]));
    benchmark::DoNotOptimize(cursor->Valid());
  }
  QUIRE_CHECK(cursor->status().ok());
  SetTimePerItem(state, at);
}

// {entries, random bytes}
void Shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"entries", "random_bytes"});
  for (const int64_t random_bytes : {0, 1}) {
    benchmark->Args({1'000'000, random_bytes});
  }
}

template <int64_t... kEntries>
void ShapesAndChoice(benchmark::internal::Benchmark* benchmark,
                     const char* choice) {
  benchmark->ArgNames({"entries", "random_bytes", choice});
  for (const int64_t entries : {kEntries...}) {
    for (const int64_t chosen : {0, 1}) {
      benchmark->Args({entries, 0, chosen});
    }
  }
}

void ProbeArgs(benchmark::internal::Benchmark* benchmark) {
  ShapesAndChoice<1'000'000, 5'000'000>(benchmark, "present");
}

void ScanArgs(benchmark::internal::Benchmark* benchmark) {
  ShapesAndChoice<1'000'000>(benchmark, "backward");
}

BENCHMARK(BM_TableBuild)->Apply(Shapes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_TableBuildWithin)
    ->ArgNames({"entries", "ranges"})
    ->ArgsProduct({{5'000'000}, {0, 1, 2, 8}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ProbeResident)->Apply(ProbeArgs);
BENCHMARK(BM_ProbeResidentBatches)->Apply(ProbeArgs);
BENCHMARK(BM_ProbeCached)->Apply(ProbeArgs);
BENCHMARK(BM_ProbeCopied)->Apply(ProbeArgs);
BENCHMARK(BM_LoadHashSection)->Apply(Shapes)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Scan)->Apply(ScanArgs)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Seek)->Apply(Shapes);

}  // namespace
}  // namespace quire::kv_internal
