#include "kv/internal/memtable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "gtest/gtest.h"
#include "tests/kv/cursor_testing.h"
#include "tests/kv/test_memtable.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::unique_ptr<TestMemtable> MakeMemtable(
    uint64_t capacity_bytes,
    TestMemtable::HashFunction hash = &TestMemtable::PlainHash) {
  auto memtable = TestMemtable::Create(capacity_bytes, hash);
  QUIRE_CHECK(memtable.ok());
  return *std::move(memtable);
}

// Everything that was written, and what a read at some sequence number gives.
class Model {
 public:
  void Add(const std::string& key, uint64_t sequence, const std::string& value,
           bool tombstone) {
    entries_.insert({key, sequence, value, tombstone});
    sequence_ = sequence;
  }

  // nullptr if there is no version.
  const ModelEntry* Find(const std::string& key, uint64_t max_sequence) const {
    const auto found = entries_.lower_bound({key, max_sequence, "", false});
    if (found == entries_.end() || found->key != key) return nullptr;
    return &*found;
  }

  std::vector<ModelEntry> Sorted() const {
    return {entries_.begin(), entries_.end()};
  }
  uint64_t sequence() const { return sequence_; }

 private:
  std::set<ModelEntry> entries_;
  uint64_t sequence_ = 0;
};

void ExpectFindsAlike(const TestMemtable& memtable, const Model& model,
                      const std::string& key, uint64_t max_sequence) {
  const MemoryRecord found = memtable.Find(key, max_sequence);
  const ModelEntry* const expected = model.Find(key, max_sequence);
  ASSERT_EQ(static_cast<bool>(found), expected != nullptr);
  if (expected == nullptr) return;
  ASSERT_EQ(found.key(), key);
  ASSERT_EQ(found.sequence(), expected->sequence);
  ASSERT_EQ(found.tombstone(), expected->tombstone);
  ASSERT_EQ(found.value(), expected->value);
}

// Random puts and deletes on `keys`; reads and cursors compared all along.
void RunAgainstModel(const std::vector<std::string>& keys, int operation_count,
                     TestMemtable::HashFunction hash, std::mt19937_64& random) {
  const auto memtable = MakeMemtable(4 * kMiB, hash);
  Model model;
  uint64_t sequence = random() % 1000;
  for (int i = 0; i < operation_count; ++i) {
    const std::string& key = keys[random() % keys.size()];
    sequence += 1 + random() % 3;
    const bool tombstone = random() % 4 == 0;
    const std::string value =
        tombstone ? "" : std::string(random() % 100, 'a' + sequence % 26);
    if (!memtable->HasRoom(key.size(), value.size())) break;
    if (tombstone) {
      memtable->Delete(key, sequence);
    } else {
      memtable->Put(key, value, sequence);
    }
    model.Add(key, sequence, value, tombstone);
    const std::string& other = keys[random() % keys.size()];
    ASSERT_NO_FATAL_FAILURE(
        ExpectFindsAlike(*memtable, model, other, kMaxSequence));
    ASSERT_NO_FATAL_FAILURE(
        ExpectFindsAlike(*memtable, model, other, random() % (sequence + 2)));
    if (random() % 64 == 0) {
      const std::vector<ModelEntry> entries = model.Sorted();
      const auto cursor = memtable->memtable().NewCursor();
      ASSERT_NO_FATAL_FAILURE(ExpectShows(*cursor, entries));
      ASSERT_NO_FATAL_FAILURE(
          ExpectMovesAlike(*cursor, entries, keys, 100, random));
    }
  }
  EXPECT_EQ(memtable->memtable().entry_count(), model.Sorted().size());
  EXPECT_EQ(memtable->memtable().last_sequence(), model.sequence());
}

std::vector<std::string> HardKeys(size_t count, std::mt19937_64& random) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(HardKey(random));
  return keys;
}

TEST(MemtableTest, ReadsAndCursorsAgreeWithAModel) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 8; ++round) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    // From a few keys with many versions to many keys with few.
    const auto keys = HardKeys(size_t{1} << (round + 1), random);
    ASSERT_NO_FATAL_FAILURE(
        RunAgainstModel(keys, 2000, &TestMemtable::PlainHash, random));
  }
}

TEST(MemtableTest, KeysWhoseHashesCollideAreToldApart) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const auto keys = HardKeys(200, random);
  // All keys share one tag; then all share one of the last slots, so that
  // probes wrap around.
  ASSERT_NO_FATAL_FAILURE(RunAgainstModel(
      keys, 1000, [](std::string_view) { return uint64_t{5} << 32; }, random));
  ASSERT_NO_FATAL_FAILURE(RunAgainstModel(
      keys, 1000,
      [](std::string_view key) { return ~uint64_t{0} - (key.size() << 32); },
      random));
}

TEST(MemtableTest, GrowsItsIndexWithoutLosingAKey) {
  constexpr uint64_t kCount = 600000;
  const auto memtable = MakeMemtable(128 * kMiB);
  for (uint64_t i = 0; i < kCount; ++i) {
    memtable->Put(std::to_string(i), std::to_string(i * 7), i + 1);
  }
  for (uint64_t i = 0; i < kCount; ++i) {
    const MemoryRecord found = memtable->Find(std::to_string(i), kMaxSequence);
    ASSERT_TRUE(found) << i;
    ASSERT_EQ(found.value(), std::to_string(i * 7));
  }
  EXPECT_FALSE(memtable->Find(std::to_string(kCount), kMaxSequence));
  EXPECT_EQ(memtable->memtable().entry_count(), kCount);
}

