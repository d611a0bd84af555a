// What a full memtable costs: inserts, reads, and its order.
//
// Records of 16 B keys (decimal numbers with zeros in front, in random
// order) and 100 B values fill one memtable of 64 MiB: 320,000 of them, each in
// a group of its own.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "benchmark/benchmark.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/format.h"
#include "kv/internal/memory_record.h"
#include "tests/kv/test_memtable.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kCapacityBytes = (uint64_t{64} << 20) + kPageBytes;
constexpr size_t kKeyBytes = 16;
constexpr size_t kValueBytes = 100;
constexpr uint64_t kSeed = 301;

std::string Key(uint64_t number) {
  char text[kKeyBytes + 8];
  std::snprintf(text, sizeof(text), "%016llu",
                static_cast<unsigned long long>(number));
  return std::string(text, kKeyBytes);
}

// Keys of random numbers below `range`.
std::vector<std::string> RandomKeys(size_t count, uint64_t range) {
  std::mt19937_64 random(kSeed);
  std::vector<std::string> keys;
  keys.reserve(count);
  for (size_t i = 0; i < count; ++i) keys.push_back(Key(random() % range));
  return keys;
}

const std::vector<std::string>& Keys() {
  static const std::vector<std::string> keys = RandomKeys(500000, 100000000);
  return keys;
}

std::unique_ptr<TestMemtable> MakeEmpty() {
  auto memtable = TestMemtable::Create(kCapacityBytes);
  QUIRE_CHECK(memtable.ok());
  return *std::move(memtable);
}

// Inserts keys until there is no room; returns how many.
size_t Fill(TestMemtable& memtable, const std::vector<std::string>& keys) {
  const std::string value(kValueBytes, 'v');
  size_t count = 0;
  while (count < keys.size() && memtable.HasRoom(kKeyBytes, kValueBytes)) {
    memtable.Put(keys[count], value, count + 1);
    ++count;
  }
  return count;
}

// One group a record: group header, record and both checksums are included.
void BM_MemtableFill(benchmark::State& state) {
  const std::vector<std::string> keys = RandomKeys(500000, state.range(0));
  size_t inserted = 0;
  for (auto _ : state) {
    const auto memtable = MakeEmpty();
    inserted += Fill(*memtable, keys);
    state.PauseTiming();
    benchmark::DoNotOptimize(memtable->memtable().memory_bytes());
    state.ResumeTiming();
  }
  state.SetItemsProcessed(inserted);
}
BENCHMARK(BM_MemtableFill)
    ->ArgName("keys")
    ->Arg(1000)
    ->Arg(100000000)
    ->Unit(benchmark::kMillisecond);

// The same without Insert: what Insert adds is the difference.
void BM_MemtableEncodeOnly(benchmark::State& state) {
  const std::vector<std::string>& keys = Keys();
  const std::string value(kValueBytes, 'v');
  size_t count = 0;
  for (auto _ : state) {
    const auto memtable = MakeEmpty();
    std::span<std::byte> image = memtable->memtable().image();
    LogTail tail = {1, kPageBytes, 0};
    for (size_t i = 0; tail.offset + kPageBytes <= image.size(); ++i) {
      GroupBuilder group(image.subspan(tail.offset), tail);
      group.Add(i + 1, RecordKind::kPut, keys[i], value);
      group.Finish({}, i + 1);
      tail = group.tail();
      ++count;
    }
  }
  state.SetItemsProcessed(count);
}
BENCHMARK(BM_MemtableEncodeOnly)->Unit(benchmark::kMillisecond);

void BM_MemtableFind(benchmark::State& state) {
  const auto memtable = MakeEmpty();
  const size_t count = Fill(*memtable, Keys());
  std::mt19937_64 random(kSeed);
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; ++i) {
    std::string key = Keys()[random() % count];
    if (state.range(0) == 0) key[0] = 'x';
    keys.push_back(std::move(key));
  }
  size_t i = 0;
  for (auto _ : state) {
    const MemoryRecord found = memtable->Find(keys[i], kMaxSequence);
    benchmark::DoNotOptimize(found ? found.value().back() : 'x');
    if (++i == count) i = 0;
  }
}
BENCHMARK(BM_MemtableFind)->ArgName("present")->Arg(1)->Arg(0);

