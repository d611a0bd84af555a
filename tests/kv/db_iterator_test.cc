#include "kv/internal/db_iterator.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/run.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/view.h"
#include "tests/kv/cursor_testing.h"
#include "tests/kv/test_memtable.h"
#include "tests/kv/test_run.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::MemoryPageProvider;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::TestSeed;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Peeking = MemoryPageProvider::Peeking;
using Rows = std::vector<std::pair<std::string, std::string>>;

// A database of several memtables and runs, and a model of it.
class Scene {
 public:
  explicit Scene(Peeking peeking = Peeking::kAll) : provider_(peeking) {
    Begin();
  }

  void Put(const std::string& key, const std::string& value) {
    current_->Put(key, value, ++sequence_);
    history_.insert({key, sequence_, value, false});
  }
  void Delete(const std::string& key) {
    current_->Delete(key, ++sequence_);
    history_.insert({key, sequence_, "", true});
  }
  bool HasRoom(const std::string& key, const std::string& value) const {
    return current_->HasRoom(key.size(), value.size());
  }

  // What was written since the last call becomes a run, or a memtable that no
  // longer grows.
  void MakeRun() {
    runs_.push_back(
        MakeTestRun(provider_, directory_.path(), ++file_number_, *current_));
    Begin();
  }
  void MakeRun(absl::FunctionRef<void(TableEntry&)> change) {
    runs_.push_back(MakeTestRun(provider_, directory_.path(), ++file_number_,
                                *current_, change));
    Begin();
  }
  void KeepMemtable() {
    memtables_.push_back(std::move(current_));
    Begin();
  }

  std::unique_ptr<Iterator> NewIterator(const ReadOptions& options,
                                        uint64_t sequence = kMaxSequence) {
    std::vector<IteratorSource> sources;
    sources.push_back({current_->memtable().NewCursor(), nullptr});
    for (const auto& memtable : memtables_) {
      sources.push_back({memtable->memtable().NewCursor(), nullptr});
    }
    for (const auto& run : runs_) {
      sources.push_back(
          {NewSortedCursor(run->table(), io::CachePolicy::kScan), run.get()});
    }
    return NewDbIterator(std::move(sources), IteratorHolds(), sequence, options,
                         provider_);
  }

  // What an iterator must show.
  Rows Visible(const ReadOptions& options, uint64_t sequence) const {
    std::map<std::string, const ModelEntry*> newest;
    for (const ModelEntry& entry : history_) {
      if (entry.sequence <= sequence) newest.try_emplace(entry.key, &entry);
    }
    Rows rows;
    for (const auto& [key, entry] : newest) {
      const bool inside =
          (!options.lower_bound || key >= *options.lower_bound) &&
          (!options.upper_bound || key < *options.upper_bound) &&
          key.substr(0, options.prefix.size()) == options.prefix;
      if (inside && !entry->tombstone) rows.emplace_back(key, entry->value);
    }
    return rows;
  }

  uint64_t sequence() const { return sequence_; }
  MemoryPageProvider& provider() { return provider_; }
  const std::vector<std::shared_ptr<Run>>& runs() const { return runs_; }

 private:
  void Begin() {
    auto memtable = TestMemtable::Create(uint64_t{32} << 20);
    QUIRE_CHECK(memtable.ok());
    current_ = *std::move(memtable);
  }

  TempDirectory directory_;
  MemoryPageProvider provider_;
  std::set<ModelEntry> history_;  // newest version of a key first
  uint64_t sequence_ = 0;
  uint64_t file_number_ = 10;
  std::unique_ptr<TestMemtable> current_;
  std::vector<std::unique_ptr<TestMemtable>> memtables_;
  std::vector<std::shared_ptr<Run>> runs_;
};

// Places in `rows` that moves lead to; rows.size() is nowhere.
size_t LowerBound(const Rows& rows, const std::string& target) {
  return std::lower_bound(rows.begin(), rows.end(), target,
                          [](const auto& row, const std::string& key) {
                            return row.first < key;
                          }) -
         rows.begin();
}

size_t Before(const Rows& rows, size_t i) {
  return i == 0 ? rows.size() : i - 1;
}

size_t LastAtOrBelow(const Rows& rows, const std::string& target) {
  const size_t i = LowerBound(rows, target);
  if (i < rows.size() && rows[i].first == target) return i;
  return Before(rows, i);
}

