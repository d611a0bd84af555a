// Forged tables, whose checksums fit their content: whatever they say, reading
// them ends, touches nothing that it shouldn't, and shows keys in order.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/key_range.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/record.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/table_format.h"
#include "kv/internal/table_reader.h"
#include "kv/internal/visible_cursor.h"
#include "tests/kv/test_table.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::MemoryPageProvider;
using ::quire::testing::ReadFile;
using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::quire::testing::WriteFile;
using ::testing::HasSubstr;
using Peeking = MemoryPageProvider::Peeking;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

class ForgedTableTest : public ::testing::Test {
 protected:
  // A block of one unit, and one of two.
  void SetUp() override {
    for (int i = 0; i < 20; ++i) {
      model_.Add(absl::StrCat("key", i), 100 + i, i * i * i);
    }
    model_.AddTombstone("key3", 7);
    model_.Add(std::string(9000, 'q'), 50);
    QUIRE_ASSERT_OK_AND_ASSIGN(const FinishedTable finished,
                               WriteTable(model_, spec_));
    identity_ = IdentityOf(spec_.path, finished.info.length_bytes);
    MemoryPageProvider provider(Peeking::kNothing);
    QUIRE_ASSERT_OK_AND_ASSIGN(auto table,
                               TableReader::Open(provider, identity_));
    footer_ = table->footer();
    ASSERT_EQ(footer_.sorted_bytes, 3 * kSortedBlockBytes);
  }

  testing::TempDirectory directory_;
  TableSpec spec_ = TestTableSpec(directory_.File("000007.tbl"));
  TableModel model_;
  TableIdentity identity_;
  TableFooter footer_;
};

std::span<const std::byte> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Makes every checksum of a table fit its content, wherever the footer (as it
// is now) says that sections are.
class Forger {
 public:
  explicit Forger(const TableFooter& original) : footer_(original) {}

  void Repair(std::string& bytes) const {
    auto* const file = reinterpret_cast<std::byte*>(bytes.data());
    // Blocks as the original fences have them: one unit, but for the long key.
    for (uint64_t at = footer_.sorted_offset; at < footer_.fence_offset;) {
      const uint64_t units = LoadLittleEndian<uint16_t>(file + at + 12);
      const uint64_t size =
          std::min(std::max<uint64_t>(units, 1) * kSortedBlockBytes,
                   footer_.fence_offset - at);
      const auto check = CheckSortedBlock({file + at, size}, kTestFileId, at);
      StoreLittleEndian(check.computed, file + at);
      at += size;
    }
    for (uint64_t at = footer_.hash_offset; at < footer_.segments_offset;
         at += kPageBytes) {
      StoreLittleEndian(CheckHashPage(file + at, kTestFileId, at).computed,
                        file + at);
    }
    std::byte* const page = file + bytes.size() - kPageBytes;
    const auto check_section = [&](uint64_t offset, uint64_t size, int field) {
      const std::string_view section =
          std::string_view(bytes).substr(offset, size);
      StoreLittleEndian(TableCheck(Bytes(section), kTestFileId, offset),
                        page + 8 + size_t{8} * field);
    };
    check_section(footer_.fence_offset, footer_.fence_bytes, 13);
    check_section(footer_.segments_offset, footer_.segments_bytes, 19);
    StoreLittleEndian(TableCheck({page, kPageBytes - 8}, kTestFileId,
                                 bytes.size() - kPageBytes),
                      page + kPageBytes - 8);
  }

 private:
  const TableFooter footer_;
};

// Reads all of a table of which nothing is known. Every call must come back and
// touch nothing that it shouldn't, which the sanitizers watch.
void ReadForged(MemoryPageProvider& provider, const TableIdentity& identity,
                const TableModel& model) {
  auto table = TableReader::Open(provider, identity);
  if (!table.ok()) {
    EXPECT_THAT(table, StatusIs(kDataLoss));
    return;
  }
  for (int resident = 0; resident < 2; ++resident) {
    for (const auto& [position, place] : model.entries()) {
      HashCursor cursor;
      cursor.Start(**table, HashKey(position.key, kTestHashSeed),
                   /*may_fault=*/true);
      HashCandidate candidate;
      cache::EpochGuard guard;
      uint64_t candidates = 0;
      while (cursor.Next(&candidate) == HashCursor::Step::kCandidate) {
        ASSERT_LE(++candidates, (*table)->hash_section_bytes() / 8);
      }
    }
    if (!(*table)->LoadHashSection().ok()) break;
  }
  const auto cursor = NewSortedCursor(**table, io::CachePolicy::kScan);
  const auto expect_data_loss = [&] {
    if (!cursor->status().ok()) {
      EXPECT_THAT(cursor->status(), StatusIs(kDataLoss));
    }
  };
  uint64_t sum = 0;
  std::string previous_key;
  uint64_t previous_sequence = 0;
  // What a walk shows ascends, or descends.
  const auto expect_order = [&](bool first, bool forward) {
    const int order = previous_key.compare(cursor->key());
    const bool ascends =
        order != 0 ? order < 0 : previous_sequence > cursor->sequence();
    EXPECT_TRUE(first || ascends == forward);
    previous_key = cursor->key();
    previous_sequence = cursor->sequence();
  };
  const auto touch = [&] {
    for (const char c : cursor->key()) sum += static_cast<unsigned char>(c);
    const EntryPlace place = cursor->place();
    sum += cursor->sequence() + place.address;
    EXPECT_LE(place.record_bytes,
              RecordBytes(cursor->key().size(), kLargestValueBytes));
  };
  const uint64_t most = (*table)->size_bytes();
  uint64_t steps = 0;
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    touch();
    expect_order(steps == 0, true);
    ASSERT_LE(++steps, most);
  }
  expect_data_loss();
  steps = 0;
  for (cursor->SeekToLast(); cursor->Valid(); cursor->Prev()) {
    touch();
    expect_order(steps == 0, false);
    ASSERT_LE(++steps, most);
  }
  expect_data_loss();
  for (const auto& [position, place] : model.entries()) {
    cursor->Seek(position.key);
    if (cursor->Valid()) touch();
    expect_data_loss();
    cursor->SeekForPrev(position.key);
    if (cursor->Valid()) touch();
    expect_data_loss();
  }
}

