#include "kv/internal/file_header.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/checksum.h"
#include "kv/internal/little_endian.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPath[] = "/db/000007.seg";

FileHeader SomeHeader() {
  FileHeader header = {.type = FileType::kSegment,
                       .origin = SegmentOrigin::kRewrite,
                       .file_id = 0x1122334455667788,
                       .file_number = 7,
                       .previous_id = 0x99aabbccddeeff00,
                       .previous_number = 5,
                       .first_sequence = 1234};
  for (size_t i = 0; i < header.database_id.size(); ++i) {
    header.database_id[i] = static_cast<std::byte>(i + 1);
  }
  return header;
}

std::vector<std::byte> Encode(const FileHeader& header) {
  std::vector<std::byte> page(kPageBytes, std::byte{0xff});
  EncodeFileHeader(header, page.data());
  return page;
}

// Makes the page's check right again after a change.
void Reseal(std::vector<std::byte>& page) {
  StoreLittleEndian(
      Checksum(std::span<const std::byte>(page).first(kPageBytes - 8)),
      page.data() + kPageBytes - 8);
}

TEST(FileHeaderTest, ComesBackAsItWasWritten) {
  for (const FileType type :
       {FileType::kSegment, FileType::kTable, FileType::kManifest}) {
    FileHeader written = SomeHeader();
    written.type = type;
    QUIRE_ASSERT_OK_AND_ASSIGN(const FileHeader read,
                               DecodeFileHeader(Encode(written), type, kPath));
    EXPECT_EQ(read.type, type);
    EXPECT_EQ(read.origin, type == FileType::kSegment ? SegmentOrigin::kRewrite
                                                      : SegmentOrigin::kLog);
    EXPECT_EQ(read.file_id, written.file_id);
    EXPECT_EQ(read.file_number, written.file_number);
    EXPECT_EQ(read.previous_id, written.previous_id);
    EXPECT_EQ(read.previous_number, written.previous_number);
    EXPECT_EQ(read.first_sequence, written.first_sequence);
    EXPECT_EQ(read.database_id, written.database_id);
  }
}

TEST(FileHeaderTest, EveryFlippedBitIsFound) {
  std::vector<std::byte> page = Encode(SomeHeader());
  for (size_t bit = 0; bit < page.size() * 8; ++bit) {
    page[bit / 8] ^= std::byte{1} << (bit % 8);
    // A damaged magic can't be told from that of a foreign file.
    EXPECT_THAT(DecodeFileHeader(page, FileType::kSegment, kPath),
                StatusIs(bit < 64 ? absl::StatusCode::kFailedPrecondition
                                  : absl::StatusCode::kDataLoss,
                         HasSubstr(kPath)))
        << "bit " << bit;
    page[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(FileHeaderTest, OfANamedFileEveryFlippedBitIsDamage) {
  std::vector<std::byte> page = Encode(SomeHeader());
  for (size_t bit = 0; bit < page.size() * 8; ++bit) {
    page[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_THAT(DecodeNamedFileHeader(page, FileType::kSegment, kPath),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(kPath)))
        << "bit " << bit;
    page[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  EXPECT_OK(DecodeNamedFileHeader(page, FileType::kSegment, kPath));
}

TEST(FileHeaderTest, OfANamedFileAWholePageOfAnotherKindIsForeign) {
  EXPECT_THAT(
      DecodeNamedFileHeader(Encode(SomeHeader()), FileType::kTable, kPath),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               HasSubstr("is a Quire segment, not a table")));
}

TEST(FileHeaderTest, EveryShortPageIsFound) {
  const std::vector<std::byte> page = Encode(SomeHeader());
  for (size_t size = 0; size < page.size(); ++size) {
    EXPECT_THAT(DecodeFileHeader(std::span<const std::byte>(page).first(size),
                                 FileType::kSegment, kPath),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(kPath)));
  }
}

TEST(FileHeaderTest, BlankPageIsDamageNotAForeignFile) {
  const std::vector<std::byte> page(kPageBytes);
  EXPECT_THAT(DecodeFileHeader(page, FileType::kManifest, kPath),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("blank")));
}

TEST(FileHeaderTest, ForeignFileIsNamed) {
  std::vector<std::byte> page(kPageBytes, std::byte{'#'});
  EXPECT_THAT(DecodeFileHeader(page, FileType::kTable, kPath),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(kPath), HasSubstr("not a Quire table"),
                             HasSubstr("########"))));
}

TEST(FileHeaderTest, FileOfAnotherKindIsNamed) {
  EXPECT_THAT(
      DecodeFileHeader(Encode(SomeHeader()), FileType::kManifest, kPath),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               HasSubstr("is a Quire segment, not a manifest")));
}

TEST(FileHeaderTest, NewerVersionIsRefusedAndDamageIsNotTakenForOne) {
  std::vector<std::byte> page = Encode(SomeHeader());
  StoreLittleEndian(kFormatVersion + 1, page.data() + 8);
  EXPECT_THAT(DecodeFileHeader(page, FileType::kSegment, kPath),
              StatusIs(absl::StatusCode::kDataLoss));
  Reseal(page);
  EXPECT_THAT(DecodeFileHeader(page, FileType::kSegment, kPath),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("format version 2")));
}

TEST(FileHeaderTest, UnknownOriginAndPageSizeAreRefused) {
  for (const size_t at : {size_t{12}, size_t{72}}) {
    std::vector<std::byte> page = Encode(SomeHeader());
    StoreLittleEndian(uint32_t{3}, page.data() + at);
    Reseal(page);
    EXPECT_THAT(DecodeFileHeader(page, FileType::kSegment, kPath),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(FileNameTest, NamesAreSixDigitsOrMore) {
  EXPECT_EQ(FileName(FileType::kSegment, 12), "000012.seg");
  EXPECT_EQ(FileName(FileType::kTable, 13), "000013.tbl");
  EXPECT_EQ(FileName(FileType::kManifest, 3), "MANIFEST-000003");
  EXPECT_EQ(FileName(FileType::kSegment, 12345678), "12345678.seg");
  EXPECT_EQ(FilePath("/a/b", FileType::kTable, 1), "/a/b/000001.tbl");
}

TEST(FileNameTest, NamesAreParsedBack) {
  for (const FileType type :
       {FileType::kSegment, FileType::kTable, FileType::kManifest}) {
    for (const uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{999999},
                                  uint64_t{1000000}, UINT64_MAX}) {
      const auto parsed = ParseFileName(FileName(type, number));
      ASSERT_TRUE(parsed.has_value());
      EXPECT_EQ(parsed->type, type);
      EXPECT_EQ(parsed->number, number);
    }
  }
}

TEST(FileNameTest, OtherNamesAreNotOurs) {
  for (const std::string name :
       {"", ".seg", "1.seg", "0000001.seg", "00001.seg", "000001.segx",
        "000001", "-00001.seg", "+00001.seg", " 00001.seg", "00000x.tbl",
        "MANIFEST-", "MANIFEST-1", "MANIFEST-000001.seg", "manifest-000001",
        "CURRENT", "CURRENT.new", "LOCK", "18446744073709551616.seg"}) {
    EXPECT_FALSE(ParseFileName(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace quire::kv_internal