void ExpectAt(Iterator& iterator, const Rows& rows, size_t at,
              bool with_value) {
  ASSERT_OK(iterator.status());
  ASSERT_EQ(iterator.Valid(), at < rows.size());
  if (at == rows.size()) return;
  ASSERT_EQ(iterator.key(), rows[at].first);
  if (!with_value) return;
  ASSERT_THAT(iterator.value(), IsOkAndHolds(rows[at].second));
  ASSERT_EQ(iterator.key(), rows[at].first);
}

// Walks both ways with values.
void ExpectRows(Iterator& iterator, const Rows& rows) {
  iterator.SeekToFirst();
  for (size_t i = 0; i < rows.size(); ++i, iterator.Next()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, i, true));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, rows.size(), true));
  iterator.SeekToLast();
  for (size_t i = rows.size(); i-- > 0; iterator.Prev()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, i, true));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, rows.size(), true));
}

// Random moves; values are asked for in stretches, so that look-ahead starts,
// is used up, and is left in every way.
void ExpectRandomMoves(Iterator& iterator, const Rows& rows,
                       const std::vector<std::string>& targets, bool keys_only,
                       std::mt19937_64& random) {
  size_t at = rows.size();
  bool with_values = false;
  bool forward = true;
  for (int i = 0; i < 600; ++i) {
    if (random() % 16 == 0) with_values = !with_values && !keys_only;
    if (random() % 16 == 0) forward = !forward;
    const std::string& target = targets[random() % targets.size()];
    const uint64_t move = at == rows.size() ? random() % 4 : random() % 64;
    if (move == 0) {
      iterator.SeekToFirst();
      at = 0;
    } else if (move == 1) {
      iterator.SeekToLast();
      at = Before(rows, rows.size());
    } else if (move == 2) {
      iterator.Seek(target);
      at = LowerBound(rows, target);
    } else if (move == 3) {
      iterator.SeekForPrev(target);
      at = LastAtOrBelow(rows, target);
    } else if (move == 4) {
      // The target is the iterator's own memory.
      iterator.Seek(iterator.key());
    } else if (move == 5) {
      iterator.SeekForPrev(iterator.key());
    } else if (forward) {
      iterator.Next();
      ++at;
    } else {
      iterator.Prev();
      at = Before(rows, at);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, at, with_values))
        << "move " << i;
  }
}

void FillAtRandom(Scene& scene, const std::vector<std::string>& keys,
                  std::mt19937_64& random) {
  const uint64_t part_count = 1 + random() % 5;
  for (uint64_t part = 0; part < part_count; ++part) {
    for (uint64_t i = random() % 200; i > 0; --i) {
      const std::string& key = keys[random() % keys.size()];
      if (random() % 4 == 0) {
        scene.Delete(key);
      } else {
        // Now and then large enough to span pages.
        const uint64_t size =
            random() % 50 == 0 ? random() % 20000 : random() % 200;
        scene.Put(key, std::string(size, 'a' + random() % 26));
      }
    }
    // The last part stays where it is: in the memtable that is written to.
    if (part + 1 == part_count) break;
    if (random() % 2 == 0) {
      scene.MakeRun();
    } else {
      scene.KeepMemtable();
    }
  }
}

ReadOptions RandomOptions(std::mt19937_64& random) {
  ReadOptions options;
  if (random() % 2 == 0) options.lower_bound = HardKey(random);
  if (random() % 2 == 0) options.upper_bound = HardKey(random);
  if (random() % 2 == 0) {
    options.prefix = HardKey(random);
    options.prefix.resize(random() % (options.prefix.size() + 1));
  }
  options.keys_only = random() % 8 == 0;
  return options;
}

TEST(DbIteratorTest, AgreesWithAModelUnderAllOptionsAndMoves) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    Scene scene(static_cast<Peeking>(random() % 4));
    std::vector<std::string> keys;
    for (uint64_t i = 2 + random() % 150; i > 0; --i) {
      keys.push_back(HardKey(random));
    }
    FillAtRandom(scene, keys, random);
    std::vector<std::string> targets = keys;
    for (int i = 0; i < 50; ++i) targets.push_back(HardKey(random));
    for (int i = 0; i < 4; ++i) {
      const ReadOptions options = RandomOptions(random);
      const uint64_t sequence =
          random() % 2 == 0 ? kMaxSequence : random() % (scene.sequence() + 1);
      const Rows rows = scene.Visible(options, sequence);
      const auto iterator = scene.NewIterator(options, sequence);
      EXPECT_FALSE(iterator->Valid());
      ASSERT_NO_FATAL_FAILURE(ExpectRandomMoves(*iterator, rows, targets,
                                                options.keys_only, random));
      if (options.keys_only) continue;
      ASSERT_NO_FATAL_FAILURE(ExpectRows(*iterator, rows));
    }
  }
}

