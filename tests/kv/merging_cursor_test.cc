#include "kv/internal/merging_cursor.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "kv/internal/empty_cursor.h"
#include "tests/kv/cursor_testing.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;

// Entries dealt out to several sources.
struct Sources {
  std::vector<ModelEntry> all;                   // sorted
  std::vector<std::vector<ModelEntry>> sources;  // each sorted
  std::vector<std::string> keys;

  Sources(size_t source_count, size_t entry_count, std::mt19937_64& random)
      : sources(source_count) {
    for (int i = 0; i < 20; ++i) keys.push_back(HardKey(random));
    std::set<ModelEntry> entries;
    for (uint64_t i = 0; i < entry_count; ++i) {
      entries.insert(
          {keys[random() % keys.size()], i + 1, "", random() % 4 == 0});
    }
    all.assign(entries.begin(), entries.end());
    for (const ModelEntry& entry : all) {
      sources[random() % source_count].push_back(entry);
    }
  }

  std::vector<std::unique_ptr<EntryCursor>> Cursors() const {
    std::vector<std::unique_ptr<EntryCursor>> cursors;
    for (const auto& source : sources) {
      cursors.push_back(NewModelCursor(source));
    }
    return cursors;
  }
};

TEST(MergingCursorTest, MovesAsOneCursorOverAllEntriesWould) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    const Sources sources(1 + random() % 6, random() % 100, random);
    MergingCursor cursor(sources.Cursors());
    EXPECT_FALSE(cursor.Valid());
    ASSERT_NO_FATAL_FAILURE(ExpectShows(cursor, sources.all));
    ASSERT_NO_FATAL_FAILURE(
        ExpectMovesAlike(cursor, sources.all, sources.keys, 500, random));
  }
}

TEST(MergingCursorTest, SaysWhichChildAnEntryComesFrom) {
  std::mt19937_64 random(TestSeed());
  const Sources sources(4, 100, random);
  MergingCursor cursor(sources.Cursors());
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    const auto& source = sources.sources[cursor.child()];
    const ModelEntry& entry = source[cursor.place().address];
    EXPECT_EQ(entry.key, cursor.key());
    EXPECT_EQ(entry.sequence, cursor.sequence());
  }
}

TEST(MergingCursorTest, WithoutChildrenItIsEmpty) {
  MergingCursor cursor({});
  cursor.SeekToFirst();
  EXPECT_FALSE(cursor.Valid());
  cursor.SeekForPrev("key");
  EXPECT_FALSE(cursor.Valid());
  EXPECT_OK(cursor.status());
}

TEST(MergingCursorTest, AnErrorOfOneChildEndsItAndASeekTriesAgain) {
  const std::vector<ModelEntry> good = {
      {"a", 1, "", false}, {"c", 2, "", false}, {"e", 3, "", false}};
  const std::vector<ModelEntry> bad = {{"b", 4, "", false},
                                       {"d", 5, "", false}};
  std::vector<std::unique_ptr<EntryCursor>> children;
  children.push_back(NewModelCursor(good));
  children.push_back(NewFailingCursor(bad, 1, absl::DataLossError("block")));
  MergingCursor cursor(std::move(children));
  cursor.SeekToFirst();
  cursor.Next();
  ASSERT_TRUE(cursor.Valid());
  EXPECT_EQ(cursor.key(), "b");
  EXPECT_OK(cursor.status());
  cursor.Next();
  EXPECT_FALSE(cursor.Valid());
  EXPECT_THAT(cursor.status(), StatusIs(absl::StatusCode::kDataLoss));
  cursor.Seek("c");
  EXPECT_FALSE(cursor.Valid());
  EXPECT_THAT(cursor.status(), StatusIs(absl::StatusCode::kDataLoss));
  cursor.Seek("a");
  ASSERT_TRUE(cursor.Valid());
  EXPECT_EQ(cursor.key(), "a");
  EXPECT_OK(cursor.status());
}

TEST(MergingCursorTest, AChildThatIsOnlyAnErrorMakesItInvalid) {
  const std::vector<ModelEntry> good = {{"a", 1, "", false}};
  std::vector<std::unique_ptr<EntryCursor>> children;
  children.push_back(NewModelCursor(good));
  children.push_back(NewEmptyCursor(absl::ResourceExhaustedError("memory")));
  MergingCursor cursor(std::move(children));
  cursor.SeekToLast();
  EXPECT_FALSE(cursor.Valid());
  EXPECT_THAT(cursor.status(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(MergingCursorTest, AnErrorWhileTurningAroundEndsIt) {
  const std::vector<ModelEntry> good = {{"a", 1, "", false},
                                        {"c", 2, "", false}};
  const std::vector<ModelEntry> bad = {{"b", 3, "", false},
                                       {"d", 4, "", false}};
  std::vector<std::unique_ptr<EntryCursor>> children;
  children.push_back(NewModelCursor(good));
  children.push_back(NewFailingCursor(bad, 0, absl::UnavailableError("I/O")));
  MergingCursor cursor(std::move(children));
  cursor.Seek("c");
  ASSERT_TRUE(cursor.Valid());
  EXPECT_EQ(cursor.key(), "c");
  cursor.Prev();
  EXPECT_FALSE(cursor.Valid());
  EXPECT_THAT(cursor.status(), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace quire::kv_internal
