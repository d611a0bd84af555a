#include "kv/internal/db_iterator.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/view.h"
#include "kv/iterator.h"
#include "kv/options.h"
#include "tests/kv/cursor_testing.h"
#include "tests/kv/iterator_scene.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::TestSeed;

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
    Scene scene(static_cast<Scene::Peeking>(random() % 4));
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
  scene.FillInOrder(10);
  scene.MakeRun();
  scene.FillInOrder(20);
  View view;
  view.runs = scene.runs();
  {
    IteratorHolds holds;
    holds.view = Share(HeldView(&view));
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
