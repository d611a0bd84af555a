#include "kv/internal/spare_image.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "cache/huge_buffer.h"
#include "gtest/gtest.h"
#include "kv/internal/memtable.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kBytes = (uint64_t{2} << 20) + 4096;
constexpr std::byte kMark{0x5a};

// Whether memory is one that was marked: an address may come back by chance.
bool IsMarked(const cache::HugeBuffer& image) {
  return image.data()[image.size() - 1] == kMark;
}

void Mark(const cache::HugeBuffer& image) {
  image.data()[image.size() - 1] = kMark;
}

TEST(SpareImageTest, GivesWhatWasKept) {
  SpareImage spare(kBytes);
  QUIRE_ASSERT_OK_AND_ASSIGN(cache::HugeBuffer image, spare.Take(kBytes));
  EXPECT_GE(image.size(), kBytes);
  Mark(image);
  spare.Keep(kBytes, std::move(image));
  QUIRE_ASSERT_OK_AND_ASSIGN(const cache::HugeBuffer again, spare.Take(kBytes));
  EXPECT_TRUE(IsMarked(again));
  QUIRE_ASSERT_OK_AND_ASSIGN(const cache::HugeBuffer fresh, spare.Take(kBytes));
  EXPECT_FALSE(IsMarked(fresh));
}

TEST(SpareImageTest, KeepsOneOfTheRightSize) {
  SpareImage spare(kBytes);
  QUIRE_ASSERT_OK_AND_ASSIGN(cache::HugeBuffer small, spare.Take(4096));
  Mark(small);
  spare.Keep(4096, std::move(small));
  QUIRE_ASSERT_OK_AND_ASSIGN(const cache::HugeBuffer taken, spare.Take(4096));
  EXPECT_FALSE(IsMarked(taken));
  QUIRE_ASSERT_OK_AND_ASSIGN(cache::HugeBuffer image, spare.Take(kBytes));
  Mark(image);
  spare.Keep(kBytes, std::move(image));
  spare.Clear();
  QUIRE_ASSERT_OK_AND_ASSIGN(const cache::HugeBuffer fresh, spare.Take(kBytes));
  EXPECT_FALSE(IsMarked(fresh));
}

TEST(SpareImageTest, MemtablesHandTheirMemoryOn) {
  const auto spare = std::make_shared<SpareImage>(kBytes);
  const MemtableOptions options = {.capacity_bytes = kBytes,
                                   .spare_image = spare};
  {
    auto memtable = Memtable::Create(options);
    ASSERT_OK(memtable.status());
    (*memtable)->image().back() = kMark;
  }
  auto memtable = Memtable::Create(options);
  ASSERT_OK(memtable.status());
  EXPECT_EQ((*memtable)->image().back(), kMark);
}

}  // namespace
}  // namespace quire::kv_internal
