// What happens to damaged tables: each damage is told, and whatever is not told
// is right.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/table_format.h"
#include "kv/internal/table_reader.h"
#include "tests/kv/test_table.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::MemoryPageProvider;
using ::quire::testing::ReadFile;
using ::quire::testing::StatusIs;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Peeking = MemoryPageProvider::Peeking;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

class TableDamageTest : public ::testing::Test {
 protected:
  // A table of 7 pages, with one block.
  void SetUp() override {
    for (int i = 0; i < 20; ++i) {
      model_.Add(absl::StrCat("key", i), 100 + i, i * i * i);
    }
    model_.AddTombstone("key3", 7);
    model_.Add("tail", 51);
    Write();
  }

  // Adds a block of two units.
  void WriteWithLongKey() {
    model_.Add(std::string(9000, 'q'), 50);
    std::filesystem::remove(spec_.path);
    Write();
    ASSERT_EQ(footer_.fence_count, 2u);
    ASSERT_EQ(footer_.sorted_bytes, 3 * kSortedBlockBytes);
  }

  void Write() {
    QUIRE_ASSERT_OK_AND_ASSIGN(finished_, WriteTable(model_, spec_));
    identity_ = IdentityOf(spec_.path, finished_.info.length_bytes);
    MemoryPageProvider provider(Peeking::kNothing);
    QUIRE_ASSERT_OK_AND_ASSIGN(auto table,
                               TableReader::Open(provider, identity_));
    footer_ = table->footer();
  }

  // Reads everything that can be read. Fails the test if anything is wrong that
  // is not told as an error of code DataLoss naming the file. Returns whether
  // an error was told.
  bool ReadAll(MemoryPageProvider& provider);

  testing::TempDirectory directory_;
  TableSpec spec_ = TestTableSpec(directory_.File("000007.tbl"));
  TableModel model_;
  FinishedTable finished_;
  TableIdentity identity_;
  TableFooter footer_;
};

bool TableDamageTest::ReadAll(MemoryPageProvider& provider) {
  bool told = false;
  const auto expect_told = [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), kDataLoss) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), spec_.path)) << status;
    told = true;
  };
  auto table = TableReader::Open(provider, identity_);
  if (!table.ok()) {
    expect_told(table.status());
    return true;
  }
  for (int resident = 0; resident < 2; ++resident) {
    for (const std::string_view key : {"key3", "none"}) {
      const auto versions = Probe(**table, model_, key);
      if (!versions.ok()) {
        expect_told(versions.status());
      } else {
        EXPECT_EQ(*versions, model_.Versions(key));
      }
    }
    if (resident == 0) {
      const absl::Status loaded = (*table)->LoadHashSection();
      if (!loaded.ok()) expect_told(loaded);
    }
  }
  const auto cursor = NewSortedCursor(**table, io::CachePolicy::kScan);
  auto entry = model_.entries().begin();
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next(), ++entry) {
    if (entry == model_.entries().end()) {
      ADD_FAILURE() << "more entries than there are";
      break;
    }
    ExpectAt(*cursor, *entry);
  }
  if (!cursor->status().ok()) {
    expect_told(cursor->status());
  } else {
    EXPECT_TRUE(entry == model_.entries().end());
  }
  return told;
}

TEST_F(TableDamageTest, EveryFlippedBitIsFound) {
  MemoryPageProvider peeked(Peeking::kAll);
  MemoryPageProvider read(Peeking::kNothing);
  for (uint64_t offset = 0; offset < identity_.length_bytes; ++offset) {
    MemoryPageProvider& provider = offset % 2 == 0 ? peeked : read;
    for (int bit = 0; bit < 8; ++bit) {
      provider.FlipBit(offset, bit);
      ASSERT_TRUE(ReadAll(provider)) << "offset " << offset << " bit " << bit;
      ASSERT_FALSE(HasFailure()) << "offset " << offset << " bit " << bit;
    }
  }
}

