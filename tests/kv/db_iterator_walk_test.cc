// Long walks, on which values are read in large batches of neighbours.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/table_builder.h"
#include "kv/iterator.h"
#include "kv/options.h"
#include "tests/kv/iterator_scene.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Peeking = Scene::Peeking;

constexpr Peeking kPeekings[] = {Peeking::kNothing, Peeking::kAll,
                                 Peeking::kMayFault, Peeking::kRead};

// Empty, small, longer than what stays within a page, longer than what is
// copied in one piece, than a page, than what is looked for in memory.
std::string RandomValue(std::mt19937_64& random) {
  constexpr uint64_t kSizes[] = {0, 1, 20, 100, 100, 100, 480, 600, 1100, 5000};
  uint64_t size = kSizes[random() % std::size(kSizes)];
  if (random() % 400 == 0) size = 70000;
  return std::string(size, static_cast<char>('a' + random() % 26));
}

std::string KeyOf(uint64_t number) {
  // Of different sizes, below and above those that are compared by words.
  const std::string digits = std::to_string(100000 + number);
  return number % 3 == 0 ? digits : digits + "/of a longer kind";
}

// `parts` runs and memtables over `count` keys, each in random or in ascending
// order; later ones overwrite and delete.
void FillParts(Scene& scene, uint64_t parts, uint64_t count,
               std::mt19937_64& random) {
  for (uint64_t part = 0; part < parts; ++part) {
    std::vector<uint64_t> numbers;
    for (uint64_t i = 0; i < count; ++i) {
      if (part == 0 || random() % 4 == 0) numbers.push_back(i);
    }
    if (random() % 2 == 0) std::shuffle(numbers.begin(), numbers.end(), random);
    for (const uint64_t number : numbers) {
      if (part > 0 && random() % 4 == 0) {
        scene.Delete(KeyOf(number));
      } else {
        scene.Put(KeyOf(number), RandomValue(random));
      }
    }
    if (part + 1 < parts || random() % 2 == 0) {
      random() % 3 == 0 ? scene.KeepMemtable() : scene.MakeRun();
    }
  }
}

// Walks to and fro, far enough for full batches, with turns and seeks at every
// place of one.
void ExpectLongWalks(Iterator& iterator, const Rows& rows,
                     std::mt19937_64& random) {
  iterator.SeekToFirst();
  size_t at = 0;
  ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, at, true));
  for (int walk = 0; walk < 20; ++walk) {
    const bool forward = random() % 2 == 0;
    const bool with_values = random() % 8 != 0;
    for (uint64_t steps = random() % 500; steps > 0; --steps) {
      if (at == (forward ? rows.size() - 1 : 0)) break;
      forward ? iterator.Next() : iterator.Prev();
      forward ? ++at : --at;
      ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, at, with_values));
    }
    // To where it is, by its own view of the key.
    forward ? iterator.Seek(iterator.key())
            : iterator.SeekForPrev(iterator.key());
    ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, at, with_values));
    if (random() % 4 != 0) continue;
    at = random() % rows.size();
    random() % 2 == 0 ? iterator.Seek(rows[at].first)
                      : iterator.SeekForPrev(rows[at].first);
    ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, at, with_values));
  }
}

TEST(DbIteratorWalkTest, LongWalksAgreeWithAModel) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 12; ++round) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    Scene scene(kPeekings[round % std::size(kPeekings)]);
    FillParts(scene, 1 + random() % 4, 1500, random);
    ReadOptions options;
    if (random() % 2 == 0) options.lower_bound = KeyOf(100);
    if (random() % 2 == 0) options.upper_bound = KeyOf(1400);
    for (const uint64_t sequence :
         {kMaxSequence, scene.sequence() / 2, scene.sequence() * 3 / 4}) {
      const Rows rows = scene.Visible(options, sequence);
      const auto iterator = scene.NewIterator(options, sequence);
      ASSERT_NO_FATAL_FAILURE(ExpectRows(*iterator, rows));
      ASSERT_NO_FATAL_FAILURE(ExpectLongWalks(*iterator, rows, random));
    }
  }
}

