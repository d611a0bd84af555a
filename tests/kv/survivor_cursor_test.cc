#include "kv/internal/survivor_cursor.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kv/cursor_testing.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;

using Versions = std::set<ModelEntry>;

ModelEntry Put(std::string key, uint64_t sequence) {
  return {std::move(key), sequence, "", false};
}
ModelEntry Delete(std::string key, uint64_t sequence) {
  return {std::move(key), sequence, "", true};
}

// What a cursor over the sources keeps; the rest must have been dropped.
Versions Survivors(std::vector<std::vector<ModelEntry>> sources,
                   std::vector<uint64_t> snapshots, uint64_t horizon) {
  Versions all;
  std::vector<std::unique_ptr<EntryCursor>> cursors;
  for (std::vector<ModelEntry>& source : sources) {
    std::sort(source.begin(), source.end());
    all.insert(source.begin(), source.end());
    cursors.push_back(NewModelCursor(source));
  }
  SurvivorCursor cursor(std::move(cursors), std::move(snapshots), horizon);
  Versions kept;
  Versions seen;
  const auto entry_of = [&](const Survivor& version) {
    ModelEntry entry = {std::string(cursor.key()), version.sequence, "",
                        version.tombstone};
    EXPECT_TRUE(seen.insert(entry).second);
    // It is the entry of its source.
    EXPECT_EQ(sources[version.source][version.place.address], entry);
    return entry;
  };
  while (cursor.NextKey([&](const Survivor& version) { entry_of(version); })) {
    for (const Survivor& version : cursor.survivors()) {
      kept.insert(entry_of(version));
      EXPECT_EQ(version.idle,
                version.tombstone && &version == &cursor.survivors().back());
    }
  }
  EXPECT_OK(cursor.status());
  EXPECT_EQ(seen, all);
  return kept;
}

TEST(SurvivorCursorTest, KeepsTheNewestVersionOfEachKey) {
  EXPECT_EQ(Survivors({{Put("a", 9), Put("b", 8)},
                       {Put("a", 2), Put("a", 1), Put("c", 3)}},
                      {}, 0),
            (Versions{Put("a", 9), Put("b", 8), Put("c", 3)}));
  EXPECT_EQ(Survivors({}, {}, 0), Versions());
}

TEST(SurvivorCursorTest, KeepsWhatASnapshotSees) {
  EXPECT_EQ(Survivors({{Put("a", 9)}, {Put("a", 5), Put("a", 3)}}, {5}, 0),
            (Versions{Put("a", 9), Put("a", 5)}));
  EXPECT_EQ(Survivors({{Put("a", 9)}, {Put("a", 5), Put("a", 3)}}, {4, 20}, 0),
            (Versions{Put("a", 9), Put("a", 3)}));
}

TEST(SurvivorCursorTest, IdleTombstonesBelowTheHorizonGo) {
  const std::vector<ModelEntry> entries = {Delete("a", 5), Put("a", 3),
                                           Delete("b", 9), Put("c", 4)};
  EXPECT_EQ(Survivors({entries}, {}, 0),
            (Versions{Delete("a", 5), Delete("b", 9), Put("c", 4)}));
  EXPECT_EQ(Survivors({entries}, {}, 6),
            (Versions{Delete("b", 9), Put("c", 4)}));
  EXPECT_EQ(Survivors({entries}, {}, UINT64_MAX), (Versions{Put("c", 4)}));
}

TEST(SurvivorCursorTest, ATombstoneThatHidesAKeptVersionStays) {
  EXPECT_EQ(Survivors({{Delete("a", 5), Put("a", 3)}}, {3}, UINT64_MAX),
            (Versions{Delete("a", 5), Put("a", 3)}));
  // Both are idle once the put below them is out of everybody's sight.
  EXPECT_EQ(Survivors({{Delete("a", 8), Delete("a", 5), Put("a", 3)}}, {6},
                      UINT64_MAX),
            Versions());
}

TEST(SurvivorCursorTest, AnErrorOfASourceEndsIt) {
  const std::vector<ModelEntry> entries = {Put("a", 1), Put("b", 2),
                                           Put("c", 3)};
  std::vector<std::unique_ptr<EntryCursor>> cursors;
  cursors.push_back(NewFailingCursor(entries, 2, absl::DataLossError("block")));
  SurvivorCursor cursor(std::move(cursors), {}, 0);
  const auto drop = [](const Survivor&) {};
  EXPECT_TRUE(cursor.NextKey(drop));
  // What else there is of "b" can't be told.
  EXPECT_FALSE(cursor.NextKey(drop));
  EXPECT_THAT(cursor.status(), StatusIs(absl::StatusCode::kDataLoss));
}

// The newest version at or below `sequence`: the key's value for a reader.
const ModelEntry* Visible(const Versions& versions, const std::string& key,
                          uint64_t sequence) {
  const auto found = versions.lower_bound(Put(key, sequence));
  if (found == versions.end() || found->key != key || found->tombstone) {
    return nullptr;
  }
  return &*found;
}

TEST(SurvivorCursorTest, NobodySeesADifference) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 300; ++round) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    std::vector<std::vector<ModelEntry>> sources(1 + random() % 4);
    Versions all;
    for (uint64_t sequence = 1; sequence <= 60; ++sequence) {
      std::string key(1, static_cast<char>('a' + random() % 6));
      ModelEntry entry = {std::move(key), sequence, "", random() % 3 == 0};
      all.insert(entry);
      sources[random() % sources.size()].push_back(std::move(entry));
    }
    std::set<uint64_t> snapshots;
    for (uint64_t i = random() % 4; i > 0; --i) snapshots.insert(random() % 62);
    const uint64_t horizon = random() % 2 == 0 ? 0 : random() % 70;
    const Versions kept =
        Survivors(sources, {snapshots.begin(), snapshots.end()}, horizon);
    snapshots.insert(1000);
    for (const uint64_t snapshot : snapshots) {
      for (char key = 'a'; key <= 'f'; ++key) {
        const ModelEntry* before = Visible(all, {key}, snapshot);
        const ModelEntry* after = Visible(kept, {key}, snapshot);
        ASSERT_EQ(before == nullptr, after == nullptr);
        if (before != nullptr) {
          ASSERT_EQ(before->sequence, after->sequence);
        }
      }
    }
  }
}

}  // namespace
}  // namespace quire::kv_internal