TEST(DbIteratorTest, APrefixOfFFBytesHasNoEnd) {
  Scene scene;
  for (const char* key : {"\xfe", "\xff", "\xff\xff", "\xff\xff\x01"}) {
    scene.Put(key, "v");
  }
  ReadOptions options;
  options.prefix = "\xff\xff";
  ExpectRows(*scene.NewIterator(options),
             {{"\xff\xff", "v"}, {"\xff\xff\x01", "v"}});
}

TEST(DbIteratorTest, ARangeMayBeEmptyOrUpsideDown) {
  Scene scene;
  for (const char* key : {"a", "m", "z"}) scene.Put(key, "v");
  ReadOptions options;
  options.lower_bound = "m";
  options.upper_bound = "m";
  ExpectRows(*scene.NewIterator(options), {});
  options.lower_bound = "z";
  options.upper_bound = "b";
  const auto iterator = scene.NewIterator(options);
  ExpectRows(*iterator, {});
  iterator->Seek("m");
  EXPECT_FALSE(iterator->Valid());
  iterator->SeekForPrev("m");
  EXPECT_FALSE(iterator->Valid());
  EXPECT_OK(iterator->status());
}

// `count` keys in order in one run, each with a value that names it.
void FillInOrder(Scene& scene, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string key = std::to_string(100000 + i);
    scene.Put(key, "value of " + key);
  }
}

TEST(DbIteratorTest, AnUnreadableValueFailsForItselfOnly) {
  Scene scene(Peeking::kNothing);
  // Records of more than a page, so that the end of each lies in pages that no
  // read of another one touches.
  for (int i = 0; i < 300; ++i) {
    scene.Put(std::to_string(100000 + i), std::string(5000, 'a' + i % 26));
  }
  uint64_t damaged = 0;
  scene.MakeRun([&](TableEntry& entry) {
    if (entry.key == "100150") {
      damaged = AddressOffsetInSlot(entry.address) + kPageBytes;
    }
  });
  // Under look-ahead and alone, walking either way.
  scene.provider().FailReads(damaged, 1000000);
  const auto iterator = scene.NewIterator({});
  const Rows rows = scene.Visible({}, kMaxSequence);
  const auto expect_at = [&](size_t i) {
    ASSERT_TRUE(iterator->Valid());
    ASSERT_EQ(iterator->key(), rows[i].first);
    if (rows[i].first == "100150") {
      ASSERT_THAT(iterator->value(), StatusIs(absl::StatusCode::kUnavailable,
                                              HasSubstr("000011.seg")));
    } else {
      ASSERT_THAT(iterator->value(), IsOkAndHolds(rows[i].second));
    }
    ASSERT_OK(iterator->status());
  };
  iterator->SeekToFirst();
  for (size_t i = 0; i < rows.size(); ++i, iterator->Next()) {
    ASSERT_NO_FATAL_FAILURE(expect_at(i));
  }
  EXPECT_FALSE(iterator->Valid());
  iterator->SeekToLast();
  for (size_t i = rows.size(); i-- > 0; iterator->Prev()) {
    ASSERT_NO_FATAL_FAILURE(expect_at(i));
  }
  iterator->Seek("100150");
  ASSERT_NO_FATAL_FAILURE(expect_at(150));
  // Errors are not kept: once the device works again, so does the value.
  scene.provider().FailReads(damaged, 0);
  iterator->Seek("100150");
  EXPECT_THAT(iterator->value(), IsOkAndHolds(rows[150].second));
}

TEST(DbIteratorTest, DamageToARecordNamesFileAndOffset) {
  // The record of 100005 lies behind a large one, so that its offset is beyond
  // the end of the table, which the flip would hit too.
  const auto fill = [](Scene& scene) {
    scene.Put("0", std::string(1 << 20, 'x'));
    FillInOrder(scene, 10);
    uint64_t offset = 0;
    scene.MakeRun([&](TableEntry& entry) {
      if (entry.key == "100005") offset = AddressOffsetInSlot(entry.address);
    });
    return offset;
  };
  Scene undamaged;
  const uint64_t offset = fill(undamaged);
  // In the header, the key and the value.
  for (const uint64_t at : {4, 25, 34}) {
    for (const Peeking peeking :
         {Peeking::kNothing, Peeking::kAll, Peeking::kMayFault}) {
      SCOPED_TRACE(at);
      Scene scene(peeking);
      scene.provider().FlipBit(offset + at, 3);
      ASSERT_EQ(fill(scene), offset);
      const auto iterator = scene.NewIterator({});
      iterator->Seek("100004");
      EXPECT_THAT(iterator->value(), IsOkAndHolds("value of 100004"));
      iterator->Next();
      EXPECT_THAT(iterator->value(),
                  StatusIs(absl::StatusCode::kDataLoss,
                           AllOf(HasSubstr("000011.seg"),
                                 HasSubstr(std::to_string(offset)))));
      iterator->Next();
      EXPECT_THAT(iterator->value(), IsOkAndHolds("value of 100006"));
    }
  }
}

