// The bytes of a table, as kv/FORMAT.md has them.

#include "kv/internal/table_format.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/table_reader.h"
#include "tests/kv/test_table.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kStoredExample[] = "tests/kv/golden/v1/000012.tbl";
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

constexpr uint64_t kExampleNumber = 12;
constexpr uint64_t kExampleId = 0x1111111111111111;

// The table of the example in kv/FORMAT.md: four entries over one segment.
TableModel ExampleModel() {
  TableModel model;
  model.AddTombstone("apple", 300);
  model.Add("apple", 100, 5);
  model.Add("apricot", 101, 5000);
  model.Add("", 102, 1 << 30);
  return model;
}

// Its bytes, as they are written now.
std::string ExampleBytes() {
  testing::TempDirectory directory;
  TableSpec spec;
  spec.path = directory.File("example.tbl");
  spec.header.type = FileType::kTable;
  spec.header.file_number = kExampleNumber;
  spec.header.file_id = kExampleId;
  spec.header.first_sequence = 100;
  spec.header.database_id.fill(std::byte{0xdb});
  spec.hash_seed = kTestHashSeed;
  spec.segments = {
      {.number = 11, .id = 0x2222222222222222, .length_bytes = 1 << 20}};
  EXPECT_OK(WriteTable(ExampleModel(), spec));
  return testing::ReadFile(spec.path);
}

// Compares without printing thousands of bytes.
void ExpectSame(std::string_view written, std::string_view stored) {
  ASSERT_EQ(written.size(), stored.size());
  const auto differ =
      std::mismatch(written.begin(), written.end(), stored.begin());
  EXPECT_TRUE(differ.first == written.end())
      << "first difference at offset " << differ.first - written.begin();
}

// If one of these fails, files written before can't be read any more: a change
// of the format is a new version, with files of its own beside these.
TEST(TableFormatTest, BytesAreWrittenAsStored) {
  ExpectSame(ExampleBytes(), testing::ReadFile(kStoredExample));
}

TEST(TableFormatTest, BytesAreReadAsStored) {
  testing::MemoryPageProvider provider(
      testing::MemoryPageProvider::Peeking::kNothing);
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const auto table,
      TableReader::Open(provider, {.path = kStoredExample,
                                   .length_bytes = 28672,
                                   .file_number = kExampleNumber,
                                   .file_id = kExampleId}));
  const TableModel model = ExampleModel();
  ExpectSameOrder(*table, model);
  for (const auto& [position, place] : model.entries()) {
    EXPECT_THAT(Probe(*table, model, position.key),
                IsOkAndHolds(model.Versions(position.key)));
  }
}

// The example of the document, line by line: offset, bytes, meaning. What no
// line shows is zero.
TEST(TableFormatTest, TheDocumentShowsTheBytes) {
  const std::string document = testing::ReadFile("kv/FORMAT.md");
  const size_t begin =
      document.find("```hex\n", document.find("## Table files"));
  ASSERT_NE(begin, std::string::npos);
  std::istringstream lines(document.substr(begin + 7));
  const std::string written = ExampleBytes();
  std::string shown(written.size(), '\0');
  for (std::string line; std::getline(lines, line) && line != "```";) {
    std::istringstream fields(line);
    size_t at = 0;
    std::string field;
    fields >> at >> field;
    ASSERT_EQ(field, "|");
    while (fields >> field && field != "|") {
      shown.at(at++) = static_cast<char>(std::stoi(field, nullptr, 16));
    }
  }
  ExpectSame(written, shown);
}

TableFooter SomeFooter() {
  TableFooter footer;
  footer.table_id = 7;
  footer.entry_count = 5;
  footer.key_count = 4;
  footer.tombstone_count = 3;
  footer.min_sequence = 10;
  footer.max_sequence = 20;
  footer.hash_seed = 0x5eed;
  footer.sorted_offset = kPageBytes;
  footer.sorted_bytes = 3 * kSortedBlockBytes;
  footer.fence_offset = 7 * kPageBytes;
  footer.fence_bytes = kPageBytes;
  footer.fence_count = 2;
  footer.fence_check = 8;
  footer.hash_offset = 8 * kPageBytes;
  footer.hash_page_count = 2;
  footer.segments_offset = 10 * kPageBytes;
  footer.segments_bytes = kPageBytes;
  footer.segment_count = 2;
  footer.segments_check = 9;
  footer.length_bytes = 12 * kPageBytes;
  return footer;
}

