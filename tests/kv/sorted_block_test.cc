#include "kv/internal/sorted_block.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "tests/testing/seed.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::TestSeed;

constexpr uint64_t kTableId = 99;
constexpr uint64_t kOffset = 4096;

struct Entry {
  std::string key;
  uint64_t sequence_offset = 0;
  RecordRef record = {};
};

// Adds entries while they fit and returns how many did.
size_t Fill(SortedBlockBuilder& builder, const std::vector<Entry>& entries) {
  std::string_view last;
  size_t count = 0;
  for (const Entry& entry : entries) {
    const auto [unused, differs] = std::mismatch(
        last.begin(), last.end(), entry.key.begin(), entry.key.end());
    const auto shared = static_cast<size_t>(differs - entry.key.begin());
    if (!builder.Add(entry.key, shared, entry.sequence_offset, entry.record)) {
      break;
    }
    last = entry.key;
    ++count;
  }
  return count;
}

constexpr uint64_t kFirstSequence = 1000;

void ExpectEntries(std::span<const std::byte> bytes,
                   std::span<const Entry> entries) {
  ASSERT_TRUE(CheckSortedBlock(bytes, kTableId, kOffset).ok());
  SortedBlock block;
  ASSERT_TRUE(block.Init(bytes));
  size_t entry_count = 0;
  for (size_t group = 0; group < block.group_count(); ++group) {
    entry_count += block.GroupSize(group);
  }
  ASSERT_EQ(entry_count, entries.size());
  SortedGroup group;
  size_t at = 0;
  for (size_t g = 0; g < block.group_count(); ++g) {
    std::string_view first;
    ASSERT_TRUE(block.FirstKey(g, &first));
    EXPECT_TRUE(first == entries[at].key);
    ASSERT_TRUE(group.Decode(block, g, kFirstSequence));
    ASSERT_EQ(group.entries().size(), block.GroupSize(g));
    for (const IndexEntry& entry : group.entries()) {
      ASSERT_TRUE(entry.key == entries[at].key);
      EXPECT_EQ(entry.sequence, kFirstSequence + entries[at].sequence_offset);
      EXPECT_TRUE(entry.record == entries[at].record);
      ++at;
    }
  }
  EXPECT_EQ(at, entries.size());
}

TEST(SortedBlockTest, HoldsOneEntryOfAnySize) {
  for (const size_t size :
       {0u, 1u, 127u, 128u, 8000u, 8150u, 8192u, 16384u, 65534u, 65535u}) {
    for (const uint64_t sequence :
         {uint64_t{0}, kMaxSequence - kFirstSequence}) {
      SortedBlockBuilder builder;
      EXPECT_TRUE(builder.empty());
      const std::vector<Entry> entries = {
          {std::string(size, 'k'),
           sequence,
           {.address = (uint64_t{1} << kAddressBits) - 1,
            .value_size = kLargestValueBytes}}};
      ASSERT_EQ(Fill(builder, entries), 1u);
      EXPECT_FALSE(builder.empty());
      const auto bytes = builder.Finish(kTableId, kOffset);
      EXPECT_EQ(bytes.size() % kSortedBlockBytes, 0u);
      EXPECT_LE(bytes.size(), kMaxUnitsPerBlock * kSortedBlockBytes);
      EXPECT_LT(bytes.size(), size + 100 + kSortedBlockBytes);
      ExpectEntries(bytes, entries);
    }
  }
}

TEST(SortedBlockTest, TakesEntriesUntilItIsFull) {
  std::vector<Entry> entries;
  for (int i = 10000; i < 20000; ++i) {
    entries.push_back({absl::StrCat("key", i),
                       static_cast<uint64_t>(i),
                       {.address = static_cast<uint64_t>(i),
                        .tombstone = i % 63 == 0,
                        .value_size = i % 63 == 0 ? 0u : i % 130u}});
  }
  SortedBlockBuilder builder;
  std::span<const Entry> left = entries;
  while (!left.empty()) {
    const size_t count = Fill(builder, {left.begin(), left.end()});
    ASSERT_GT(count, 0u);
    const auto bytes = builder.Finish(kTableId, kOffset);
    EXPECT_EQ(bytes.size(), kSortedBlockBytes);
    // Not one more than fits: 12 to 22 bytes each.
    if (count < left.size()) {
      EXPECT_GT(count, kSortedBlockBytes / 14);
    }
    ExpectEntries(bytes, left.first(count));
    left = left.subspan(count);
    builder.Reset();
    EXPECT_TRUE(builder.empty());
  }
}

TEST(SortedBlockTest, ALongBlockTakesOneGroup) {
  std::vector<Entry> entries;
  for (int version = 100; version > 0; --version) {
    entries.push_back({std::string(20000, 'k'),
                       static_cast<uint64_t>(version),
                       {.address = static_cast<uint64_t>(version)}});
  }
  SortedBlockBuilder builder;
  EXPECT_EQ(Fill(builder, entries), kRestartInterval);
  const auto bytes = builder.Finish(kTableId, kOffset);
  EXPECT_EQ(bytes.size(), 3 * kSortedBlockBytes);
  ExpectEntries(bytes, std::span(entries).first(kRestartInterval));
}