// A memtable whose records are sorted but for what is inserted next.
std::unique_ptr<TestMemtable> MakeSorted(size_t count) {
  auto memtable = MakeEmpty();
  const std::string value(kValueBytes, 'v');
  for (size_t i = 0; i < count; ++i) memtable->Put(Keys()[i], value, i + 1);
  benchmark::DoNotOptimize(memtable->memtable().NewCursor());
  return memtable;
}

// A cursor made after `new` more records were inserted into a full memtable,
// whose other records are sorted already.
void BM_MemtableCursorAfterInserts(benchmark::State& state) {
  constexpr size_t kSorted = 250000;
  const std::string value(kValueBytes, 'v');
  auto memtable = MakeSorted(kSorted);
  size_t at = kSorted;
  for (auto _ : state) {
    state.PauseTiming();
    for (int64_t i = 0; i < state.range(0); ++i, ++at) {
      if (!memtable->HasRoom(kKeyBytes, kValueBytes)) {
        memtable = MakeSorted(kSorted);
        at = kSorted;
      }
      memtable->Put(Keys()[at], value, at + 1);
    }
    state.ResumeTiming();
    benchmark::DoNotOptimize(memtable->memtable().NewCursor());
  }
}
BENCHMARK(BM_MemtableCursorAfterInserts)
    ->ArgName("new")
    ->Arg(0)
    ->Arg(1)
    ->Arg(100)
    ->Arg(10000)
    ->Unit(benchmark::kMicrosecond);

// What making a table of a full memtable does with it: sort it all, then walk.
void BM_MemtableSort(benchmark::State& state) {
  // Which prefix the keys get.
  const std::string prefix(state.range(0), 'p');
  size_t count = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto memtable = MakeEmpty();
    const std::string value(kValueBytes, 'v');
    size_t inserted = 0;
    while (memtable->HasRoom(prefix.size() + kKeyBytes, kValueBytes)) {
      // Two groups of keys, so that the prefix isn't shared by all.
      const std::string& key = Keys()[inserted];
      ++inserted;
      memtable->Put(inserted % 2 == 0 ? prefix + key : "q" + prefix + key,
                    value, inserted);
    }
    state.ResumeTiming();
    auto cursor = memtable->memtable().NewCursor();
    count += inserted;
    benchmark::DoNotOptimize(cursor->Valid());
    // Unmapping the memtable is no part of it.
    state.PauseTiming();
    cursor.reset();
    memtable.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(count);
}
BENCHMARK(BM_MemtableSort)
    ->ArgName("prefix")
    ->Arg(0)
    ->Arg(12)
    ->Arg(40)
    ->Unit(benchmark::kMillisecond);

void BM_MemtableWalk(benchmark::State& state) {
  const auto memtable = MakeEmpty();
  const size_t count = Fill(*memtable, Keys());
  const auto cursor = memtable->memtable().NewCursor();
  for (auto _ : state) {
    uint64_t sum = 0;
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      sum += cursor->sequence() + cursor->key().size();
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(BM_MemtableWalk)->Unit(benchmark::kMillisecond);

void BM_MemtableSeek(benchmark::State& state) {
  const auto memtable = MakeEmpty();
  const size_t count = Fill(*memtable, Keys());
  const auto cursor = memtable->memtable().NewCursor();
  std::mt19937_64 random(kSeed);
  for (auto _ : state) {
    cursor->Seek(Keys()[random() % count]);
    benchmark::DoNotOptimize(cursor->sequence());
  }
}
BENCHMARK(BM_MemtableSeek);

}  // namespace
}  // namespace quire::kv_internal
