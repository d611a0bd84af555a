// Tables as a whole: what is built is what is found, by probes and by cursors,
// through every kind of provider.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/internal/checksum.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/table_reader.h"
#include "tests/kv/test_table.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::MemoryPageProvider;
using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::HasSubstr;
using Peeking = MemoryPageProvider::Peeking;

constexpr Peeking kAllPeekings[] = {Peeking::kNothing, Peeking::kAll,
                                    Peeking::kMayFault, Peeking::kRead};

class TableTest : public ::testing::Test {
 protected:
  // Writes the table of `model_` and opens it through a provider of its own.
  void WriteAndOpen(Peeking peeking) {
    table_.reset();
    std::filesystem::remove(spec_.path);
    QUIRE_ASSERT_OK_AND_ASSIGN(finished_, WriteTable(model_, spec_));
    provider_ = std::make_unique<MemoryPageProvider>(peeking);
    QUIRE_ASSERT_OK_AND_ASSIGN(
        table_,
        TableReader::Open(*provider_,
                          IdentityOf(spec_.path, finished_.info.length_bytes)));
  }

  void ExpectAllFound() {
    std::string_view last;
    bool first = true;
    for (const auto& [position, place] : model_.entries()) {
      if (!first && position.key == last) continue;
      ASSERT_THAT(Probe(*table_, model_, position.key),
                  IsOkAndHolds(model_.Versions(position.key)));
      last = position.key;
      first = false;
    }
  }

  void ExpectSeeksRight(uint64_t seed, int seeks);

  testing::TempDirectory directory_;
  TableSpec spec_ = TestTableSpec(directory_.File("000007.tbl"));
  TableModel model_;
  FinishedTable finished_;
  std::unique_ptr<MemoryPageProvider> provider_;
  std::unique_ptr<TableReader> table_;
};

// A key near to those of the model: one of them, or one of them changed a bit.
std::string NearbyKey(const TableModel& model, std::mt19937_64& random) {
  if (model.entries().empty() || random() % 10 == 0) {
    return std::string(random() % 4, static_cast<char>(random()));
  }
  auto it = model.entries().lower_bound({std::string(1, random()), 0});
  if (it == model.entries().end()) it = model.entries().begin();
  for (uint64_t steps = random() % 50; steps > 0; --steps) {
    if (++it == model.entries().end()) it = model.entries().begin();
  }
  std::string key = it->first.key;
  switch (random() % 4) {
    case 0:
      key.push_back(static_cast<char>(random()));
      break;
    case 1:
      if (!key.empty()) key.pop_back();
      break;
    case 2:
      if (!key.empty()) key.back() = static_cast<char>(random());
      break;
    default:
      break;
  }
  return key;
}

void TableTest::ExpectSeeksRight(uint64_t seed, int seeks) {
  std::mt19937_64 random(seed);
  const auto& entries = model_.entries();
  const auto cursor = NewSortedCursor(*table_, io::CachePolicy::kPoint);
  for (int i = 0; i < seeks; ++i) {
    const std::string target = NearbyKey(model_, random);
    const bool forward = random() % 2 == 0;
    auto it = entries.end();
    if (forward) {
      cursor->Seek(target);
      it = entries.lower_bound({target, UINT64_MAX});
    } else {
      cursor->SeekForPrev(target);
      it = entries.upper_bound({target, 0});
      it = it == entries.begin() ? entries.end() : std::prev(it);
    }
    // Goes on from there, mostly in one direction.
    for (uint64_t steps = random() % 60; steps > 0; --steps) {
      if (it == entries.end()) break;
      ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, *it));
      if (forward != (random() % 20 == 0)) {
        cursor->Next();
        ++it;
      } else {
        cursor->Prev();
        it = it == entries.begin() ? entries.end() : std::prev(it);
      }
    }
    if (it == entries.end()) {
      EXPECT_FALSE(cursor->Valid());
      EXPECT_OK(cursor->status());
    } else {
      ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, *it));
    }
  }
}

// Keys of many shapes: empty, short, random, long shared prefixes, very long.
std::string RandomKey(std::mt19937_64& random) {
  switch (random() % 8) {
    case 0:
      return std::string(random() % 3, static_cast<char>(random()));
    case 1:
      return absl::StrCat("user", random() % 1000);
    case 2:
      return std::string(200, 'p') + std::to_string(random() % 100000);
    case 3:
      return std::string(random() % 400, static_cast<char>('a' + random() % 2));
    default: {
      std::string key(16, '\0');
      for (char& c : key) c = static_cast<char>(random());
      return key;
    }
  }
}

