// A table becomes resident while others read it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/table_reader.h"
#include "tests/kv/test_table.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::MemoryPageProvider;
using Peeking = MemoryPageProvider::Peeking;

class TableConcurrencyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3000; ++i) {
      model_.Add(absl::StrCat("key", i), 1 + i);
      if (i % 5 == 0) model_.Add(absl::StrCat("key", i), 5000 + i);
    }
    QUIRE_ASSERT_OK_AND_ASSIGN(finished_, WriteTable(model_, spec_));
  }

  std::unique_ptr<TableReader> Open(MemoryPageProvider& provider) {
    auto table = TableReader::Open(
        provider, IdentityOf(spec_.path, finished_.info.length_bytes));
    EXPECT_OK(table);
    return *std::move(table);
  }

  // Whether a probe finds what it should. Plain comparisons: these run on many
  // threads.
  bool ProbesRight(const TableReader& table, int i) const {
    const std::string key = absl::StrCat("key", i);
    const auto versions = Probe(table, model_, key);
    return versions.ok() && *versions == model_.Versions(key);
  }

  testing::TempDirectory directory_;
  TableSpec spec_ = TestTableSpec(directory_.File("000007.tbl"));
  TableModel model_;
  FinishedTable finished_;
};

// Runs `work(thread)` on two threads until `main` returns; both must have begun
// before it starts.
template <typename Work, typename Main>
void RunBeside(Work work, Main main) {
  std::atomic<int> begun{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      work(t);
      begun.fetch_add(1);
      while (!stop.load()) work(t);
    });
  }
  while (begun.load() < 2) std::this_thread::yield();
  main();
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TableConcurrencyTest, ProbesGoOnWhileTheHashSectionBecomesResident) {
  for (int round = 0; round < 20; ++round) {
    MemoryPageProvider provider(round % 2 == 0 ? Peeking::kRead
                                               : Peeking::kMayFault);
    const std::unique_ptr<TableReader> table = Open(provider);
    std::atomic<uint64_t> probes{0};
    std::atomic<uint64_t> wrong{0};
    RunBeside(
        [&](int thread) {
          const uint64_t n = probes.fetch_add(1);
          const int key = static_cast<int>((n * 2654435761u + thread) % 4000);
          if (!ProbesRight(*table, key)) wrong.fetch_add(1);
        },
        [&] {
          std::thread second([&] { EXPECT_OK(table->LoadHashSection()); });
          EXPECT_OK(table->LoadHashSection());
          second.join();
        });
    EXPECT_GE(probes.load(), 2u);
    EXPECT_EQ(wrong.load(), 0u);
    EXPECT_NE(table->resident_hash_section(), nullptr);
  }
}

TEST_F(TableConcurrencyTest, ProbesGoOnWhileAnImageIsAdopted) {
  MemoryPageProvider provider(Peeking::kRead);
  const std::unique_ptr<TableReader> table = Open(provider);
  std::atomic<uint64_t> probes{0};
  std::atomic<uint64_t> wrong{0};
  RunBeside(
      [&](int thread) {
        const auto key = static_cast<int>(probes.fetch_add(1) % 3000);
        if (!ProbesRight(*table, key + thread)) wrong.fetch_add(1);
      },
      [&] { table->AdoptHashSection(std::move(finished_.hash_image)); });
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_NE(table->resident_hash_section(), nullptr);
}

TEST_F(TableConcurrencyTest, FirstCursorsShareOneReadOfTheFences) {
  MemoryPageProvider provider(Peeking::kNothing);
  const std::unique_ptr<TableReader> table = Open(provider);
  const uint64_t before = provider.extents_read();
  std::vector<const FenceIndex*> fences(4);
  std::vector<std::thread> threads;
  for (const FenceIndex*& mine : fences) {
    threads.emplace_back([&] {
      const auto found = table->Fences();
      if (found.ok()) mine = *found;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(fences[0], nullptr);
  for (const FenceIndex* found : fences) EXPECT_EQ(found, fences[0]);
  EXPECT_EQ(provider.extents_read(), before + 1);
}

TEST_F(TableConcurrencyTest, CursorsOfSeveralThreadsDontDisturbEachOther) {
  MemoryPageProvider provider(Peeking::kNothing);
  const std::unique_ptr<TableReader> table = Open(provider);
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      const auto cursor = NewSortedCursor(*table, io::CachePolicy::kScan);
      auto entry = model_.entries().begin();
      for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next(), ++entry) {
        if (cursor->key() != entry->first.key) wrong.fetch_add(1);
      }
      if (entry != model_.entries().end()) wrong.fetch_add(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
}

// Blocks in memory are found and marked by several seeks at a time.
TEST_F(TableConcurrencyTest, SeeksShareBlocksInMemory) {
  for (const Peeking peeking : {Peeking::kRead, Peeking::kMayFault}) {
    MemoryPageProvider provider(peeking);
    const std::unique_ptr<TableReader> table = Open(provider);
    std::atomic<uint64_t> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        const auto cursor = NewSortedCursor(*table, io::CachePolicy::kScan);
        for (int i = 0; i < 3000; ++i) {
          const std::string key = absl::StrCat("key", (i * 7 + t) % 3000);
          cursor->Seek(key);
          if (!cursor->Valid() || cursor->key() != key) wrong.fetch_add(1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0u);
  }
}

}  // namespace
}  // namespace quire::kv_internal
