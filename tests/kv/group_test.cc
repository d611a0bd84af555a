#include "kv/internal/group.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kFileId = 0xfeedfacecafebeef;
constexpr char kPath[] = "/db/000003.seg";

struct Entry {
  uint64_t sequence;
  RecordKind kind;
  std::string key;
  std::string value;
  friend bool operator==(const Entry&, const Entry&) = default;
};

// A log file's image, written group by group.
class Image {
 public:
  explicit Image(size_t bytes, uint64_t file_id = kFileId)
      : bytes_(bytes, std::byte{0}), tail_{.file_id = file_id} {}

  // Returns the group's offset.
  uint64_t Append(const std::vector<Entry>& entries,
                  LogPosition synced_upto = {}, uint64_t last_sequence = 0) {
    const uint64_t begin = tail_.offset;
    GroupBuilder group(std::span<std::byte>(bytes_).subspan(begin), tail_);
    for (const Entry& e : entries) {
      group.Add(e.sequence, e.kind, e.key, e.value);
    }
    group.Finish(synced_upto, last_sequence);
    tail_ = group.tail();
    return begin;
  }

  // The file as far as it has been written.
  std::span<std::byte> file() {
    return std::span<std::byte>(bytes_).first(tail_.offset);
  }
  const LogTail& tail() const { return tail_; }

 private:
  std::vector<std::byte> bytes_;
  LogTail tail_;
};

absl::StatusOr<GroupHeader> Read(std::span<const std::byte> file,
                                 uint64_t offset, std::vector<Entry>* entries,
                                 uint64_t file_id = kFileId) {
  entries->clear();
  return ReadGroup(file, offset, file_id, kPath, [&](const LogRecord& record) {
    entries->push_back({record.header.sequence, record.header.kind,
                        std::string(record.key), std::string(record.value)});
  });
}

TEST(GroupTest, ComesBackAsItWasWritten) {
  Image image(1 << 16);
  const std::vector<Entry> written = {
      {1, RecordKind::kPut, "one", std::string(100, '1')},
      {2, RecordKind::kDelete, "two", ""},
      {3, RecordKind::kPut, "", ""}};
  const uint64_t first = image.Append(written, {2, 9000}, 3);
  const uint64_t check = image.tail().previous_check;
  const uint64_t second = image.Append({}, {3, image.tail().offset}, 17);
  EXPECT_EQ(first, kPageBytes);

  std::vector<Entry> read;
  QUIRE_ASSERT_OK_AND_ASSIGN(const GroupHeader header,
                             Read(image.file(), first, &read));
  EXPECT_EQ(read, written);
  EXPECT_EQ(header.file_id, kFileId);
  EXPECT_EQ(header.record_count, 3u);
  EXPECT_EQ(header.synced_upto, (LogPosition{2, 9000}));
  EXPECT_EQ(header.last_sequence, 3u);
  EXPECT_EQ(header.previous_check, 0u);
  EXPECT_EQ(header.check, check);
  EXPECT_EQ(first + header.length, second);

  QUIRE_ASSERT_OK_AND_ASSIGN(const GroupHeader empty,
                             Read(image.file(), second, &read));
  EXPECT_TRUE(read.empty());
  EXPECT_EQ(empty.length, kGroupHeaderBytes);
  EXPECT_EQ(empty.previous_check, check);
  EXPECT_EQ(empty.last_sequence, 17u);
  EXPECT_THAT(Read(image.file(), second + empty.length, &read),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr(kPath)));
}