TEST_F(TableDamageTest, FlippedBitsInALongBlockAreFound) {
  ASSERT_NO_FATAL_FAILURE(WriteWithLongKey());
  MemoryPageProvider provider(Peeking::kAll);
  for (uint64_t offset = footer_.sorted_offset; offset < footer_.fence_offset;
       offset += 3) {
    provider.FlipBit(offset, offset % 8);
    ASSERT_TRUE(ReadAll(provider)) << "offset " << offset;
    ASSERT_FALSE(HasFailure()) << "offset " << offset;
  }
}

TEST_F(TableDamageTest, EveryTruncationIsFound) {
  const std::string bytes = ReadFile(spec_.path);
  for (uint64_t length = bytes.size(); length-- > 0;) {
    std::filesystem::resize_file(spec_.path, length);
    MemoryPageProvider provider(Peeking::kNothing);
    ASSERT_THAT(TableReader::Open(provider, identity_),
                StatusIs(kDataLoss, HasSubstr(spec_.path)));
    // Also if the length that is expected is wrong in the same way.
    ASSERT_THAT(TableReader::Open(provider, IdentityOf(spec_.path, length)),
                StatusIs(kDataLoss, HasSubstr(spec_.path)));
  }
}

TEST_F(TableDamageTest, MisplacedPagesAreFound) {
  ASSERT_NO_FATAL_FAILURE(WriteWithLongKey());
  const std::string good = ReadFile(spec_.path);
  const uint64_t pages = good.size() / kPageBytes;
  for (uint64_t from = 0; from < pages; ++from) {
    for (uint64_t to = 0; to < pages; ++to) {
      std::string bytes = good;
      bytes.replace(to * kPageBytes, kPageBytes,
                    good.substr(from * kPageBytes, kPageBytes));
      if (bytes == good) continue;
      WriteFile(spec_.path, bytes);
      MemoryPageProvider provider(Peeking::kAll);
      ASSERT_TRUE(ReadAll(provider)) << "page " << from << " at " << to;
    }
  }
}

TEST_F(TableDamageTest, PagesOfAnotherTableAreFound) {
  const std::string good = ReadFile(spec_.path);
  TableSpec other = spec_;
  other.path = directory_.File("other.tbl");
  other.header.file_id ^= 1;
  ASSERT_OK(WriteTable(model_, other));
  const std::string stale = ReadFile(other.path);
  ASSERT_EQ(stale.size(), good.size());
  for (uint64_t at = 0; at < good.size(); at += kPageBytes) {
    std::string bytes = good;
    bytes.replace(at, kPageBytes, stale.substr(at, kPageBytes));
    // Of a part that is all zeros there is only one kind.
    if (bytes == good) continue;
    WriteFile(spec_.path, bytes);
    MemoryPageProvider provider(Peeking::kAll);
    ASSERT_TRUE(ReadAll(provider)) << "page at " << at;
  }
}

TEST_F(TableDamageTest, ErrorsNameThePlaceAndTheKind) {
  ASSERT_NO_FATAL_FAILURE(WriteWithLongKey());
  struct Case {
    uint64_t offset;
    std::string kind;
    uint64_t named_offset;
  };
  const uint64_t block = footer_.sorted_offset;
  for (const Case& c : {
           Case{block + 100, "sorted block", block},
           Case{block + kSortedBlockBytes + 100, "sorted block",
                block + kSortedBlockBytes},
           Case{footer_.fence_offset + 5, "fence section",
                footer_.fence_offset},
           Case{footer_.hash_offset + 4000, "hash page", footer_.hash_offset},
           Case{footer_.segments_offset, "segment list",
                footer_.segments_offset},
           Case{identity_.length_bytes - 1, "table footer",
                identity_.length_bytes - kPageBytes},
       }) {
    MemoryPageProvider provider(Peeking::kNothing);
    provider.FlipBit(c.offset, 0);
    absl::Status status;
    auto table = TableReader::Open(provider, identity_);
    if (!table.ok()) {
      status = table.status();
    } else {
      status = Probe(**table, model_, "key3").status();
      const auto cursor = NewSortedCursor(**table, io::CachePolicy::kScan);
      cursor->SeekToFirst();
      while (cursor->Valid()) cursor->Next();
      status.Update(cursor->status());
    }
    EXPECT_THAT(
        status,
        StatusIs(kDataLoss,
                 AllOf(HasSubstr(spec_.path),
                       HasSubstr(absl::StrCat("offset ", c.named_offset, ":")),
                       HasSubstr(c.kind), HasSubstr("checksum 0x"))));
  }
}

