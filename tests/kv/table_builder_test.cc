// What a builder of tables takes and refuses.

#include "kv/internal/table_builder.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/format.h"
#include "kv/internal/key_hash.h"
#include "tests/kv/test_table.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

class TableBuilderTest : public ::testing::Test {
 protected:
  testing::TempDirectory directory_;
  TableSpec spec_ = TestTableSpec(directory_.File("000007.tbl"));
};

TEST_F(TableBuilderTest, RefusesEntriesOutOfOrder) {
  const auto add = [&](std::vector<TableModel::Position> entries) {
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
  entry.address = 2 * kSlotBytes / kAlignmentBytes;  // behind the last slot
  EXPECT_THAT(add(entry), refused);
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

}  // namespace
}  // namespace quire::kv_internal