TEST(GroupTest, RoomIsEnoughAtEveryOffsetAndWhateverWasThereBefore) {
  std::mt19937_64 random(TestSeed());
  for (uint64_t offset = kPageBytes; offset < 2 * kPageBytes; offset += 8) {
    std::vector<Entry> written;
    uint64_t room = kGroupHeaderBytes;
    const size_t count = random() % 6;
    for (size_t i = 0; i < count; ++i) {
      const size_t value_size = random() % (random() % 2 == 0 ? 600 : 6000);
      written.push_back({i + 1, RecordKind::kPut,
                         std::string(random() % 40, 'k'),
                         std::string(value_size, 'v')});
      room += GroupBuilder::Room(written.back().key.size(), value_size);
    }
    std::vector<std::byte> space(offset + room, std::byte{0xff});
    GroupBuilder group(std::span<std::byte>(space).subspan(offset),
                       {.file_id = kFileId, .offset = offset});
    std::vector<uint64_t> places;
    for (const Entry& e : written) {
      places.push_back(group.Add(e.sequence, e.kind, e.key, e.value));
    }
    EXPECT_EQ(group.record_count(), count);
    const auto bytes = group.Finish({}, count);
    EXPECT_EQ(offset + bytes.size(), group.end());
    std::vector<uint64_t> read_places;
    std::vector<Entry> read;
    ASSERT_THAT(
        ReadGroup(space, offset, kFileId, kPath,
                  [&](const LogRecord& record) {
                    read_places.push_back(record.offset);
                    read.push_back({record.header.sequence, record.header.kind,
                                    std::string(record.key),
                                    std::string(record.value)});
                  }),
        IsOk());
    EXPECT_EQ(read, written);
    EXPECT_EQ(read_places, places);
  }
}

// A group with padding and a gap in it, of records that straddle and that
// don't.
std::vector<Entry> MixedEntries() {
  return {{11, RecordKind::kPut, "a", std::string(3700, 'a')},
          {12, RecordKind::kPut, "b", std::string(300, 'b')},
          {13, RecordKind::kPut, "c", std::string(3709, 'c')},
          {14, RecordKind::kDelete, "d", ""},
          {15, RecordKind::kPut, "e", std::string(4500, 'e')}};
}

TEST(GroupTest, EveryFlippedBitIsFoundAndNothingVisited) {
  Image image(1 << 16);
  image.Append(MixedEntries(), {}, 15);
  const std::span<std::byte> file = image.file();
  std::vector<Entry> read;
  for (size_t bit = kPageBytes * 8; bit < file.size() * 8; ++bit) {
    file[bit / 8] ^= std::byte{1} << (bit % 8);
    ASSERT_THAT(Read(file, kPageBytes, &read),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(kPath), HasSubstr("at offset "))))
        << "bit " << bit;
    ASSERT_TRUE(read.empty());
    file[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_THAT(Read(file, kPageBytes, &read), IsOk());
}

TEST(GroupTest, EveryTruncationIsFoundAndNothingVisited) {
  Image image(1 << 16);
  image.Append(MixedEntries(), {}, 15);
  std::vector<Entry> read;
  for (size_t size = kPageBytes + 1; size < image.file().size(); ++size) {
    // A copy of that size exactly, so that a sanitizer sees reads beyond it.
    const std::vector<std::byte> cut(image.file().begin(),
                                     image.file().begin() + size);
    ASSERT_THAT(Read(cut, kPageBytes, &read),
                StatusIs(absl::StatusCode::kDataLoss));
    ASSERT_TRUE(read.empty());
  }
}

TEST(GroupTest, StaleGroupOfAnotherFileIsRefused) {
  Image image(1 << 14, kFileId + 1);
  image.Append({{1, RecordKind::kPut, "k", "v"}});
  std::vector<Entry> read;
  EXPECT_THAT(Read(image.file(), kPageBytes, &read, kFileId),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Read(image.file(), kPageBytes, &read, kFileId + 1), IsOk());
}

