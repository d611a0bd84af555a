#include "kv/internal/hash_section.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::TestSeed;

TEST(HashSectionTest, HomeLinesAreSpreadOverAllLinesInOrder) {
  for (const uint64_t pages :
       {uint64_t{1}, uint64_t{2}, uint64_t{77}, uint64_t{1} << 32}) {
    const uint64_t lines = pages * kLinesPerHashPage;
    const auto number = [&](uint64_t hash) {
      const uint64_t line = HashHomeLine(hash, pages);
      EXPECT_EQ(line % kHashLineBytes, 0u);
      EXPECT_NE(line % kPageBytes, 0u) << "the header line";
      EXPECT_LT(line, pages * kPageBytes);
      return line / kPageBytes * kLinesPerHashPage +
             line % kPageBytes / kHashLineBytes - 1;
    };
    EXPECT_EQ(number(0), 0u);
    EXPECT_EQ(number(UINT64_MAX), lines - 1);
    // Line i begins at the first hash with hash * lines / 2^64 >= i.
    for (const uint64_t i : {uint64_t{1}, lines / 3, lines / 2, lines - 1}) {
      if (i == 0) continue;
      const uint64_t begin = static_cast<uint64_t>(
          ((static_cast<unsigned __int128>(i) << 64) + lines - 1) / lines);
      EXPECT_EQ(number(begin), i);
      EXPECT_EQ(number(begin - 1), i - 1);
    }
  }
}

TEST(HashSectionTest, LinesFollowEachOtherRoundTheSection) {
  const uint64_t bytes = 3 * kPageBytes;
  std::set<uint64_t> seen;
  uint64_t line = kHashLineBytes;
  for (size_t i = 0; i < 3 * kLinesPerHashPage; ++i) {
    EXPECT_NE(line % kPageBytes, 0u);
    EXPECT_LT(line, bytes);
    EXPECT_TRUE(seen.insert(line).second);
    line = NextHashLine(line, bytes);
  }
  EXPECT_EQ(line, kHashLineBytes);
}

TEST(HashSectionTest, EntriesKeepTheirParts) {
  const uint64_t largest = (uint64_t{1} << kAddressBits) - 1;
  for (const uint64_t address : {uint64_t{0}, uint64_t{512}, largest}) {
    for (const uint32_t size_class : {1u, 40u, 63u}) {
      for (const uint64_t hash : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
        const uint64_t entry = PackHashEntry(hash, size_class, address);
        EXPECT_EQ(HashEntryAddress(entry), address);
        EXPECT_EQ(HashEntryClass(entry), size_class);
        EXPECT_EQ(entry >> kHashTagShift, HashTag(hash));
        EXPECT_EQ(entry & kHashOverflowed, 0u);
        EXPECT_EQ(HashEntryClass(entry | kHashOverflowed), size_class);
      }
    }
  }
  EXPECT_EQ(HashTag(0), 1u) << "0 is the tag of an empty entry";
}

TEST(HashSectionTest, MatchesExactlyTheEntriesWithTheTag) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  alignas(kHashLineBytes) std::array<std::byte, kHashLineBytes> line;
  for (int round = 0; round < 10000; ++round) {
    // Few different tags, so that many match; some entries are empty.
    const uint64_t tag = HashTag(random() % 3 == 0 ? random() : random() % 4);
    uint32_t expected = 0;
    for (size_t i = 0; i < kEntriesPerLine; ++i) {
      uint64_t entry = 0;
      if (random() % 4 != 0) {
        const uint64_t hash = random() % 2 == 0 ? random() : random() % 4;
        entry = PackHashEntry(hash, 1 + random() % 63,
                              random() >> (64 - kAddressBits));
        if (random() % 2 == 0) entry |= kHashOverflowed;
        if (HashTag(hash) == tag) expected |= 1u << i;
      }
      StoreLittleEndian(entry, line.data() + 8 * i);
    }
    ASSERT_EQ(MatchHashLine(line.data(), tag), expected);
  }
}

// Follows the probe order from `hash` to the end of the probe.
std::vector<uint64_t> Addresses(const std::byte* section, uint64_t pages,
                                uint64_t hash) {
  std::vector<uint64_t> addresses;
  uint64_t at = HashHomeLine(hash, pages);
  for (;;) {
    const std::byte* line = section + at;
    for (size_t i = 0; i < kEntriesPerLine; ++i) {
      if (MatchHashLine(line, HashTag(hash)) >> i & 1) {
        addresses.push_back(HashEntryAddress(LoadHashEntry(line, i)));
      }
    }
    if (!HashLineOverflowed(line)) return addresses;
    at = NextHashLine(at, pages * kPageBytes);
  }
}

TEST(HashSectionTest, InsertedEntriesStandInProbeOrder) {
  std::mt19937_64 random(TestSeed());
  for (const uint64_t count : {1u, 403u, 404u, 5000u}) {
    const uint64_t pages = HashPageCount(count);
    QUIRE_ASSERT_OK_AND_ASSIGN(const auto image,
                               NewHashImage(pages * kPageBytes));
    std::vector<uint64_t> hashes;
    for (uint64_t i = 0; i < count; ++i) {
      // Some hashes come several times: versions of one key.
      hashes.push_back(i % 4 == 3 ? hashes[random() % hashes.size()]
                                  : random());
      InsertHashEntry(image.data(), pages, hashes[i],
                      PackHashEntry(hashes[i], 1, i));
    }
    for (uint64_t i = 0; i < count; ++i) {
      const auto found = Addresses(image.data(), pages, hashes[i]);
      std::vector<uint64_t> mine;
      for (const uint64_t address : found) {
        if (hashes[address] == hashes[i]) mine.push_back(address);
      }
      std::vector<uint64_t> expected;
      for (uint64_t j = 0; j < count; ++j) {
        if (hashes[j] == hashes[i]) expected.push_back(j);
      }
      ASSERT_EQ(mine, expected);
    }
  }
}

TEST(HashSectionTest, PageCountFollowsTheLoad) {
  EXPECT_EQ(HashPageCount(0), 0u);
  EXPECT_EQ(HashPageCount(1), 1u);
  EXPECT_EQ(HashPageCount(403), 1u);
  EXPECT_EQ(HashPageCount(404), 2u);
  // Never so full that an insert or a probe would not end.
  for (uint64_t count = 1; count < 100000; count += 97) {
    EXPECT_LT(count, HashPageCount(count) * kHashEntriesPerPage);
  }
}

TEST(HashSectionTest, APageVerifiesOnlyAtItsPlaceInItsTable) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const auto image, NewHashImage(kPageBytes));
  InsertHashEntry(image.data(), 1, 12345, PackHashEntry(12345, 1, 9));
  SealHashPage(image.data(), 3, 77, 3 * kPageBytes);
  EXPECT_TRUE(CheckHashPage(image.data(), 77, 3 * kPageBytes).ok());
  EXPECT_FALSE(CheckHashPage(image.data(), 78, 3 * kPageBytes).ok());
  EXPECT_FALSE(CheckHashPage(image.data(), 77, 4 * kPageBytes).ok());
  EXPECT_EQ(LoadLittleEndian<uint64_t>(image.data() + 8), 77u);
  EXPECT_EQ(LoadLittleEndian<uint64_t>(image.data() + 16), 3u);
}

}  // namespace
}  // namespace quire::kv_internal