TEST(DbIteratorTest, ATableThatPointsToAnotherRecordIsDamage) {
  for (const Peeking peeking :
       {Peeking::kNothing, Peeking::kAll, Peeking::kMayFault}) {
    Scene scene(peeking);
    FillInOrder(scene, 10);
    scene.Put("100003", "newer");
    uint64_t wrong_key = 0;
    uint64_t wrong_version = 0;
    scene.MakeRun([&](TableEntry& entry) {
      // The record of the entry before: another key, or a newer version.
      if (entry.key == "100007") entry.address = wrong_key;
      if (entry.key == "100006") wrong_key = entry.address;
      if (entry.key != "100003") return;
      if (wrong_version == 0) {
        wrong_version = entry.address;
      } else {
        entry.address = wrong_version;
      }
    });
    const auto iterator = scene.NewIterator({}, 10);
    iterator->Seek("100007");
    EXPECT_THAT(iterator->value(),
                StatusIs(absl::StatusCode::kDataLoss,
                         HasSubstr("000011.seg: the record at offset ")));
    iterator->Seek("100003");
    EXPECT_THAT(iterator->value(),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("100003")));
    iterator->Next();
    EXPECT_THAT(iterator->value(), IsOkAndHolds("value of 100004"));
  }
}

TEST(DbIteratorTest, AnEntryThatPointsOutOfItsRunIsDamage) {
  Scene scene;
  FillInOrder(scene, 3);
  scene.MakeRun([](TableEntry& entry) {
    if (entry.key == "100001") entry.address = (kSlotBytes - 8) / 8;
  });
  const auto iterator = scene.NewIterator({});
  iterator->Seek("100001");
  ASSERT_TRUE(iterator->Valid());
  EXPECT_THAT(iterator->value(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("000011.tbl")));
  iterator->Next();
  EXPECT_THAT(iterator->value(), IsOkAndHolds("value of 100002"));
}

TEST(DbIteratorTest, AnErrorOfASourceEndsItUntilTheNextSeek) {
  MemoryPageProvider provider(Peeking::kAll);
  const std::vector<ModelEntry> entries = {
      {"a", 1, "", true}, {"b", 2, "", true}, {"c", 3, "", true}};
  auto memtable = TestMemtable::Create(uint64_t{1} << 20);
  ASSERT_OK(memtable);
  (*memtable)->Put("aa", "1", 4);
  (*memtable)->Put("bb", "2", 5);
  std::vector<IteratorSource> sources;
  sources.push_back(
      {NewFailingCursor(entries, 2, absl::DataLossError("block")), nullptr});
  sources.push_back({(*memtable)->memtable().NewCursor(), nullptr});
  const auto iterator = NewDbIterator(std::move(sources), IteratorHolds(),
                                      kMaxSequence, {}, provider);
  iterator->SeekToFirst();
  ASSERT_TRUE(iterator->Valid());
  EXPECT_EQ(iterator->key(), "aa");
  // "bb" can't be shown: what should be before it was not read.
  iterator->Next();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_THAT(iterator->status(), StatusIs(absl::StatusCode::kDataLoss));
  iterator->SeekToLast();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_THAT(iterator->status(), StatusIs(absl::StatusCode::kDataLoss));
  iterator->Seek("a");
  ASSERT_TRUE(iterator->Valid());
  EXPECT_OK(iterator->status());
  // Values read ahead of the error are still given.
  EXPECT_THAT(iterator->value(), IsOkAndHolds("1"));
}