TEST(GroupTest, GroupMovedWithinItsFileIsRefused) {
  Image image(1 << 14);
  const std::vector<Entry> one = {{1, RecordKind::kPut, "k", "v"}};
  const uint64_t a = image.Append(one);
  const uint64_t b = image.Append(one);
  const std::span<std::byte> file = image.file();
  std::swap_ranges(file.begin() + a, file.begin() + b, file.begin() + b);
  std::vector<Entry> read;
  EXPECT_THAT(Read(file, a, &read), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Read(file, b, &read), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(GroupTest, CopyOfAGroupInsideAValueIsNoGroup) {
  Image image(1 << 14);
  const uint64_t a = image.Append({{1, RecordKind::kPut, "k", "v"}});
  const std::span<std::byte> group = image.file().subspan(a);
  const std::string forged(reinterpret_cast<const char*>(group.data()),
                           group.size());
  image.Append({{2, RecordKind::kPut, "seven b", forged}});
  std::vector<uint64_t> found;
  ScanForGroups(
      image.file(), 0, kFileId,
      [&](uint64_t offset, const GroupHeader&) { found.push_back(offset); });
  EXPECT_EQ(found, (std::vector<uint64_t>{a, a + group.size()}));
}

TEST(GroupTest, ScanFindsHeadersBehindDamage) {
  Image image(1 << 16);
  std::vector<uint64_t> places;
  for (uint64_t i = 0; i < 20; ++i) {
    places.push_back(image.Append(
        {{i + 1, RecordKind::kPut, "key", std::string(i * 37, 'x')}},
        {3, 5000 + i * 8}, i + 1));
  }
  const std::span<std::byte> file = image.file();
  file[places[4] + 3] ^= std::byte{4};                  // header
  file[places[9] + kGroupHeaderBytes] ^= std::byte{4};  // body
  std::vector<uint64_t> found;
  ScanForGroups(file, places[4] + 1, kFileId,
                [&](uint64_t offset, const GroupHeader& header) {
                  EXPECT_EQ(header.synced_upto.offset,
                            5000 + (header.last_sequence - 1) * 8);
                  found.push_back(offset);
                });
  EXPECT_EQ(found, std::vector<uint64_t>(places.begin() + 5, places.end()));
}

TEST(GroupTest, RecordsWhereNoWriterPlacesThemAreRefused) {
  // A record of 512 bytes across a page's end, each check of it right.
  const uint64_t begin = 2 * kPageBytes - kGroupHeaderBytes - 48;
  const uint64_t at = begin + kGroupHeaderBytes;
  const std::string value(512 - kRecordHeaderBytes, 'v');
  std::vector<std::byte> file(at + 512);
  EncodeRecord({kFileId, at}, 1, RecordKind::kPut, "", value, &file[at]);
  GroupHeader header = {
      .file_id = kFileId, .length = kGroupHeaderBytes + 512, .record_count = 1};
  EncodeGroupHeader(header, begin, &file[begin]);
  std::vector<Entry> read;
  EXPECT_THAT(Read(file, begin, &read),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("not where a record is placed")));
}

TEST(GroupTest, RecordsOfAnotherGroupAtTheSamePlaceAreRefused) {
  // Two groups that differ in one record's value only; the second was written
  // over the first, but for the sector with that record.
  const std::vector<Entry> common = {
      {1, RecordKind::kPut, "k", std::string(600, 'v')},
      {2, RecordKind::kPut, "l", "old"}};
  std::vector<Entry> changed = common;
  changed[1].value = "new";
  Image old_image(1 << 14);
  Image new_image(1 << 14);
  old_image.Append(common, {}, 2);
  new_image.Append(changed, {}, 2);
  ASSERT_EQ(old_image.tail().offset, new_image.tail().offset);
  EXPECT_NE(old_image.tail().previous_check, new_image.tail().previous_check);
  const std::span<std::byte> torn = new_image.file();
  const std::span<std::byte> remains = old_image.file();
  std::copy(remains.begin() + kPageBytes + 512, remains.end(),
            torn.begin() + kPageBytes + 512);
  std::vector<Entry> read;
  EXPECT_THAT(Read(torn, kPageBytes, &read),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("not those that it was written with")));
  EXPECT_TRUE(read.empty());
}

TEST(GroupTest, WrongCountAndLengthAreRefused) {
  Image image(1 << 14);
  image.Append({{1, RecordKind::kPut, "k", "v"}});
  const std::span<std::byte> file = image.file();
  const std::optional<GroupHeader> good =
      DecodeGroupHeader(file.subspan(kPageBytes), kFileId, kPageBytes);
  ASSERT_TRUE(good.has_value());
  std::vector<Entry> read;
  GroupHeader header = *good;
  header.record_count = 2;
  EncodeGroupHeader(header, kPageBytes, &file[kPageBytes]);
  EXPECT_THAT(Read(file, kPageBytes, &read),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("count")));
  for (const uint64_t length :
       {uint64_t{0}, kGroupHeaderBytes - 8, good->length - 8, good->length + 1,
        good->length + 8, UINT64_MAX - 7}) {
    header = *good;
    header.length = length;
    EncodeGroupHeader(header, kPageBytes, &file[kPageBytes]);
    EXPECT_THAT(Read(file, kPageBytes, &read),
                StatusIs(absl::StatusCode::kDataLoss))
        << length;
  }
}

}  // namespace
}  // namespace quire::kv_internal