absl::StatusOr<TableFooter> EncodeAndDecode(const TableFooter& footer) {
  std::array<std::byte, kPageBytes> page;
  EncodeTableFooter(footer, page.data());
  return DecodeTableFooter(page, 7, 12 * kPageBytes, "a.tbl");
}

TEST(TableFormatTest, AFooterComesBackAsItWas) {
  EXPECT_THAT(EncodeAndDecode(SomeFooter()), IsOkAndHolds(SomeFooter()));
}

// A footer whose checksum is right is still not believed if it can't be.
TEST(TableFormatTest, RefusesAFooterThatContradictsItself) {
  const std::vector<uint64_t TableFooter::*> places = {
      &TableFooter::table_id,        &TableFooter::length_bytes,
      &TableFooter::sorted_offset,   &TableFooter::sorted_bytes,
      &TableFooter::fence_offset,    &TableFooter::fence_bytes,
      &TableFooter::hash_offset,     &TableFooter::hash_page_count,
      &TableFooter::segments_offset, &TableFooter::segments_bytes};
  for (size_t i = 0; i < places.size(); ++i) {
    for (const uint64_t change :
         {uint64_t{1}, kPageBytes, uint64_t{0} - kPageBytes, uint64_t{1} << 63,
          (uint64_t{1} << 52) * 13}) {
      TableFooter footer = SomeFooter();
      footer.*places[i] += change;
      EXPECT_THAT(EncodeAndDecode(footer),
                  StatusIs(kDataLoss, HasSubstr("a.tbl")))
          << "field " << i << " + " << change;
    }
  }
  for (const auto count : {&TableFooter::entry_count, &TableFooter::fence_count,
                           &TableFooter::hash_page_count}) {
    TableFooter footer = SomeFooter();
    footer.*count = 0;
    EXPECT_THAT(EncodeAndDecode(footer), StatusIs(kDataLoss));
  }
  TableFooter footer = SomeFooter();
  footer.segment_count = kPageBytes / kTableSegmentBytes + 1;
  EXPECT_THAT(EncodeAndDecode(footer),
              StatusIs(kDataLoss, HasSubstr("segment count")));
}

TEST(TableFormatTest, RefusesAPageThatIsNoFooter) {
  std::array<std::byte, kPageBytes> page = {};
  EXPECT_THAT(
      DecodeTableFooter(page, 7, 12 * kPageBytes, "a.tbl"),
      StatusIs(kDataLoss, AllOf(HasSubstr("a.tbl: offset 45056: table footer"),
                                HasSubstr("checksum 0x0000000000000000"))));
  EncodeTableFooter(SomeFooter(), page.data());
  page[0] = std::byte{'X'};
  StoreLittleEndian(
      TableCheck({page.data(), kPageBytes - 8}, 7, 11 * kPageBytes),
      page.data() + kPageBytes - 8);
  EXPECT_THAT(DecodeTableFooter(page, 7, 12 * kPageBytes, "a.tbl"),
              StatusIs(kDataLoss, HasSubstr("magic")));
}

TEST(TableFormatTest, SegmentListsOfAnyLengthComeBack) {
  for (const uint64_t count : {0u, 1u, 170u, 171u, 1000u}) {
    std::vector<TableSegment> segments;
    for (uint64_t i = 0; i < count; ++i) segments.push_back({i, i * i, 7 * i});
    const std::vector<std::byte> bytes = EncodeTableSegments(segments);
    EXPECT_EQ(bytes.size(), RoundUpToPage(count * kTableSegmentBytes));
    TableFooter footer;
    footer.segment_count = count;
    footer.segments_bytes = bytes.size();
    footer.segments_check = TableCheck(bytes, 0, 0);
    EXPECT_THAT(DecodeTableSegments(bytes, footer, "a.tbl"),
                IsOkAndHolds(segments));
    ++footer.segments_check;
    EXPECT_THAT(DecodeTableSegments(bytes, footer, "a.tbl"),
                StatusIs(kDataLoss, HasSubstr("segment list")));
  }
}

}  // namespace
}  // namespace quire::kv_internal
