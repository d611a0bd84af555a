// What a builder of tables takes and refuses.

#include "kv/internal/table_builder.h"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/checksum.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/key_hash.h"
#include "tests/kv/test_table.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::HasSubstr;

class TableBuilderTest : public ::testing::Test {
 protected:
  testing::TempDirectory directory_;
  TableSpec spec_ = TestTableSpec(directory_.File("000007.tbl"));
};

TEST_F(TableBuilderTest, RefusesEntriesOutOfOrder) {
  const auto add = [&](const std::vector<TableModel::Position>& entries) {
    std::filesystem::remove(spec_.path);
    auto builder = TableBuilder::Create(io::PosixFileSystem(), spec_);
    EXPECT_OK(builder);
    absl::Status status;
    for (const auto& [key, sequence] : entries) {
      EXPECT_OK(status);
      status = (*builder)->Add({.key = key,
                                .sequence = sequence,
                                .address = 512,
                                .hash = HashKey(key, kTestHashSeed)});
    }
    if (!status.ok()) {
      EXPECT_EQ((*builder)->Finish().status(), status);
    }
    return status;
  };
  const auto refused =
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("out of order"));
  EXPECT_OK(add({{"", 2}, {"", 1}, {"a", 7}, {"aa", 1}, {"b", 1}}));
  EXPECT_OK(add({{"a\x7f", 1}, {"a\x80", 1}, {"a\xff", 1}}));
  EXPECT_THAT(add({{"a", 1}, {"a", 1}}), refused);
  EXPECT_THAT(add({{"", 1}, {"", 1}}), refused);
  EXPECT_THAT(add({{"a", 1}, {"a", 2}}), refused);
  EXPECT_THAT(add({{"b", 1}, {"a", 1}}), refused);
  EXPECT_THAT(add({{"aa", 1}, {"a", 1}}), refused);
  EXPECT_THAT(add({{"a\x80", 1}, {"a\x7f", 1}}), refused);
}

TEST_F(TableBuilderTest, RefusesEntriesOutOfRange) {
  spec_.header.first_sequence = 10;
  const auto add = [&](TableEntry entry) {
    std::filesystem::remove(spec_.path);
    auto builder = TableBuilder::Create(io::PosixFileSystem(), spec_);
    EXPECT_OK(builder);
    entry.hash = HashKey(entry.key, kTestHashSeed);
    return (*builder)->Add(entry);
  };
  const std::string longest(65535, 'k');
  const std::string too_long(65536, 'k');
  const TableEntry good = {.key = longest,
                           .sequence = 10,
                           .address = 512,
                           .value_size = kLargestValueBytes};
  const auto refused =
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("out of range"));
  EXPECT_OK(add(good));
  TableEntry entry = good;
  entry.key = too_long;
  EXPECT_THAT(add(entry), refused);
  entry = good;
  entry.sequence = 9;
  EXPECT_THAT(add(entry), refused);
  entry.sequence = kMaxSequence + 1;
  EXPECT_THAT(add(entry), refused);
  entry = good;
  entry.value_size = kLargestValueBytes + 1;
  EXPECT_THAT(add(entry), refused);
  entry.value_size = 0;
  entry.tombstone = true;
  EXPECT_OK(add(entry));
  entry.value_size = 1;
  EXPECT_THAT(add(entry), refused);
  entry = good;
  entry.address = kMaxSlots * (kSlotBytes / kAlignmentBytes);
  EXPECT_THAT(add(entry), refused);
}

TEST_F(TableBuilderTest, RefusesEntriesBehindTheLastSegment) {
  const std::string key = "key";
  const auto finish = [&](bool with_segment) {
    std::filesystem::remove(spec_.path);
    auto builder = TableBuilder::Create(io::PosixFileSystem(), spec_);
    EXPECT_OK(builder);
    EXPECT_OK((*builder)->Add(
        {.key = key,
         .sequence = spec_.header.first_sequence,
         .address = spec_.segments.size() * (kSlotBytes / kAlignmentBytes),
         .hash = HashKey(key, kTestHashSeed)}));
    // Segments may be added behind the entries that point into them.
    if (with_segment) {
      EXPECT_OK((*builder)->AddSegment(
          {.number = 99, .id = 99, .length_bytes = 2 * kPageBytes}));
    }
    return (*builder)->Finish();
  };
  EXPECT_THAT(finish(false), StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("outside of the table's")));
  const absl::StatusOr<FinishedTable> table = finish(true);
  ASSERT_OK(table.status());
  EXPECT_EQ(table->info.entry_count, 1u);
}