// Of every number of bytes that a table writes it with, and at their bounds.
uint32_t RandomValueSize(std::mt19937_64& random) {
  const uint64_t bits = random() % 31;
  return static_cast<uint32_t>((uint64_t{1} << bits) -
                               random() % (bits == 0 ? 2 : 3));
}

TEST_F(TableTest, FindsEveryEntryOfARandomTable) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t sequence = 1 + random() % 1'000'000;
    if (random() % 8 == 0) {
      model_.AddTombstone(RandomKey(random), sequence);
    } else {
      model_.Add(RandomKey(random), sequence, RandomValueSize(random));
    }
  }
  for (const Peeking peeking : kAllPeekings) {
    ASSERT_NO_FATAL_FAILURE(WriteAndOpen(peeking));
    EXPECT_EQ(table_->entry_count(), model_.entries().size());
    ASSERT_NO_FATAL_FAILURE(ExpectAllFound());
    for (int i = 0; i < 2000; ++i) {
      const std::string key = RandomKey(random);
      ASSERT_THAT(Probe(*table_, model_, key),
                  IsOkAndHolds(model_.Versions(key)));
    }
    ExpectSameOrder(*table_, model_);
    ASSERT_NO_FATAL_FAILURE(ExpectSeeksRight(seed, 1000));
  }
}

TEST_F(TableTest, FindsEveryEntryInAResidentHashSection) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 20000; ++i) {
    model_.Add(RandomKey(random), 1 + random() % 1'000'000);
  }
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kNothing));
  EXPECT_EQ(table_->resident_bytes(), 0u);
  ASSERT_OK(table_->LoadHashSection());
  EXPECT_GE(table_->resident_bytes(), table_->hash_section_bytes());
  const uint64_t read = provider_->extents_read();
  ExpectAllFound();
  EXPECT_EQ(provider_->extents_read(), read) << "probes needed the provider";

  // What the builder hands over is what the file holds.
  const std::string loaded(
      reinterpret_cast<const char*>(table_->resident_hash_section()),
      table_->hash_section_bytes());
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kNothing));
  table_->AdoptHashSection(std::move(finished_.hash_image));
  ASSERT_NE(table_->resident_hash_section(), nullptr);
  EXPECT_TRUE(loaded == std::string_view(reinterpret_cast<const char*>(
                                             table_->resident_hash_section()),
                                         table_->hash_section_bytes()));
  ExpectAllFound();
}

TEST_F(TableTest, HoldsNoEntries) {
  for (const Peeking peeking : kAllPeekings) {
    ASSERT_NO_FATAL_FAILURE(WriteAndOpen(peeking));
    EXPECT_EQ(table_->entry_count(), 0u);
    EXPECT_EQ(table_->max_sequence(), 0u);
    EXPECT_EQ(table_->hash_section_bytes(), 0u);
    EXPECT_THAT(Probe(*table_, model_, ""),
                IsOkAndHolds(std::vector<uint64_t>()));
    EXPECT_OK(table_->LoadHashSection());
    table_->AdoptHashSection({});
    EXPECT_EQ(table_->resident_bytes(), 0u);
    ExpectSameOrder(*table_, model_);
    ASSERT_NO_FATAL_FAILURE(ExpectSeeksRight(1, 10));
  }
}

TEST_F(TableTest, HoldsOneEntry) {
  for (const std::string& key :
       {std::string(), std::string("k"), std::string(65535, '\xff')}) {
    model_ = {};
    model_.AddTombstone(key, kMaxSequence);
    for (const Peeking peeking : kAllPeekings) {
      ASSERT_NO_FATAL_FAILURE(WriteAndOpen(peeking));
      ExpectAllFound();
      ExpectSameOrder(*table_, model_);
      ASSERT_NO_FATAL_FAILURE(ExpectSeeksRight(1, 100));
    }
    EXPECT_EQ(finished_.info.tombstone_count, 1u);
    EXPECT_EQ(finished_.info.key_count, 1u);
    EXPECT_EQ(finished_.info.min_sequence, kMaxSequence);
    EXPECT_EQ(finished_.info.max_sequence, kMaxSequence);
  }
}

