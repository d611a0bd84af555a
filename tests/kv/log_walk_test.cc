#include "kv/internal/log_walk.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kFileId = 0x1234567890abcdef;

struct Damage {
  uint64_t offset;
  uint64_t length;
  std::string what;
};

struct Found : LogVisitor {
  void OnGroup(uint64_t offset, const GroupHeader&) override {
    groups.push_back(offset);
  }
  void OnRecord(const LogRecord& record) override {
    sequences.push_back(record.header.sequence);
    offsets.push_back(record.offset);
  }
  void OnDamage(uint64_t offset, uint64_t length,
                const std::string& what) override {
    damage.push_back({offset, length, what});
  }

  std::vector<uint64_t> groups;     // offsets
  std::vector<uint64_t> sequences;  // of records
  std::vector<uint64_t> offsets;    // of records
  std::vector<Damage> damage;
};

// A log of groups of puts: sequence numbers from 1 on, values of given sizes.
class Log {
 public:
  Log() : image_(4 << 20) { tail_.file_id = kFileId; }

  void AddGroup(const std::vector<size_t>& value_sizes) {
    const std::span<std::byte> image(image_);
    GroupBuilder group(image.subspan(tail_.offset), tail_);
    for (const size_t size : value_sizes) {
      group.Add(++sequence_, RecordKind::kPut, "key", std::string(size, 'v'));
    }
    group.Finish({}, sequence_);
    tail_ = group.tail();
  }

  uint64_t end() const { return tail_.offset; }
  std::byte& at(uint64_t offset) { return image_[offset]; }

  Found Walk() const { return WalkTo(end()); }
  Found WalkTo(uint64_t length) const {
    Found found;
    WalkLog(std::span(image_).first(length), kFileId, kPageBytes, found);
    return found;
  }

  std::span<const std::byte> image() const {
    return std::span(image_).first(end());
  }

 private:
  std::vector<std::byte> image_;
  LogTail tail_;
  uint64_t sequence_ = 0;
};