// Walks both ways; the value of `damaged` alone can't be read, with an error
// that names `where`.
void ExpectOneLost(Iterator& iterator, const Rows& rows,
                   const std::string& damaged, const std::string& where) {
  const auto expect_at = [&](size_t i) {
    ASSERT_TRUE(iterator.Valid());
    ASSERT_EQ(iterator.key(), rows[i].first);
    if (rows[i].first == damaged) {
      ASSERT_THAT(iterator.value(),
                  StatusIs(absl::StatusCode::kDataLoss, HasSubstr(where)));
    } else {
      ASSERT_THAT(iterator.value(), IsOkAndHolds(rows[i].second));
    }
    ASSERT_OK(iterator.status());
  };
  iterator.SeekToFirst();
  for (size_t i = 0; i < rows.size(); ++i, iterator.Next()) {
    ASSERT_NO_FATAL_FAILURE(expect_at(i));
  }
  EXPECT_FALSE(iterator.Valid());
  iterator.SeekToLast();
  for (size_t i = rows.size(); i-- > 0; iterator.Prev()) {
    ASSERT_NO_FATAL_FAILURE(expect_at(i));
  }
  EXPECT_FALSE(iterator.Valid());
}

TEST(DbIteratorWalkTest, DamageAmongNeighboursIsOneEntrysAlone) {
  // Behind a large record, so that what is damaged lies beyond the end of the
  // table, which the flip would hit too.
  const auto fill = [](Scene& scene, const std::string& key) {
    scene.Put("0", std::string(1 << 20, 'x'));
    scene.FillInOrder(600);
    uint64_t offset = 0;
    scene.MakeRun([&](TableEntry& entry) {
      if (entry.key == key) offset = AddressOffsetInSlot(entry.address);
    });
    return offset;
  };
  for (const std::string key : {"100000", "100300", "100599"}) {
    Scene undamaged;
    const uint64_t offset = fill(undamaged, key);
    for (const Peeking peeking : kPeekings) {
      // In the sequence number, the key and the value.
      for (const uint64_t at : {17, 25, 33}) {
        Scene scene(peeking);
        scene.provider().FlipBit(offset + at, 5);
        ASSERT_EQ(fill(scene, key), offset);
        const auto iterator = scene.NewIterator({});
        ASSERT_NO_FATAL_FAILURE(ExpectOneLost(
            *iterator, scene.Visible({}, kMaxSequence), key,
            "000011.seg: record at offset " + std::to_string(offset)));
      }
    }
  }
}

TEST(DbIteratorWalkTest, AnAddressThatIsWrongIsOneEntrysAlone) {
  for (const Peeking peeking : kPeekings) {
    // Beyond the segment by a little, so that it lies beside the last records;
    // A little beyond the segment, beside the last records; in its header page.
    for (const bool beyond : {true, false}) {
      Scene scene(peeking);
      scene.FillInOrder(600);
      uint64_t last = 0;
      scene.MakeRun([&](TableEntry& entry) {
        last = std::max(last, entry.address);
        if (entry.key == "100599") entry.address = beyond ? last + 20 : 8;
      });
      const auto iterator = scene.NewIterator({});
      ASSERT_NO_FATAL_FAILURE(ExpectOneLost(
          *iterator, scene.Visible({}, kMaxSequence), "100599", "000011"));
    }
  }
}

TEST(DbIteratorWalkTest, AFlipOnTheWayIsReadAgain) {
  Scene scene(Peeking::kNothing);
  scene.FillInOrder(600);
  uint64_t offset = 0;
  scene.MakeRun([&](TableEntry& entry) {
    if (entry.key == "100300") offset = AddressOffsetInSlot(entry.address);
  });
  const auto iterator = scene.NewIterator({});
  iterator->SeekToFirst();  // the table is read by now
  scene.provider().GarbleReads(offset + kRecordHeaderBytes + 8, 1);
  const Rows rows = scene.Visible({}, kMaxSequence);
  for (size_t i = 0; i < rows.size(); ++i, iterator->Next()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*iterator, rows, i, true));
  }
}

// The table's word on a size is not the last one.
TEST(DbIteratorWalkTest, ASizeThatIsWrongInTheTableHarmsNothing) {
  for (const Peeking peeking : kPeekings) {
    Scene scene(peeking);
    scene.FillInOrder(600);
    scene.MakeRun([&](TableEntry& entry) {
      if (entry.key == "100300") entry.value_size += 8;
      if (entry.key == "100400") entry.value_size -= 8;
      if (entry.key == "100599") entry.value_size += 100000;
    });
    ASSERT_NO_FATAL_FAILURE(
        ExpectRows(*scene.NewIterator({}), scene.Visible({}, kMaxSequence)));
  }
}

}  // namespace
}  // namespace quire::kv_internal
