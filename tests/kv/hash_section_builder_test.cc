// Sections built by ranges are those that are built as a whole.

#include "kv/internal/hash_section_builder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/sequential_writer.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;

constexpr uint64_t kTableId = 99;
constexpr uint64_t kOffset = 3 * kPageBytes;

std::vector<HashedEntry> EntriesOf(const std::vector<uint64_t>& hashes) {
  std::vector<HashedEntry> entries;
  for (uint64_t i = 0; i < hashes.size(); ++i) {
    entries.push_back({hashes[i], PackHashEntry(hashes[i], 1 + i % 63, i)});
  }
  return entries;
}

class HashSectionBuilderTest : public ::testing::Test {
 protected:
  // Gives the entries in pieces of many sizes.
  absl::Status Give(TakeHashedEntries take) {
    ++passes_;
    size_t size = 1;
    for (std::span<const HashedEntry> left = entries_; !left.empty();) {
      size = std::min(size % 1000 + 7, left.size());
      take(left.first(size));
      left = left.subspan(size);
    }
    return absl::OkStatus();
  }

  HashSectionPlace Place() const {
    return {.table_id = kTableId,
            .offset = kOffset,
            .page_count = HashPageCount(entries_.size())};
  }

  std::string Whole() {
    const auto image = BuildHashSection(
        Place(), [this](TakeHashedEntries take) { return Give(take); });
    EXPECT_OK(image);
    if (!image.ok()) return "";
    return {reinterpret_cast<const char*>(image->data()),
            Place().page_count * kPageBytes};
  }

  // Writes the section into a file behind kOffset bytes, and returns it.
  std::string ByRanges(uint64_t range_bytes) {
    const std::string path = directory_.File("section");
    std::filesystem::remove(path);
    auto file = io::PosixFileSystem().CreateFile(path);
    EXPECT_OK(file);
    SequentialWriter writer(*std::move(file));
    EXPECT_OK(writer.Append(std::vector<std::byte>(kOffset)));
    passes_ = 0;
    EXPECT_OK(WriteHashSectionByRanges(
        Place(), range_bytes,
        [this](TakeHashedEntries take) { return Give(take); }, writer));
    EXPECT_OK(writer.Finish());
    return testing::ReadFile(path).substr(kOffset);
  }

  void ExpectSameByRanges(const std::vector<uint64_t>& hashes) {
    entries_ = EntriesOf(hashes);
    const std::string whole = Whole();
    for (const uint64_t range_bytes :
         {uint64_t{0}, uint64_t{640}, uint64_t{4096}, uint64_t{30000},
          whole.size() / 2, whole.size()}) {
      // Each range is a pass.
      if (range_bytes * 500 < whole.size()) continue;
      const std::string by_ranges = ByRanges(range_bytes);
      ASSERT_EQ(by_ranges.size(), whole.size());
      const auto differ =
          std::mismatch(by_ranges.begin(), by_ranges.end(), whole.begin());
      ASSERT_TRUE(differ.first == by_ranges.end())
          << hashes.size() << " entries, ranges of " << range_bytes
          << ": first difference at " << differ.first - by_ranges.begin();
    }
  }

  testing::TempDirectory directory_;
  std::vector<HashedEntry> entries_;
  int passes_ = 0;
};

std::vector<uint64_t> RandomHashes(uint64_t count, std::mt19937_64& random) {
  std::vector<uint64_t> hashes(count);
  for (uint64_t& hash : hashes) hash = random();
  return hashes;
}

TEST_F(HashSectionBuilderTest, RandomHashes) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (const uint64_t count : {1u, 8u, 9u, 403u, 404u, 806u, 5000u, 50000u}) {
    // Whether the last line overflows into the first is chance.
    for (int i = 0; i < 5; ++i) {
      ASSERT_NO_FATAL_FAILURE(ExpectSameByRanges(RandomHashes(count, random)));
    }
  }
}

TEST_F(HashSectionBuilderTest, HashesThatComeOftenOverflowTheEndsOfRanges) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 40; ++i) {
    // Few keys, many versions each, among others.
    const uint64_t keys = 1 + random() % 50;
    const std::vector<uint64_t> often = RandomHashes(keys, random);
    std::vector<uint64_t> hashes = RandomHashes(3000, random);
    for (uint64_t& hash : hashes) {
      if (random() % 8 < static_cast<uint64_t>(i) % 8) {
        hash = often[random() % keys];
      }
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSameByRanges(hashes));
  }
}

TEST_F(HashSectionBuilderTest, TheLastLinesOverflowIntoTheFirst) {
  std::mt19937_64 random(TestSeed());
  for (const uint64_t count : {9u, 100u, 600u, 2000u}) {
    // `count` entries in the last few lines, the others anywhere or nowhere
    // near.
    for (const int shift : {0, 1}) {
      std::vector<uint64_t> hashes = RandomHashes(3000, random);
      for (uint64_t& hash : hashes) hash >>= shift;
      for (uint64_t i = 0; i < count; ++i) {
        hashes[random() % hashes.size()] = UINT64_MAX - random() % 1000;
      }
      entries_ = EntriesOf(hashes);
      const std::string whole = Whole();
      ASSERT_TRUE(HashLineOverflowed(reinterpret_cast<const std::byte*>(
          whole.data() + whole.size() - kHashLineBytes)));
      ASSERT_NO_FATAL_FAILURE(ExpectSameByRanges(hashes));
    }
  }
}

// One key fills four fifths of the section, wherever it begins: more than any
// range should be.
TEST_F(HashSectionBuilderTest, OneHashAlone) {
  for (const uint64_t hash :
       {uint64_t{0}, uint64_t{1} << 62, UINT64_MAX / 2, UINT64_MAX}) {
    for (const uint64_t count : {7u, 403u, 5000u}) {
      ASSERT_NO_FATAL_FAILURE(
          ExpectSameByRanges(std::vector<uint64_t>(count, hash)));
    }
  }
}

TEST_F(HashSectionBuilderTest, AsksForTheEntriesOnceForEachRangeAndOnceMore) {
  std::mt19937_64 random(TestSeed());
  entries_ = EntriesOf(RandomHashes(100'000, random));
  const uint64_t bytes = Place().page_count * kPageBytes;
  ByRanges(bytes);
  EXPECT_EQ(passes_, 2);
  // Ranges end a few lines before the budget does.
  ByRanges(bytes / 8 + kPageBytes);
  EXPECT_EQ(passes_, 9);
}

TEST_F(HashSectionBuilderTest, AnErrorOfTheSourceIsHandedOn) {
  std::mt19937_64 random(TestSeed());
  entries_ = EntriesOf(RandomHashes(10'000, random));
  auto file = io::PosixFileSystem().CreateFile(directory_.File("section"));
  ASSERT_OK(file);
  SequentialWriter writer(*std::move(file));
  for (const int failing : {1, 2, 3}) {
    int passes = 0;
    const auto source = [&](TakeHashedEntries take) {
      if (++passes == failing) return absl::UnavailableError("source");
      return Give(take);
    };
    EXPECT_THAT(WriteHashSectionByRanges(Place(), 1 << 15, source, writer),
                StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(passes, failing);
  }
  EXPECT_THAT(BuildHashSection(Place(),
                               [](TakeHashedEntries) {
                                 return absl::UnavailableError("source");
                               }),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace quire::kv_internal