// 1 to `last`.
std::vector<uint64_t> UpTo(uint64_t last) {
  std::vector<uint64_t> numbers;
  for (uint64_t i = 1; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

TEST(LogWalkTest, FindsEveryRecordOfALogThatHolds) {
  Log log;
  // Small and large ones, so that padding of every kind comes along.
  std::mt19937_64 random(1);
  for (int i = 0; i < 100; ++i) {
    std::vector<size_t> sizes;
    for (int j = 0; j < i % 7; ++j) {
      sizes.push_back(random() % (j == 3 ? 10000 : 600));
    }
    log.AddGroup(sizes);
  }
  const Found found = log.Walk();
  EXPECT_THAT(found.damage, IsEmpty());
  EXPECT_THAT(found.groups, SizeIs(100));
  EXPECT_EQ(found.sequences, UpTo(14 * 21 + 1));
}

TEST(LogWalkTest, AnEmptyLogHasNothing) {
  const Found found = Log().Walk();
  EXPECT_THAT(found.groups, IsEmpty());
  EXPECT_THAT(found.damage, IsEmpty());
}

TEST(LogWalkTest, PassesADamagedRecord) {
  Log log;
  log.AddGroup({10, 10, 10});
  log.AddGroup({10});
  const uint64_t second = log.Walk().offsets[1];
  log.at(second + 30) ^= std::byte{1};
  const Found found = log.Walk();
  EXPECT_THAT(found.sequences, ElementsAre(1, 3, 4));
  ASSERT_THAT(found.damage, SizeIs(1));
  EXPECT_EQ(found.damage[0].offset, second);
  EXPECT_EQ(found.damage[0].length, RecordBytes(3, 10));
}

TEST(LogWalkTest, PassesADamagedRecordHeader) {
  Log log;
  log.AddGroup({10, 10, 10});
  log.AddGroup({10});
  const uint64_t second = log.Walk().offsets[1];
  log.at(second + 12) ^= std::byte{1};  // the value's size
  const Found found = log.Walk();
  EXPECT_THAT(found.sequences, ElementsAre(1, 3, 4));
  ASSERT_THAT(found.damage, SizeIs(1));
  EXPECT_EQ(found.damage[0].offset, second);
  EXPECT_EQ(found.damage[0].length, RecordBytes(3, 10));
}

TEST(LogWalkTest, ReadsTheRecordsOfAGroupWhoseHeaderIsDamaged) {
  Log log;
  log.AddGroup({10});
  const uint64_t second = log.end();
  // Enough to reach over pages, whose ends are padded.
  log.AddGroup(std::vector<size_t>(100, 100));
  log.AddGroup({10});
  log.at(second + 8) ^= std::byte{1};  // the length
  const Found found = log.Walk();
  EXPECT_THAT(found.groups, SizeIs(2));
  EXPECT_EQ(found.sequences, UpTo(102));
  ASSERT_THAT(found.damage, SizeIs(1));
  EXPECT_EQ(found.damage[0].offset, second);
  EXPECT_EQ(found.damage[0].length, kGroupHeaderBytes);
}

TEST(LogWalkTest, PassesAPageOfZeros) {
  Log log;
  for (int i = 0; i < 100; ++i) log.AddGroup({100, 100});
  for (uint64_t i = 0; i < kPageBytes; ++i) {
    log.at(2 * kPageBytes + i) = std::byte{0};
  }
  const Found found = log.Walk();
  EXPECT_EQ(found.sequences.front(), 1u);
  EXPECT_EQ(found.sequences.back(), 200u);
  EXPECT_GT(found.sequences.size(), 150u);
  EXPECT_LT(found.sequences.size(), 200u);
  ASSERT_FALSE(found.damage.empty());
  EXPECT_LE(found.damage.front().offset, 2 * kPageBytes + kPageBytes);
}

TEST(LogWalkTest, SaysWhereAFileEndsInsideAGroup) {
  Log log;
  log.AddGroup({10});
  log.AddGroup({10, 10, 10});
  const uint64_t third = log.Walk().offsets[2];
  const Found found = log.WalkTo(third);
  EXPECT_THAT(found.sequences, ElementsAre(1, 2));
  ASSERT_THAT(found.damage, SizeIs(1));
  EXPECT_EQ(found.damage[0].offset, third);
  EXPECT_EQ(found.damage[0].length, log.end() - third);
}

TEST(LogWalkTest, EndsAtAGroupThatSaysItIsLongerThanAnything) {
  // A walk that added the length to the offset would come round to where it
  // was, for ever.
  std::vector<std::byte> file(2 * kPageBytes);
  GroupHeader header;
  header.file_id = kFileId;
  header.length = UINT64_MAX - 7;
  EncodeGroupHeader(header, kPageBytes, file.data() + kPageBytes);
  Found found;
  WalkLog(file, kFileId, kPageBytes, found);
  EXPECT_THAT(found.groups, ElementsAre(kPageBytes));
  EXPECT_EQ(found.damage.back().offset, file.size());
}

TEST(LogWalkTest, NoticesAGroupThatDoesNotContinueTheOneBefore) {
  Log log;
  log.AddGroup({10});
  const uint64_t second = log.end();
  log.AddGroup({10});
  // Another first group of the same length takes the place of the one that the
  // second was written behind.
  std::vector<std::byte> other(second - kPageBytes);
  LogTail tail;
  tail.file_id = kFileId;
  GroupBuilder group(other, tail);
  group.Add(7, RecordKind::kPut, "yek", std::string(10, 'w'));
  group.Finish({}, 7);
  for (size_t i = 0; i < other.size(); ++i) log.at(kPageBytes + i) = other[i];
  const Found found = log.Walk();
  EXPECT_THAT(found.sequences, ElementsAre(7, 2));
  ASSERT_THAT(found.damage, SizeIs(1));
  EXPECT_EQ(found.damage[0].offset, second);
}

TEST(LogWalkTest, TakesNoRecordOfAnotherFileOrPlace) {
  Log log;
  log.AddGroup({10, 10});
  Found other;
  WalkLog(log.image(), kFileId + 1, kPageBytes, other);
  EXPECT_THAT(other.sequences, IsEmpty());
  EXPECT_THAT(other.damage, SizeIs(1));
  // The same bytes a page further on.
  std::vector<std::byte> moved(kPageBytes);
  moved.insert(moved.end(), log.image().begin(), log.image().end());
  Found found;
  WalkLog(moved, kFileId, kPageBytes, found);
  EXPECT_THAT(found.sequences, IsEmpty());
}

TEST(LogWalkTest, SurvivesAnyFlippedByte) {
  Log log;
  for (int i = 0; i < 10; ++i) log.AddGroup({50, 100, 700});
  for (uint64_t offset = kPageBytes; offset < log.end(); ++offset) {
    log.at(offset) ^= std::byte{0x40};
    const Found found = log.Walk();
    // The bytes behind a value, up to the next multiple of 8, are in no check.
    EXPECT_GE(found.sequences.size(), 29u) << offset;
    log.at(offset) ^= std::byte{0x40};
  }
}

TEST(FindLogIdTest, FindsTheIdOfTheFirstGroup) {
  Log log;
  log.AddGroup({10});
  EXPECT_EQ(FindLogId(log.image()), kFileId);
  log.at(kPageBytes) ^= std::byte{1};
  EXPECT_EQ(FindLogId(log.image()), std::nullopt);
  log.AddGroup({10});
  EXPECT_EQ(FindLogId(log.image()), kFileId);
  EXPECT_EQ(FindLogId({}), std::nullopt);
}

}  // namespace
}  // namespace quire::kv_internal