TEST(MemtableTest, EveryVersionOfAKeyIsFoundAtItsSequence) {
  constexpr uint64_t kVersions = 3000;
  const auto memtable = MakeMemtable(4 * kMiB);
  memtable->Put("other", "", 1);
  for (uint64_t i = 1; i <= kVersions; ++i) {
    memtable->Put("key", std::to_string(i), 10 * i);
    // The links of each number of versions have another shape.
    if (i > 70 && i < kVersions) continue;
    for (uint64_t j = 1; j <= i; ++j) {
      ASSERT_EQ(memtable->Find("key", 10 * j).value(), std::to_string(j));
      ASSERT_EQ(memtable->Find("key", 10 * j + 9).value(), std::to_string(j));
    }
    ASSERT_FALSE(memtable->Find("key", 9));
  }
}

TEST(MemtableTest, AnOldVersionOfAHotKeyIsFoundInFewSteps) {
  // A walk over all newer versions would take 150,000 * 300,000 steps: the
  // test would never end.
  constexpr uint64_t kVersions = 300000;
  const auto memtable = MakeMemtable(64 * kMiB);
  for (uint64_t i = 1; i <= kVersions; ++i) memtable->Put("key", "", i);
  for (uint64_t i = 1; i <= kVersions; ++i) {
    ASSERT_EQ(memtable->Find("key", i).sequence(), i);
  }
}

TEST(MemtableTest, EmptyAndLargestKeysAndValues) {
  const auto memtable = MakeMemtable(8 * kMiB);
  const std::string largest_key(65535, 'k');
  const std::string large_value(3 * kMiB, 'v');
  memtable->Put("", "", 1);
  memtable->Put(largest_key, large_value, 2);
  memtable->Delete("", 3);
  memtable->Put("", large_value, 4);
  EXPECT_TRUE(memtable->Find("", 1));
  EXPECT_EQ(memtable->Find("", 1).value(), "");
  EXPECT_TRUE(memtable->Find("", 3).tombstone());
  EXPECT_EQ(memtable->Find("", 4).value(), large_value);
  EXPECT_EQ(memtable->Find(largest_key, 4).value(), large_value);
  ExpectShows(*memtable->memtable().NewCursor(), {{"", 4, "", false},
                                                  {"", 3, "", true},
                                                  {"", 1, "", false},
                                                  {largest_key, 2, "", false}});
}

TEST(MemtableTest, AnEmptyMemtableFindsNothing) {
  const auto memtable = MakeMemtable(kPageBytes);
  EXPECT_FALSE(memtable->Find("key", kMaxSequence));
  const auto cursor = memtable->memtable().NewCursor();
  ExpectShows(*cursor, {});
  cursor->Seek("key");
  EXPECT_FALSE(cursor->Valid());
  cursor->SeekForPrev("key");
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(memtable->memtable().last_sequence(), 0);
  EXPECT_EQ(memtable->memtable().used_bytes(), 0);
}

TEST(MemtableTest, ACursorIsNotDisturbedByLaterWrites) {
  const auto memtable = MakeMemtable(4 * kMiB);
  std::vector<ModelEntry> entries;
  std::vector<std::unique_ptr<EntryCursor>> cursors;
  for (uint64_t i = 0; i < 500; ++i) {
    const std::string key = std::to_string(1000 + i * 37 % 500);
    memtable->Put(key, "", i + 1);
    entries.push_back({key, i + 1, "", false});
    cursors.push_back(memtable->memtable().NewCursor());
  }
  for (size_t i = 0; i < cursors.size(); i += 50) {
    std::vector<ModelEntry> expected(entries.begin(), entries.begin() + i + 1);
    std::sort(expected.begin(), expected.end());
    ASSERT_NO_FATAL_FAILURE(ExpectShows(*cursors[i], expected));
  }
}

TEST(MemtableTest, RefusesACapacityOutOfRange) {
  EXPECT_THAT(TestMemtable::Create(Memtable::kMaxCapacityBytes + 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(TestMemtable::Create(kPageBytes - 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(MemtableTest, RecordsBeyondTheFirstGiBytesAreFound) {
  // Only what is written takes memory.
  const auto memtable = MakeMemtable(Memtable::kMaxCapacityBytes);
  const MemoryRecord none = memtable->Find("key", kMaxSequence);
  EXPECT_FALSE(none);
  Memtable& raw = memtable->memtable();
  const uint64_t hash = TestMemtable::PlainHash("key");
  ASSERT_OK(raw.Prepare(2));
  uint64_t sequence = 0;
  for (const uint64_t offset : {uint64_t{8192}, raw.image().size() - 4096}) {
    const RecordPlace place = {1, offset};
    EncodeRecord(place, ++sequence, RecordKind::kPut, "key", "value",
                 raw.image().data() + offset);
    raw.Insert(offset, hash);
  }
  EXPECT_EQ(memtable->Find("key", 2).sequence(), 2);
  EXPECT_EQ(memtable->Find("key", 1).sequence(), 1);
  ExpectShows(*raw.NewCursor(), {{"key", 2, "", false}, {"key", 1, "", false}});
}

}  // namespace
}  // namespace quire::kv_internal
