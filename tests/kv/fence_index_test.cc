#include "kv/internal/fence_index.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

struct Block {
  std::string first;
  std::string last;
};

// The fences of blocks of one unit each.
std::unique_ptr<FenceIndex> MakeIndex(const std::vector<Block>& blocks) {
  FenceBuilder builder;
  std::string_view last;
  for (size_t i = 0; i < blocks.size(); ++i) {
    builder.Add(i, last, blocks[i].first);
    last = blocks[i].last;
  }
  TableFooter footer;
  footer.fence_count = builder.count();
  const std::vector<std::byte> section = builder.Finish(blocks.size());
  footer.sorted_bytes = blocks.size() * kSortedBlockBytes;
  footer.fence_bytes = section.size();
  footer.fence_check = TableCheck(section, 0, 0);
  std::unique_ptr<std::byte[]> bytes(new std::byte[section.size()]);
  std::copy(section.begin(), section.end(), bytes.get());
  auto index = FenceIndex::Make(std::move(bytes), footer, "a.tbl");
  EXPECT_OK(index);
  return *std::move(index);
}

TEST(FenceIndexTest, FindsTheBlockToSeekIn) {
  const auto index = MakeIndex({{"b", "bb"}, {"cat", "cow"}, {"dog", "dog"}});
  ASSERT_EQ(index->block_count(), 3u);
  EXPECT_EQ(index->BlockForSeek(""), 0u);
  EXPECT_EQ(index->BlockForSeek("a"), 0u);
  EXPECT_EQ(index->BlockForSeek("bb"), 0u);
  // The fence is the shortest key between: "c".
  EXPECT_EQ(index->BlockForSeek("bbb"), 0u);
  EXPECT_EQ(index->BlockForSeek("c"), 1u);
  EXPECT_EQ(index->BlockForSeek("cat"), 1u);
  EXPECT_EQ(index->BlockForSeek("cz"), 1u);
  EXPECT_EQ(index->BlockForSeek("d"), 2u);
  EXPECT_EQ(index->BlockForSeek("zebra"), 2u);
  EXPECT_EQ(index->BlockForSeekForPrev(""), 0u);
  EXPECT_EQ(index->BlockForSeekForPrev("cow"), 1u);
  EXPECT_EQ(index->BlockForSeekForPrev("zebra"), 2u);
  EXPECT_EQ(index->unit(2), 2u);
  EXPECT_EQ(index->unit_count(2), 1u);
  EXPECT_GT(index->memory_bytes(), 0u);
}

// A key whose versions fill blocks is found in the first of them; where its
// oldest version is sought, in the last.
TEST(FenceIndexTest, FindsTheFirstBlockOfAKeyThatGoesOnOverBlocks) {
  const auto index =
      MakeIndex({{"a", "k"}, {"k", "k"}, {"k", "k"}, {"k", "m"}, {"m", "z"}});
  EXPECT_EQ(index->BlockForSeek("k"), 0u);
  EXPECT_EQ(index->BlockForSeekForPrev("k"), 3u);
  EXPECT_EQ(index->BlockForSeek("ka"), 3u);
  EXPECT_EQ(index->BlockForSeek("m"), 3u);
  EXPECT_EQ(index->BlockForSeekForPrev("m"), 4u);
  EXPECT_EQ(index->BlockForSeek("n"), 4u);
  // Not in the block before if the key begins with the block.
  const auto other = MakeIndex({{"a", "j"}, {"k", "k"}, {"k", "z"}});
  EXPECT_EQ(other->BlockForSeek("k"), 1u);
  EXPECT_EQ(other->BlockForSeekForPrev("k"), 2u);
}

TEST(FenceIndexTest, KnowsTheEmptyKey) {
  const auto index = MakeIndex({{"", ""}, {"", ""}, {"", "b"}});
  EXPECT_EQ(index->BlockForSeek(""), 0u);
  EXPECT_EQ(index->BlockForSeekForPrev(""), 2u);
  EXPECT_EQ(index->BlockForSeek("a"), 2u);
}

TEST(FenceIndexTest, HoldsNoBlocks) {
  const auto index = MakeIndex({});
  EXPECT_EQ(index->block_count(), 0u);
  EXPECT_EQ(index->BlockForSeek("a"), 0u);
  EXPECT_EQ(index->BlockForSeekForPrev("a"), 0u);
}

}  // namespace
}  // namespace quire::kv_internal
