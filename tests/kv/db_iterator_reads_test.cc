// Iterators over damaged and unreadable files, and what they read.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/db_iterator.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/table_builder.h"
#include "kv/iterator.h"
#include "kv/options.h"
#include "tests/kv/cursor_testing.h"
#include "tests/kv/iterator_scene.h"
#include "tests/kv/test_memtable.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::MemoryPageProvider;
using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Peeking = Scene::Peeking;

TEST(DbIteratorReadsTest, AnUnreadableValueFailsForItselfOnly) {
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

TEST(DbIteratorReadsTest, DamageToARecordNamesFileAndOffset) {
  // The record of 100005 lies behind a large one, so that its offset is beyond
  // the end of the table, which the flip would hit too.
  const auto fill = [](Scene& scene) {
    scene.Put("0", std::string(1 << 20, 'x'));
    scene.FillInOrder(10);
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

// The table tells its exact size, so that the header isn't read before.
TEST(DbIteratorReadsTest, ALargeRecordIsReadAtOnce) {
  Scene scene(Peeking::kNothing);
  const std::string value(3'000'000, 'x');
  scene.Put("large", value);
  scene.MakeRun();
  const auto iterator = scene.NewIterator({});
  iterator->SeekToFirst();
  ASSERT_TRUE(iterator->Valid());
  const uint64_t before = scene.provider().extents_read();
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::string_view read, iterator->value());
  EXPECT_TRUE(read == value);
  EXPECT_EQ(scene.provider().extents_read(), before + 1);
}

// Also where they follow each other, so that they might be read ahead.
TEST(DbIteratorReadsTest, LargeRecordsInARowAreReadOnce) {
  constexpr uint64_t kCount = 5;
  Scene scene(Peeking::kNothing);
  for (uint64_t i = 0; i < kCount; ++i) {
    scene.Put("large" + std::to_string(i), std::string(5'000'000, 'x'));
  }
  scene.MakeRun();
  const auto iterator = scene.NewIterator({});
  iterator->SeekToFirst();
  const uint64_t before = scene.provider().extents_read();
  for (uint64_t i = 0; i < kCount; ++i, iterator->Next()) {
    ASSERT_TRUE(iterator->Valid());
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::string_view read, iterator->value());
    EXPECT_EQ(read.size(), 5'000'000u);
  }
  EXPECT_EQ(scene.provider().extents_read(), before + kCount);
}

TEST(DbIteratorReadsTest, ATableThatPointsToAnotherRecordIsDamage) {
  for (const Peeking peeking :
       {Peeking::kNothing, Peeking::kAll, Peeking::kMayFault}) {
    Scene scene(peeking);
    scene.FillInOrder(10);
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

TEST(DbIteratorReadsTest, AnEntryThatPointsOutOfItsRunIsDamage) {
  Scene scene;
  scene.FillInOrder(3);
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

TEST(DbIteratorReadsTest, AnErrorOfASourceEndsItUntilTheNextSeek) {
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

TEST(DbIteratorReadsTest, KeysOnlyReadsNoRecordAndGivesNoValue) {
  Scene scene(Peeking::kNothing);
  scene.FillInOrder(300);
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

TEST(DbIteratorReadsTest, ValuesNobodyAsksForAreNotRead) {
  Scene scene(Peeking::kNothing);
  scene.FillInOrder(300);
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

TEST(DbIteratorReadsTest, ValuesOfAWalkAreReadInGrowingBatches) {
  Scene scene(Peeking::kNothing);
  scene.FillInOrder(2000);
  scene.MakeRun();
  const auto iterator = scene.NewIterator({});
  const uint64_t before = scene.provider().batches_read();
  ExpectRows(*iterator, scene.Visible({}, kMaxSequence));
  // Two walks of 2000 / 64 batches each, less than 10 to get there, and the
  // table's own.
  EXPECT_LE(scene.provider().batches_read() - before, 2 * (32 + 10 + 20));
}

TEST(DbIteratorReadsTest, ResidentValuesAreNotReadThroughTheKernel) {
  for (const Peeking peeking : {Peeking::kAll, Peeking::kMayFault}) {
    Scene scene(peeking);
    scene.FillInOrder(2000);
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

}  // namespace
}  // namespace quire::kv_internal