TEST(SortedBlockTest, RecordsOfEverySizeComeBack) {
  std::vector<Entry> entries;
  for (const uint64_t size : {0u, 1u, 126u, 127u, 128u, 16382u, 16383u,
                              2097150u, 2097151u, 1u << 28, 1u << 30}) {
    entries.push_back({absl::StrCat("put", entries.size() + 10),
                       1,
                       {.address = size, .value_size = uint32_t(size)}});
  }
  entries.push_back({"tombstone", 1, {.address = 9, .tombstone = true}});
  SortedBlockBuilder builder;
  ASSERT_EQ(Fill(builder, entries), entries.size());
  ExpectEntries(builder.Finish(kTableId, kOffset), entries);
}

// The value's size of an entry whose other fields are right, as it stands in
// the block. Returns whether it was decoded.
bool DecodesValueCode(std::initializer_list<uint8_t> code, RecordRef* record) {
  SortedBlockBuilder builder;
  // A value size that is written with 5 bytes.
  Fill(builder, {{"k", 1, {.address = 77, .value_size = 1 << 29}}});
  const auto good = builder.Finish(kTableId, kOffset);
  std::vector<std::byte> bytes(good.begin(), good.end());
  // Behind shared, rest, the key and the sequence number. What the code leaves
  // of its 5 bytes becomes the start of the address.
  constexpr size_t kCodeAt = kSortedBlockHeaderBytes + 4;
  size_t at = kCodeAt;
  for (const uint8_t byte : code) bytes[at++] = std::byte{byte};
  SortedBlock block;
  SortedGroup group;
  EXPECT_TRUE(block.Init(bytes));
  if (!group.Decode(block, 0, 1)) return false;
  *record = group.entries()[0].record;
  return true;
}

TEST(SortedBlockTest, RefusesValueSizesThatAreNone) {
  RecordRef record = {};
  ASSERT_TRUE(DecodesValueCode({0x81, 0x80, 0x80, 0x80, 0x02}, &record));
  EXPECT_EQ(record, (RecordRef{.address = 77, .value_size = 1 << 29}));
  ASSERT_TRUE(DecodesValueCode({0x81, 0x80, 0x80, 0x80, 0x04}, &record));
  EXPECT_EQ(record.value_size, kLargestValueBytes);
  ASSERT_TRUE(DecodesValueCode({0x00}, &record));
  EXPECT_TRUE(record.tombstone);
  // One byte too many; more than 32 bits, whose low ones would be a size; no
  // end.
  EXPECT_FALSE(DecodesValueCode({0x82, 0x80, 0x80, 0x80, 0x04}, &record));
  EXPECT_FALSE(DecodesValueCode({0x81, 0x80, 0x80, 0x80, 0x10}, &record));
  EXPECT_FALSE(
      DecodesValueCode({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                       &record));
}

TEST(SortedBlockTest, VerifiesOnlyAtItsPlaceInItsTable) {
  SortedBlockBuilder builder;
  Fill(builder, {{"key", 1}});
  const auto bytes = builder.Finish(kTableId, kOffset);
  EXPECT_TRUE(CheckSortedBlock(bytes, kTableId, kOffset).ok());
  EXPECT_FALSE(CheckSortedBlock(bytes, kTableId + 1, kOffset).ok());
  EXPECT_FALSE(CheckSortedBlock(bytes, kTableId, 2 * kOffset).ok());
}

// Blocks whose checksum was forged: whatever they hold, what is read lies
// within (each block stands in memory of its own, which the sanitizers watch).
TEST(SortedBlockTest, ReadsOnlyWithinAnyBytes) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::vector<Entry> entries;
  for (int i = 10000; i < 10400; ++i) {
    entries.push_back({absl::StrCat(i * i), static_cast<uint64_t>(i)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.key < b.key; });
  SortedBlockBuilder builder;
  Fill(builder, entries);
  const auto good = builder.Finish(kTableId, kOffset);
  SortedGroup group;
  uint64_t decoded = 0;
  uint64_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::unique_ptr<std::byte[]> bytes(new std::byte[good.size()]);
    std::memcpy(bytes.get(), good.data(), good.size());
    for (uint64_t changes = 1 + random() % 20; changes > 0; --changes) {
      size_t at = random() % good.size();
      if (random() % 4 == 0) at = 8 + random() % 20;
      if (random() % 4 == 0) at = good.size() - 1 - random() % 40;
      bytes[at] = static_cast<std::byte>(random());
    }
    SortedBlock block;
    if (!block.Init({bytes.get(), good.size()})) {
      ++refused;
      continue;
    }
    for (size_t g = 0; g < block.group_count(); ++g) {
      std::string_view key;
      if (block.FirstKey(g, &key)) {
        const std::string copy(key);
        EXPECT_LT(copy.size(), good.size());
      }
      if (!group.Decode(block, g, 1)) {
        EXPECT_TRUE(group.entries().empty());
        ++refused;
        continue;
      }
      ++decoded;
      for (const IndexEntry& entry : group.entries()) {
        const std::string copy(entry.key);
        EXPECT_LE(copy.size(), kMaxKeyBytes);
        EXPECT_LE(entry.record.value_size, kLargestValueBytes);
      }
    }
  }
  EXPECT_GT(decoded, 0u);
  EXPECT_GT(refused, 0u);
}

}  // namespace
}  // namespace quire::kv_internal