// One key's versions fill lines and pages of the hash section, run over its end
// and fill several blocks of the sorted section.
TEST_F(TableTest, KeepsManyVersionsOfOneKeyNewestFirst) {
  for (int i = 1; i <= 2000; ++i) {
    if (i % 3 == 0) {
      model_.AddTombstone("one key", i);
    } else {
      model_.Add("one key", i, i);
    }
  }
  for (int i = 1; i <= 300; ++i) model_.Add(absl::StrCat("other", i), i);
  model_.Add("one kez", 5);
  model_.Add("one ke", 5);
  for (const Peeking peeking : kAllPeekings) {
    ASSERT_NO_FATAL_FAILURE(WriteAndOpen(peeking));
    EXPECT_EQ(finished_.info.key_count, 303u);
    ExpectAllFound();
    ExpectSameOrder(*table_, model_);
    ASSERT_NO_FATAL_FAILURE(ExpectSeeksRight(1, 200));
  }
}

// Versions of a key whose home is in the last page go on in the first one.
TEST_F(TableTest, ProbesRunOverTheEndOfTheHashSection) {
  std::string key;
  for (int i = 0; key.empty(); ++i) {
    std::string candidate = absl::StrCat("key", i);
    if (HashKey(candidate, kTestHashSeed) >> 56 == 0xff) key = candidate;
  }
  for (int i = 1; i <= 1000; ++i) model_.Add(key, i);
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kRead));
  ASSERT_EQ(table_->footer().hash_page_count, 3u);
  ASSERT_EQ(table_->HomeLine(HashKey(key, kTestHashSeed)) / kPageBytes, 2u);
  ExpectAllFound();
  ASSERT_OK(table_->LoadHashSection());
  ExpectAllFound();
}

TEST_F(TableTest, HoldsVeryLongKeys) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 60; ++i) {
    // Prefixes shared in part, sizes around those of blocks.
    const size_t size = 8100 + random() % 200 + size_t{8192} * (i % 8);
    std::string key(std::min<size_t>(size, 65535), 'x');
    key[key.size() / (1 + i % 3) - 1] = static_cast<char>(i);
    for (int version = 1; version <= 1 + i % 20; ++version) {
      model_.Add(key, version);
    }
    model_.Add(absl::StrCat("short", i), 1);
  }
  model_.Add(std::string(65535, '\0'), 1);
  model_.Add(std::string(65535, '\xff'), 1);
  for (const Peeking peeking : kAllPeekings) {
    ASSERT_NO_FATAL_FAILURE(WriteAndOpen(peeking));
    ExpectAllFound();
    ExpectSameOrder(*table_, model_);
    ASSERT_NO_FATAL_FAILURE(ExpectSeeksRight(1, 200));
  }
}

TEST_F(TableTest, HoldsALargeTable) {
  for (uint64_t i = 0; i < 300000; ++i) {
    model_.Add(absl::StrCat("key", i * 7919 % 300000), 1 + i);
  }
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kNothing));
  EXPECT_EQ(table_->entry_count(), 300000u);
  EXPECT_EQ(table_->max_sequence(), 300000u);
  // 8 bytes an entry at a load of 0.80, and a header line in 64.
  EXPECT_LT(table_->hash_section_bytes(), 300000 * 10.3);
  ASSERT_OK(table_->LoadHashSection());
  ExpectAllFound();
  ExpectSameOrder(*table_, model_);
  ASSERT_NO_FATAL_FAILURE(ExpectSeeksRight(1, 1000));
}

TEST_F(TableTest, TellsWhatItIsMadeOf) {
  model_.Add("a", 10);
  model_.AddTombstone("a", 20);
  model_.Add("b", 15);
  spec_.header.first_sequence = 10;
  spec_.header.database_id[3] = std::byte{9};
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kNothing));
  EXPECT_EQ(table_->size_bytes(), std::filesystem::file_size(spec_.path));
  EXPECT_EQ(finished_.info.length_bytes, table_->size_bytes());
  EXPECT_EQ(finished_.info.digest, Checksum(testing::ReadFile(spec_.path)));
  EXPECT_EQ(table_->segments(), spec_.segments);
  EXPECT_EQ(table_->hash_seed(), kTestHashSeed);
  EXPECT_EQ(table_->table_id(), kTestFileId);
  EXPECT_EQ(table_->header().first_sequence, 10u);
  EXPECT_EQ(table_->header().database_id, spec_.header.database_id);
  EXPECT_EQ(table_->entry_count(), 3u);
  EXPECT_EQ(table_->footer().key_count, 2u);
  EXPECT_EQ(table_->footer().tombstone_count, 1u);
  EXPECT_EQ(table_->footer().min_sequence, 10u);
  EXPECT_EQ(table_->max_sequence(), 20u);
  EXPECT_EQ(table_->file().path(), spec_.path);
}