TEST_F(TableBuilderTest, RefusesASpecThatCanBeNoTable) {
  TableSpec spec = spec_;
  spec.header.type = FileType::kSegment;
  EXPECT_THAT(TableBuilder::Create(io::PosixFileSystem(), spec),
              StatusIs(absl::StatusCode::kInvalidArgument));
  spec = spec_;
  spec.segments = {
      {.number = 1, .id = 1, .length_bytes = (kMaxSlots + 1) * kSlotBytes}};
  EXPECT_THAT(TableBuilder::Create(io::PosixFileSystem(), spec),
              StatusIs(absl::StatusCode::kInvalidArgument));
  testing::WriteFile(spec_.path, "there already");
  EXPECT_THAT(TableBuilder::Create(io::PosixFileSystem(), spec_),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

// --- The memory for the hash section
// ------------------------------------------

// Keys with versions, short and long, some tombstones.
TableModel SomeModel(std::mt19937_64& random, int count) {
  TableModel model;
  for (int i = 0; i < count; ++i) {
    std::string key = absl::StrCat("key", random() % 100'000);
    if (i % 5000 == 0) key += std::string(20'000, 'k');
    for (uint64_t versions = random() % 20 == 0 ? random() % 30 : 1;
         versions > 0; --versions) {
      if (random() % 10 == 0) {
        model.AddTombstone(key, versions);
      } else {
        model.Add(key, versions, random() % 100'000);
      }
    }
  }
  return model;
}

TEST_F(TableBuilderTest, TheFileDoesNotDependOnTheMemory) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  // The larger one has a sorted section of more than a piece of a write.
  for (const int count : {1, 10'000, 100'000}) {
    const TableModel model = SomeModel(random, count);
    std::filesystem::remove(spec_.path);
    spec_.build_memory_bytes = UINT64_MAX;
    QUIRE_ASSERT_OK_AND_ASSIGN(const FinishedTable unbounded,
                               WriteTable(model, spec_));
    const std::string whole = testing::ReadFile(spec_.path);
    const uint64_t image_bytes =
        HashPageCount(model.entries().size()) * kPageBytes;
    ASSERT_GE(unbounded.hash_image.size(), image_bytes);
    for (const uint64_t memory :
         {image_bytes / 50, image_bytes / 8, image_bytes - 1, image_bytes,
          4 * image_bytes}) {
      spec_.build_memory_bytes = memory;
      std::filesystem::remove(spec_.path);
      QUIRE_ASSERT_OK_AND_ASSIGN(const FinishedTable table,
                                 WriteTable(model, spec_));
      EXPECT_TRUE(testing::ReadFile(spec_.path) == whole)
          << count << " keys in " << memory << " bytes";
      EXPECT_EQ(table.info.digest, Checksum(whole));
      EXPECT_EQ(table.info.digest, unbounded.info.digest);
      EXPECT_EQ(table.info.length_bytes, whole.size());
      if (memory < image_bytes) {
        EXPECT_EQ(table.hash_image.size(), 0u);
      } else {
        ASSERT_GE(table.hash_image.size(), image_bytes);
        EXPECT_EQ(std::memcmp(table.hash_image.data(),
                              unbounded.hash_image.data(), image_bytes),
                  0);
      }
    }
  }
}

TEST_F(TableBuilderTest, ErrorsOfReadingTheSectionAgainAreTold) {
  std::mt19937_64 random(TestSeed());
  const TableModel model = SomeModel(random, 100'000);
  spec_.build_memory_bytes = 100'000;
  testing::FaultyFileSystem faulty(io::PosixFileSystem());
  for (const testing::FileOp op :
       {testing::FileOp::kOpen, testing::FileOp::kRead}) {
    std::filesystem::remove(spec_.path);
    faulty.Inject({.op = op, .nth = op == testing::FileOp::kRead ? 7u : 1u});
    EXPECT_THAT(
        WriteTable(model, spec_, faulty),
        StatusIs(absl::StatusCode::kUnavailable, HasSubstr(spec_.path)));
    EXPECT_EQ(faulty.injected_count(), op == testing::FileOp::kOpen ? 1u : 2u);
  }
}

// A bit that flips between the write and the reading again must not become a
// key that isn't found.
TEST_F(TableBuilderTest, DamageThatIsReadAgainIsTold) {
  spec_.build_memory_bytes = 0;
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const auto builder, TableBuilder::Create(io::PosixFileSystem(), spec_));
  // More than one piece, so that the first one has been written.
  for (int i = 100'000; i < 300'000; ++i) {
    const std::string key = absl::StrCat("key ", i, 7 * i);
    ASSERT_OK(builder->Add({.key = key,
                            .sequence = 1,
                            .address = 512,
                            .hash = HashKey(key, kTestHashSeed)}));
  }
  ASSERT_GT(std::filesystem::file_size(spec_.path), 0u);
  const uint64_t offset = kPageBytes + 3 * kSortedBlockBytes;
  {
    std::fstream file(spec_.path,
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset + 100));
    file.put('\xee');
  }
  EXPECT_THAT(builder->Finish(),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr(absl::StrCat(spec_.path, ": offset ", offset,
                                              ": sorted block"))));
}

}  // namespace
}  // namespace quire::kv_internal
