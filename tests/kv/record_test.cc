#include "kv/internal/record.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::TestSeed;

constexpr RecordPlace kPlace = {.file_id = 0x0123456789abcdef, .offset = 4152};

std::vector<std::byte> Encode(const RecordPlace& place, uint64_t sequence,
                              RecordKind kind, std::string_view key,
                              std::string_view value) {
  // Filled with ones, so that forgotten bytes show.
  std::vector<std::byte> out(RecordBytes(key.size(), value.size()),
                             std::byte{0xff});
  EncodeRecord(place, sequence, kind, key, value, out.data());
  return out;
}

std::string_view Chars(const std::vector<std::byte>& bytes, size_t from,
                       size_t size) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()),
                          bytes.size())
      .substr(from, size);
}

// Whether header and body of an encoded record pass their checks.
bool Verifies(const std::vector<std::byte>& bytes, const RecordPlace& place) {
  const std::optional<RecordHeader> header = DecodeRecordHeader(bytes, place);
  if (!header.has_value()) return false;
  EXPECT_LE(header->RecordBytes(), bytes.size());
  const std::string_view key =
      Chars(bytes, kRecordHeaderBytes, header->key_size);
  const std::string_view value =
      Chars(bytes, kRecordHeaderBytes + header->key_size, header->value_size);
  return BodyCheck(key, value, place) == header->body_check;
}

TEST(RecordTest, ComesBackAsItWasWritten) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 2000; ++i) {
    std::string key(random() % 70, 'k');
    std::string value(random() % 300, 'v');
    for (char& c : key) c = static_cast<char>(random());
    for (char& c : value) c = static_cast<char>(random());
    const RecordPlace place = {random(), (random() >> 20) * 8};
    const uint64_t sequence = random() % kMaxSequence + 1;
    const auto bytes = Encode(place, sequence, RecordKind::kPut, key, value);
    const std::optional<RecordHeader> header = DecodeRecordHeader(bytes, place);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->kind, RecordKind::kPut);
    EXPECT_EQ(header->sequence, sequence);
    EXPECT_EQ(header->RecordBytes(), bytes.size());
    ASSERT_EQ(header->key_size, key.size());
    ASSERT_EQ(header->value_size, value.size());
    EXPECT_EQ(Chars(bytes, 24, key.size()), key);
    EXPECT_EQ(Chars(bytes, 24 + key.size(), value.size()), value);
    EXPECT_EQ(BodyCheck(key, value, place), header->body_check);
    const std::string_view rest =
        Chars(bytes, 24 + key.size() + value.size(), bytes.size());
    EXPECT_EQ(rest, std::string(rest.size(), '\0'));
  }
}

TEST(RecordTest, LimitsAreEncodable) {
  const std::string key(kLargestKeyBytes, 'k');
  const auto bytes = Encode(kPlace, kMaxSequence, RecordKind::kDelete, key, "");
  const std::optional<RecordHeader> header = DecodeRecordHeader(bytes, kPlace);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->sequence, kMaxSequence);
  EXPECT_EQ(header->kind, RecordKind::kDelete);
  EXPECT_EQ(header->key_size, kLargestKeyBytes);
}

TEST(RecordTest, EveryFlippedBitBeforeThePaddingIsFound) {
  const std::string key = "a key";
  const std::string value = "and its value";
  const auto good = Encode(kPlace, 77, RecordKind::kPut, key, value);
  ASSERT_TRUE(Verifies(good, kPlace));
  const size_t used = kRecordHeaderBytes + key.size() + value.size();
  for (size_t bit = 0; bit < used * 8; ++bit) {
    std::vector<std::byte> bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(Verifies(bad, kPlace)) << "bit " << bit;
  }
}

TEST(RecordTest, EveryFlippedBitOfShortBodiesIsFound) {
  for (size_t key_size = 0; key_size <= 20; ++key_size) {
    for (size_t value_size = 0; value_size <= 20; ++value_size) {
      const auto good =
          Encode(kPlace, 5, RecordKind::kPut, std::string(key_size, 'x'),
                 std::string(value_size, 'y'));
      ASSERT_TRUE(Verifies(good, kPlace));
      for (size_t bit = 0; bit < (24 + key_size + value_size) * 8; ++bit) {
        std::vector<std::byte> bad = good;
        bad[bit / 8] ^= std::byte{1} << (bit % 8);
        ASSERT_FALSE(Verifies(bad, kPlace))
            << "sizes " << key_size << " " << value_size << " bit " << bit;
      }
    }
  }
}

TEST(RecordTest, IsBoundToItsFileAndOffset) {
  const auto bytes = Encode(kPlace, 9, RecordKind::kPut, "key", "value");
  EXPECT_TRUE(DecodeRecordHeader(bytes, kPlace).has_value());
  EXPECT_FALSE(DecodeRecordHeader(bytes, {kPlace.file_id + 1, kPlace.offset})
                   .has_value());
  for (uint64_t offset = 0; offset < 1 << 20; offset += 8) {
    if (offset == kPlace.offset) continue;
    ASSERT_FALSE(
        DecodeRecordHeader(bytes, {kPlace.file_id, offset}).has_value());
  }
  EXPECT_NE(BodyCheck("key", "value", kPlace),
            BodyCheck("key", "value", {kPlace.file_id, kPlace.offset + 8}));
}

TEST(RecordTest, MovingTheBorderOfKeyAndValueChangesTheBodyCheck) {
  EXPECT_NE(BodyCheck("ab", "c", kPlace), BodyCheck("a", "bc", kPlace));
  EXPECT_NE(BodyCheck("abc", "", kPlace), BodyCheck("", "abc", kPlace));
}