// With right checksums. The entries go back to a key that was passed: who walks
// over its versions and then seeks past them would come by here for ever.
TEST_F(ForgedTableTest, EntriesOutOfOrderAreDamage) {
  const std::string good = ReadFile(spec_.path);
  for (const uint64_t place : {uint64_t{2}, uint64_t{kRestartInterval}}) {
    SCOPED_TRACE(place);
    SortedBlockBuilder builder;
    for (uint64_t i = 0; i < 2 * kRestartInterval; ++i) {
      std::string key = "b" + std::to_string(100 + i);
      if (i == place) key = "a";
      ASSERT_TRUE(builder.Add(key, 0, i, {.address = i, .tombstone = true}));
    }
    std::string bytes = good;
    const auto block = builder.Finish(kTestFileId, footer_.sorted_offset);
    std::memcpy(bytes.data() + footer_.sorted_offset, block.data(),
                block.size());
    WriteFile(spec_.path, bytes);
    MemoryPageProvider provider(Peeking::kAll);
    QUIRE_ASSERT_OK_AND_ASSIGN(auto table,
                               TableReader::Open(provider, identity_));
    std::vector<std::unique_ptr<EntryCursor>> sources;
    sources.push_back(NewSortedCursor(*table, io::CachePolicy::kScan));
    VisibleCursor visible(std::move(sources), kMaxSequence, KeyRange());
    visible.SeekToFirst();
    EXPECT_FALSE(visible.Valid());
    EXPECT_THAT(visible.status(), StatusIs(kDataLoss, HasSubstr(spec_.path)));
    visible.SeekForPrev("c");
    EXPECT_FALSE(visible.Valid());
    EXPECT_THAT(visible.status(), StatusIs(kDataLoss, HasSubstr(spec_.path)));
  }
}

TEST_F(ForgedTableTest, IsSafeToRead) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const std::string good = ReadFile(spec_.path);
  const Forger forger(footer_);
  {
    std::string bytes = good;
    forger.Repair(bytes);
    ASSERT_EQ(bytes, good);
  }
  // Places where a change is most likely to matter.
  const std::pair<uint64_t, uint64_t> parts[] = {
      {footer_.sorted_offset + 8, 300},
      {footer_.sorted_offset + kSortedBlockBytes - 8, 40},
      {footer_.fence_offset, 80},
      {footer_.hash_offset, kPageBytes},
      {footer_.segments_offset, 60},
      {good.size() - kPageBytes + 16, 152},
      {kPageBytes, good.size() - kPageBytes},
  };
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = good;
    for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
      const auto& [begin, size] = parts[random() % std::size(parts)];
      char& byte = bytes[begin + random() % size];
      switch (random() % 3) {
        case 0:
          byte = static_cast<char>(random());
          break;
        case 1:
          byte = static_cast<char>(byte + (random() % 2 == 0 ? 1 : -1));
          break;
        default:
          byte = static_cast<char>(random() % 2 == 0 ? 0 : 0xff);
      }
    }
    forger.Repair(bytes);
    WriteFile(spec_.path, bytes);
    MemoryPageProvider provider(Peeking::kAll);
    ReadForged(provider, identity_, model_);
    ASSERT_FALSE(HasFailure()) << "change " << i;
  }
}

}  // namespace
}  // namespace quire::kv_internal
