#include "kv/internal/sorted_chunk.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "gtest/gtest.h"
#include "kv/internal/record.h"
#include "tests/kv/cursor_testing.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::TestSeed;

// Records laid one behind another, as in an image.
class Image {
 public:
  explicit Image(const std::vector<std::string>& keys) {
    uint64_t size = kPageBytes;
    for (const std::string& key : keys) size += RecordBytes(key.size(), 0);
    bytes_.resize(size);
    uint64_t offset = kPageBytes;
    for (const std::string& key : keys) {
      const uint64_t record_bytes = RecordBytes(key.size(), 0);
      const uint64_t sequence = places_.size() + 1;
      EncodeRecord({1, offset}, sequence, RecordKind::kPut, key, {},
                   bytes_.data() + offset);
      places_.push_back(offset / kAlignmentBytes);
      entries_.push_back({key, sequence, "", false});
      offset += record_bytes;
    }
  }

  std::shared_ptr<const SortedChunk> Sort(size_t begin, size_t end) const {
    auto chunk = SortedChunk::Sort(
        bytes_.data(), std::span(places_).subspan(begin, end - begin));
    QUIRE_CHECK(chunk.ok());
    return *std::move(chunk);
  }

  std::vector<ModelEntry> Sorted(size_t begin, size_t end) const {
    std::vector<ModelEntry> sorted(entries_.begin() + begin,
                                   entries_.begin() + end);
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  size_t size() const { return places_.size(); }

 private:
  std::vector<std::byte> bytes_;
  std::vector<uint32_t> places_;
  std::vector<ModelEntry> entries_;
};

std::vector<std::string> MakeKeys(size_t count,
                                  const std::function<std::string()>& make) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(make());
  return keys;
}

// Sorts the keys as one chunk and as two that are merged; both must show the
// records in order and find what is sought.
void ExpectSorts(const std::vector<std::string>& keys,
                 std::mt19937_64& random) {
  const Image image(keys);
  const size_t size = image.size();
  const std::vector<ModelEntry> sorted = image.Sorted(0, size);
  const auto whole = NewChunkCursor(image.Sort(0, size));
  ASSERT_NO_FATAL_FAILURE(ExpectShows(*whole, sorted));
  ASSERT_NO_FATAL_FAILURE(ExpectMovesAlike(*whole, sorted, keys, 300, random));
  if (size < 2) return;
  const size_t middle = 1 + random() % (size - 1);
  auto merged =
      SortedChunk::Merge(*image.Sort(0, middle), *image.Sort(middle, size));
  ASSERT_OK(merged);
  const auto cursor = NewChunkCursor(*merged);
  ASSERT_NO_FATAL_FAILURE(ExpectShows(*cursor, sorted));
  ASSERT_NO_FATAL_FAILURE(ExpectMovesAlike(*cursor, sorted, keys, 300, random));
}

TEST(SortedChunkTest, SortsAnyKeys) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 40; ++round) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    // On both sides of the size from which the radix sort is used.
    const size_t count = 1 + random() % 1500;
    ASSERT_NO_FATAL_FAILURE(
        ExpectSorts(MakeKeys(count, [&] { return HardKey(random); }), random));
  }
}

TEST(SortedChunkTest, SortsNumbersBehindALongPrefix) {
  std::mt19937_64 random(TestSeed());
  const std::string prefix(1000, 'p');
  ExpectSorts(
      MakeKeys(2000, [&] { return prefix + std::to_string(random() % 3000); }),
      random);
}

TEST(SortedChunkTest, SortsKeysOfWhichEachIsAPrefixOfTheNext) {
  std::mt19937_64 random(TestSeed());
  std::vector<std::string> keys;
  for (size_t i = 0; i < 600; ++i) keys.emplace_back(i * 9, 'x');
  std::shuffle(keys.begin(), keys.end(), random);
  ExpectSorts(keys, random);
}

TEST(SortedChunkTest, SortsVersionsOfOneKeyNewestFirst) {
  std::mt19937_64 random(TestSeed());
  for (const size_t length : {0, 7, 8, 9, 100}) {
    SCOPED_TRACE(length);
    ASSERT_NO_FATAL_FAILURE(ExpectSorts(
        std::vector<std::string>(1000, std::string(length, 'k')), random));
  }
}

TEST(SortedChunkTest, ZerosAtTheEndOfAKeyCount) {
  std::mt19937_64 random(TestSeed());
  std::vector<std::string> keys;
  for (size_t zeros = 0; zeros < 20; ++zeros) {
    keys.push_back("a" + std::string(zeros, '\0'));
    keys.push_back("a" + std::string(zeros, '\0'));
  }
  std::shuffle(keys.begin(), keys.end(), random);
  ExpectSorts(keys, random);
}

TEST(SortedChunkTest, MergesChunksThatShareDifferentPrefixes) {
  std::mt19937_64 random(TestSeed());
  // Lengths of the prefixes that the two chunks share differ by less than a
  // word, by one word, and by more.
  for (const size_t older : {0, 3, 8, 30}) {
    for (const size_t newer : {0, 2, 8, 17}) {
      std::vector<std::string> keys = MakeKeys(40, [&] {
        return std::string(older, 'a') + std::to_string(random() % 50);
      });
      for (std::string& key : MakeKeys(40, [&] {
             return std::string(newer, 'a') + std::to_string(random() % 50);
           })) {
        keys.push_back(std::move(key));
      }
      const Image image(keys);
      auto merged = SortedChunk::Merge(*image.Sort(0, 40), *image.Sort(40, 80));
      ASSERT_OK(merged);
      const auto cursor = NewChunkCursor(*merged);
      const std::vector<ModelEntry> sorted = image.Sorted(0, 80);
      ASSERT_NO_FATAL_FAILURE(ExpectShows(*cursor, sorted));
      ASSERT_NO_FATAL_FAILURE(
          ExpectMovesAlike(*cursor, sorted, keys, 300, random));
    }
  }
}

}  // namespace
}  // namespace quire::kv_internal