TEST_F(TableDamageTest, OtherBlocksStayReadable) {
  ASSERT_NO_FATAL_FAILURE(WriteWithLongKey());
  MemoryPageProvider provider(Peeking::kNothing);
  provider.FlipBit(footer_.sorted_offset + 100, 0);
  QUIRE_ASSERT_OK_AND_ASSIGN(auto table,
                             TableReader::Open(provider, identity_));
  const auto cursor = NewSortedCursor(*table, io::CachePolicy::kScan);
  cursor->SeekToFirst();
  EXPECT_FALSE(cursor->Valid());
  EXPECT_THAT(cursor->status(), StatusIs(kDataLoss));
  cursor->Seek("tail");
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key(), "tail");
  EXPECT_OK(cursor->status());
  while (cursor->Valid()) cursor->Prev();
  EXPECT_THAT(cursor->status(), StatusIs(kDataLoss));
}

// A flip on the way, or an error that goes away, is no damage.
TEST_F(TableDamageTest, OneBadReadIsNotFatal) {
  ASSERT_NO_FATAL_FAILURE(WriteWithLongKey());
  for (const uint64_t offset : {footer_.sorted_offset + 100,
                                footer_.sorted_offset + kSortedBlockBytes + 100,
                                footer_.hash_offset + 100}) {
    MemoryPageProvider provider(Peeking::kRead);
    QUIRE_ASSERT_OK_AND_ASSIGN(auto table,
                               TableReader::Open(provider, identity_));
    provider.GarbleReads(offset, 1);
    ExpectSameOrder(*table, model_);
    ASSERT_OK(table->LoadHashSection());
    EXPECT_THAT(Probe(*table, model_, "key3"),
                testing::IsOkAndHolds(model_.Versions("key3")));
    provider.FailReads(offset, 1);
    if (offset < footer_.hash_offset) ExpectSameOrder(*table, model_);
  }
}

TEST_F(TableDamageTest, ReadErrorsAreHandedOn) {
  ASSERT_NO_FATAL_FAILURE(WriteWithLongKey());
  constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
  for (const uint64_t offset :
       {uint64_t{0}, footer_.segments_offset, identity_.length_bytes - 1}) {
    MemoryPageProvider provider(Peeking::kNothing);
    provider.FailReads(offset, 1);
    EXPECT_THAT(TableReader::Open(provider, identity_),
                StatusIs(kUnavailable, HasSubstr(spec_.path)));
    EXPECT_OK(TableReader::Open(provider, identity_));
  }
  MemoryPageProvider provider(Peeking::kNothing);
  QUIRE_ASSERT_OK_AND_ASSIGN(auto table,
                             TableReader::Open(provider, identity_));
  provider.FailReads(footer_.hash_offset, 1);
  EXPECT_THAT(table->LoadHashSection(), StatusIs(kUnavailable));
  EXPECT_EQ(table->resident_hash_section(), nullptr);
  provider.FailReads(footer_.fence_offset, 1);
  const auto cursor = NewSortedCursor(*table, io::CachePolicy::kScan);
  cursor->Seek("key3");
  EXPECT_FALSE(cursor->Valid());
  EXPECT_THAT(cursor->status(), StatusIs(kUnavailable));
  cursor->Seek("key3");  // the fences are read again
  EXPECT_TRUE(cursor->Valid());
  provider.FailReads(footer_.sorted_offset + kSortedBlockBytes, 2);
  cursor->SeekToLast();
  while (cursor->Valid()) cursor->Prev();
  EXPECT_THAT(cursor->status(), StatusIs(kUnavailable));
  EXPECT_OK(table->LoadHashSection());
  ExpectSameOrder(*table, model_);
}

}  // namespace
}  // namespace quire::kv_internal