TEST_F(TableTest, KeepsALongListOfSegments) {
  spec_.segments.clear();
  for (uint64_t i = 1; i <= 5000; ++i) {
    spec_.segments.push_back(
        {.number = i, .id = i * i, .length_bytes = i % 3 * kSlotBytes});
  }
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kNothing));
  EXPECT_EQ(table_->segments(), spec_.segments);
}

TEST_F(TableTest, ReadsNothingThatGrowsWithTheKeysAtOpen) {
  for (int i = 0; i < 100000; ++i) model_.Add(absl::StrCat("key", i), 1);
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kRead));
  EXPECT_LE(provider_->extents_read(), 3u);
}

TEST_F(TableTest, ReadsAheadWhileMovingInOneDirection) {
  for (int i = 0; i < 100000; ++i) model_.Add(absl::StrCat("key", i), 1);
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kNothing));
  ASSERT_OK(table_->Fences());
  const uint64_t blocks = table_->footer().fence_count;
  ASSERT_GT(blocks, 100u);
  const uint64_t batches_before = provider_->batches_read();
  const uint64_t extents_before = provider_->extents_read();
  ExpectSameOrder(*table_, model_);
  const uint64_t batches = provider_->batches_read() - batches_before;
  // Twice all blocks, but for the window where the direction changed; windows
  // of 1, 2, 4, 8, 16, 32, 32...
  EXPECT_LE(provider_->extents_read() - extents_before, 2 * blocks);
  EXPECT_LE(batches, 2 * (6 + blocks / 32));

  // A seek reads one block.
  const auto cursor = NewSortedCursor(*table_, io::CachePolicy::kPoint);
  for (const char* key : {"key10000", "key90000", "key50000"}) {
    const uint64_t before = provider_->extents_read();
    cursor->Seek(key);
    EXPECT_TRUE(cursor->Valid());
    EXPECT_EQ(provider_->extents_read(), before + 1) << key;
  }
}

TEST_F(TableTest, OpensOnlyTheFileThatIsExpected) {
  model_.Add("a", 1);
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kNothing));
  const TableIdentity good =
      IdentityOf(spec_.path, finished_.info.length_bytes);
  const auto open = [&](const TableIdentity& identity) {
    return TableReader::Open(*provider_, identity).status();
  };
  const auto damaged =
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr(spec_.path));
  EXPECT_OK(open(good));
  TableIdentity other = good;
  other.file_number = 8;
  EXPECT_THAT(open(other), damaged);
  other = good;
  other.file_id = 8;
  EXPECT_THAT(open(other), damaged);
  other = good;
  other.length_bytes -= kPageBytes;
  EXPECT_THAT(open(other), damaged);
  other.length_bytes = 100;
  EXPECT_THAT(open(other), damaged);
  other = good;
  other.path += "x";
  EXPECT_THAT(open(other), StatusIs(absl::StatusCode::kNotFound));
}

// Where a touch may have to wait for the device, who can't wait reads instead.
TEST_F(TableTest, AProbeThatMayNotFaultTouchesNothing) {
  model_.Add("key", 1, 0);
  ASSERT_NO_FATAL_FAILURE(WriteAndOpen(Peeking::kMayFault));
  const uint64_t hash = HashKey("key", kTestHashSeed);
  const cache::EpochGuard guard;
  HashCandidate candidate;
  HashCursor cursor;
  cursor.Start(*table_, hash, /*may_fault=*/false);
  EXPECT_EQ(cursor.Next(&candidate), HashCursor::Step::kMiss);
  cursor.Start(*table_, hash, /*may_fault=*/true);
  EXPECT_EQ(cursor.Next(&candidate), HashCursor::Step::kCandidate);
}

}  // namespace
}  // namespace quire::kv_internal