TEST(RecordTest, PaddingReachesFromItsPlaceToThePagesEnd) {
  for (uint64_t from = kPageBytes + 8; from < 2 * kPageBytes; from += 8) {
    const uint64_t bytes = 2 * kPageBytes - from;
    std::vector<std::byte> out(bytes, std::byte{0xff});
    EncodePadding(1, from, 2 * kPageBytes, out.data());
    if (bytes < kRecordHeaderBytes) {
      EXPECT_THAT(out, ::testing::Each(std::byte{0}));
      continue;
    }
    const std::optional<RecordHeader> header =
        DecodeRecordHeader(out, {1, from});
    ASSERT_TRUE(header.has_value()) << from;
    EXPECT_EQ(header->kind, RecordKind::kPadding);
    EXPECT_EQ(header->RecordBytes(), bytes);
    EXPECT_TRUE(Verifies(out, {1, from}));
    EXPECT_EQ(Chars(out, kRecordHeaderBytes, bytes),
              std::string(bytes - kRecordHeaderBytes, '\0'));
  }
}

TEST(PlaceRecordTest, HoldsForEveryOffsetAndSize) {
  for (uint64_t offset = kPageBytes; offset < 2 * kPageBytes; offset += 8) {
    for (uint64_t bytes = kRecordHeaderBytes; bytes < 3 * kPageBytes;
         bytes += 8) {
      const uint64_t at = PlaceRecord(offset, bytes);
      ASSERT_TRUE(at == offset || at == 2 * kPageBytes);
      const uint64_t page_end = at / kPageBytes * kPageBytes + kPageBytes;
      ASSERT_LE(at + kRecordHeaderBytes, page_end);
      if (bytes <= kNoStraddleBytes) {
        ASSERT_LE(at + bytes, page_end);
      }
      // Space is skipped only where it must be.
      if (at != offset) {
        const uint64_t left = at - offset;
        ASSERT_TRUE(left < kRecordHeaderBytes ||
                    (bytes <= kNoStraddleBytes && bytes > left));
      }
      ASSERT_EQ(PlaceRecord(at, bytes), at);
    }
  }
}

TEST(SizeClassTest, CoversTheRecordAndNotAPageMoreWhereExact) {
  for (uint64_t offset = 0; offset < kPageBytes; offset += 8) {
    for (uint64_t bytes = kRecordHeaderBytes; bytes < 42 * kPageBytes;
         bytes += bytes < kPageBytes ? 8 : 248) {
      const uint32_t size_class = SizeClass(offset, bytes);
      ASSERT_GE(size_class, 1u);
      ASSERT_LE(size_class, kLargestSizeClass);
      const uint64_t read = ClassBytes(offset, size_class);
      ASSERT_GE(read, bytes);
      ASSERT_EQ((offset + read) % kPageBytes, 0u);
      if (size_class <= kLargestExactClass) {
        ASSERT_LT(read - bytes, kPageBytes);
      }
    }
  }
}

TEST(SizeClassTest, GrowsByHalfAboveTheExactOnes) {
  for (uint32_t c = kLargestExactClass + 1; c <= kLargestSizeClass; ++c) {
    const uint64_t pages = ClassBytes(0, c) / kPageBytes;
    const uint64_t before = ClassBytes(0, c - 1) / kPageBytes;
    EXPECT_GE(2 * pages, 3 * before - 3);
    EXPECT_LE(2 * pages, 3 * before + 2);
    // The smallest class that covers is the one chosen.
    EXPECT_EQ(SizeClass(0, pages * kPageBytes), c);
    EXPECT_EQ(SizeClass(0, before * kPageBytes + 8), c);
    EXPECT_EQ(SizeClass(8, before * kPageBytes), c);
  }
  EXPECT_EQ(ClassBytes(0, 41), 60 * kPageBytes);
  EXPECT_EQ(ClassBytes(0, 42), 90 * kPageBytes);
  EXPECT_EQ(ClassBytes(0, 43), 135 * kPageBytes);
  EXPECT_EQ(ClassBytes(0, 44), 203 * kPageBytes);
}

TEST(SizeClassTest, LargestRecordHasAClass) {
  const uint64_t bytes = RecordBytes(kLargestKeyBytes, kLargestValueBytes);
  const uint32_t size_class = SizeClass(kPageBytes - 24, bytes);
  EXPECT_LE(size_class, kLargestSizeClass);
  EXPECT_GE(ClassBytes(kPageBytes - 24, size_class), bytes);
}

TEST(SizeClassTest, ClassesWithoutASizeMeanTheFirstPage) {
  EXPECT_EQ(ClassBytes(kPageBytes + 96, kTombstoneClass), kPageBytes - 96);
  EXPECT_EQ(ClassBytes(96, 0), kPageBytes - 96);
}

TEST(AddressTest, NamesSlotAndOffset) {
  for (const uint64_t slot : {uint64_t{0}, uint64_t{5}, kMaxSlots - 1}) {
    for (const uint64_t offset : {uint64_t{4096}, kSlotBytes - 8}) {
      const uint64_t address = MakeAddress(slot, offset);
      EXPECT_LT(address, uint64_t{1} << kAddressBits);
      EXPECT_EQ(AddressSlot(address), slot);
      EXPECT_EQ(AddressOffsetInSlot(address), offset);
    }
  }
}

}  // namespace
}  // namespace quire::kv_internal