TEST(DbIteratorTest, KeysOnlyReadsNoRecordAndGivesNoValue) {
  Scene scene(Peeking::kNothing);
  FillInOrder(scene, 300);
  scene.MakeRun();
  ReadOptions options;
  options.keys_only = true;
  const auto iterator = scene.NewIterator(options);
  iterator->SeekToFirst();
  EXPECT_THAT(iterator->value(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  // A table of 300 keys is one sorted block.
  const uint64_t before = scene.provider().extents_read();
  for (; iterator->Valid(); iterator->Next())
    EXPECT_FALSE(iterator->key().empty());
  EXPECT_LE(scene.provider().extents_read() - before, 2);
}

TEST(DbIteratorTest, ValuesNobodyAsksForAreNotRead) {
  Scene scene(Peeking::kNothing);
  FillInOrder(scene, 300);
  scene.MakeRun();
  const auto count_reads = [&](bool with_values) {
    const uint64_t before = scene.provider().extents_read();
    const auto iterator = scene.NewIterator({});
    for (int i = 0; i < 100; ++i) {
      iterator->Seek(std::to_string(100000 + i * 3));
      if (with_values) {
        EXPECT_OK(iterator->value());
      }
    }
    return scene.provider().extents_read() - before;
  };
  count_reads(false);  // loads the fences
  EXPECT_EQ(count_reads(true) - count_reads(false), 100);
}

TEST(DbIteratorTest, ValuesOfAWalkAreReadInGrowingBatches) {
  Scene scene(Peeking::kNothing);
  FillInOrder(scene, 2000);
  scene.MakeRun();
  const auto iterator = scene.NewIterator({});
  const uint64_t before = scene.provider().batches_read();
  ExpectRows(*iterator, scene.Visible({}, kMaxSequence));
  // Two walks of 2000 / 64 batches each, less than 10 to get there, and the
  // table's own.
  EXPECT_LE(scene.provider().batches_read() - before, 2 * (32 + 10 + 20));
}

TEST(DbIteratorTest, ResidentValuesAreNotReadThroughTheKernel) {
  for (const Peeking peeking : {Peeking::kAll, Peeking::kMayFault}) {
    Scene scene(peeking);
    FillInOrder(scene, 2000);
    scene.MakeRun();
    const auto count_reads = [&](bool with_values) {
      const uint64_t before = scene.provider().extents_read();
      const auto iterator = scene.NewIterator({});
      for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
        if (with_values) {
          EXPECT_OK(iterator->value());
        }
      }
      return scene.provider().extents_read() - before;
    };
    count_reads(false);  // loads the fences
    EXPECT_EQ(count_reads(true), count_reads(false));
  }
}

TEST(DbIteratorTest, AHotKeyUnderASnapshotIsPassedQuickly) {
  // Step by step, each move would pass up to 100,000 versions, and the test
  // would take minutes.
  constexpr uint64_t kVersions = 100000;
  Scene scene;
  scene.Put("a", "first");
  for (uint64_t i = 0; i < kVersions; ++i) scene.Put("hot", std::to_string(i));
  scene.Put("z", "last");
  for (uint64_t i = 0; i < 2000; ++i) {
    const uint64_t version = i * 37 % kVersions;
    const auto iterator = scene.NewIterator({}, version + 2);
    const std::string expected = std::to_string(version);
    iterator->Seek("b");
    ASSERT_TRUE(iterator->Valid());
    ASSERT_THAT(iterator->value(), IsOkAndHolds(expected));
    iterator->Next();
    ASSERT_FALSE(iterator->Valid());
    iterator->SeekToLast();
    ASSERT_TRUE(iterator->Valid());
    ASSERT_THAT(iterator->value(), IsOkAndHolds(expected));
    iterator->Prev();
    ASSERT_TRUE(iterator->Valid());
    ASSERT_EQ(iterator->key(), "a");
    iterator->Next();
    ASSERT_THAT(iterator->value(), IsOkAndHolds(expected));
  }
}

TEST(DbIteratorTest, GivesItsViewBackBeforeItsRegistration) {
  Scene scene;
  FillInOrder(scene, 10);
  scene.MakeRun();
  FillInOrder(scene, 20);
  View view;
  view.runs = scene.runs();
  {
    IteratorHolds holds;
    holds.view = HeldView(&view);
    holds.registration = std::shared_ptr<void>(
        &view, [](View* held) { EXPECT_TRUE(held->holds.Idle()); });
    const auto iterator =
        NewDbIterator(std::move(holds), 10, {}, scene.provider());
    EXPECT_FALSE(view.holds.Idle());
    ExpectRows(*iterator, scene.Visible({}, 10));
  }
  EXPECT_TRUE(view.holds.Idle());
}

}  // namespace
}  // namespace quire::kv_internal
