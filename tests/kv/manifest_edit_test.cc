#include "kv/internal/manifest_edit.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/little_endian.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One of each kind, no two fields of a change alike.
ManifestEdit OneOfEach() {
  ManifestEdit edit;
  edit.Add(DatabaseCreated{.database_id = {std::byte{0xa1}, std::byte{0xb2}},
                           .hash_seed = 1,
                           .last_log_number = 2,
                           .last_log_id = 3});
  edit.Add(NextFileNumber{4});
  edit.Add(LastSequence{5});
  edit.Add(SegmentCreated{.number = 6,
                          .id = 7,
                          .previous_number = 8,
                          .previous_id = 9,
                          .first_sequence = 10,
                          .previous_length = 11,
                          .origin = SegmentOrigin::kRewrite});
  edit.Add(SegmentSealed{.number = 12,
                         .length = 13,
                         .last_sequence = 14,
                         .digest = 15,
                         .garbage_bytes = 16,
                         .garbage_records = 17});
  edit.Add(SegmentDropped{18});
  edit.Add(GarbageCounted{.number = 19, .bytes = 20, .records = 21});
  edit.Add(RunAdded{{.table_number = 22,
                     .table_id = 23,
                     .table_length = 24,
                     .table_digest = 25,
                     .entry_count = 26,
                     .max_sequence = 27,
                     .segments = {28, 29, 30}}});
  edit.Add(RunDropped{31});
  return edit;
}

std::vector<std::string> Texts(const ManifestEdit& edit) {
  std::vector<std::string> texts;
  for (const ManifestChange& change : edit.changes()) {
    texts.push_back(ToString(change));
  }
  return texts;
}

// A group with the edit in it, as the bytes of a file from its header page on.
std::vector<std::byte> Encode(const ManifestEdit& edit) {
  std::vector<std::byte> file(kPageBytes + kGroupHeaderBytes + edit.Room());
  GroupBuilder group(std::span<std::byte>(file).subspan(kPageBytes),
                     {.file_id = 1});
  edit.AddTo(group);
  group.Finish({}, 0);
  file.resize(group.end());
  return file;
}

absl::StatusOr<ManifestEdit> Decode(const std::vector<std::byte>& file) {
  ManifestEdit edit;
  absl::Status status;
  const absl::StatusOr<GroupHeader> header = ReadGroup(
      file, kPageBytes, 1, "/db/MANIFEST-000001", [&](const LogRecord& record) {
        if (status.ok()) status = edit.AddDecoded(record);
      });
  if (!header.ok()) return header.status();
  if (!status.ok()) return status;
  return edit;
}

absl::Status AddDecoded(RecordKind kind, std::string_view key,
                        std::string_view value) {
  ManifestEdit edit;
  absl::Status status = edit.AddDecoded(
      {.offset = 4168, .header = {.kind = kind}, .key = key, .value = value});
  EXPECT_EQ(edit.changes().size(), status.ok() ? 1u : 0u);
  return status;
}

TEST(ManifestEditTest, EveryChangeComesBackAsItWasWritten) {
  EXPECT_THAT(
      Texts(OneOfEach()),
      ElementsAre(
          "DatabaseCreated database_id=a1b20000000000000000000000000000 "
          "hash_seed=1 last_log_number=2 last_log_id=3",
          "NextFileNumber number=4", "LastSequence sequence=5",
          "SegmentCreated number=6 id=7 previous_number=8 previous_id=9 "
          "first_sequence=10 previous_length=11 origin=rewrite",
          "SegmentSealed number=12 length=13 last_sequence=14 digest=15 "
          "garbage_bytes=16 garbage_records=17",
          "SegmentDropped number=18",
          "GarbageCounted number=19 bytes=20 "
          "records=21",
          "RunAdded table_number=22 table_id=23 table_length=24 "
          "table_digest=25 entry_count=26 max_sequence=27 segments=[28 29 30]",
          "RunDropped table_number=31"));
  QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestEdit read,
                             Decode(Encode(OneOfEach())));
  EXPECT_EQ(Texts(read), Texts(OneOfEach()));
}

TEST(ManifestEditTest, ListsOfAnyLengthComeBack) {
  for (const size_t size : {0, 1, 2, 63, 64, 5000}) {
    ManifestEdit written;
    written.Add(RunAdded{
        {.table_number = 1, .segments = std::vector<uint64_t>(size, 77)}});
    QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestEdit read,
                               Decode(Encode(written)));
    EXPECT_EQ(Texts(read), Texts(written));
  }
}

TEST(ManifestEditTest, UnknownTagIsANewerVersion) {
  for (const char tag : {0, 10, 100, -1}) {
    EXPECT_THAT(AddDecoded(RecordKind::kEdit, std::string(1, tag), "whatever"),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("offset 4168: unknown change")));
  }
}

TEST(ManifestEditTest, OtherRecordsAreDamage) {
  const std::string value(8, '\0');
  EXPECT_OK(AddDecoded(RecordKind::kEdit, "\x02", value));
  for (const auto& [kind, key] :
       {std::pair(RecordKind::kPut, std::string("\x02")),
        std::pair(RecordKind::kDelete, std::string("\x02")),
        std::pair(RecordKind::kEdit, std::string()),
        std::pair(RecordKind::kEdit, std::string("\x02\x02"))}) {
    EXPECT_THAT(AddDecoded(kind, key, value),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("4168")));
  }
}

TEST(ManifestEditTest, EveryOtherLengthOfEveryChangeIsDamage) {
  std::vector<std::pair<std::string, std::string>> records;
  QUIRE_ASSERT_OK_AND_ASSIGN(const GroupHeader header,
                             ReadGroup(Encode(OneOfEach()), kPageBytes, 1, "",
                                       [&](const LogRecord& r) {
                                         records.emplace_back(r.key, r.value);
                                       }));
  ASSERT_EQ(header.record_count, records.size());
  for (const auto& [tag, value] : records) {
    const std::string longer = value + std::string(20, '\0');
    for (size_t size = 0; size <= longer.size(); ++size) {
      const absl::Status status =
          AddDecoded(RecordKind::kEdit, tag, longer.substr(0, size));
      EXPECT_EQ(status.code(), size == value.size()
                                   ? absl::StatusCode::kOk
                                   : absl::StatusCode::kDataLoss)
          << "tag " << int{tag[0]} << ", size " << size;
    }
  }
}

constexpr size_t kWordBytes = 8;  // most fields

TEST(ManifestEditTest, HugeListIsDamageNotAnAllocation) {
  std::string value(7 * kWordBytes, '\0');
  for (const uint64_t size : {uint64_t{1}, uint64_t{1} << 61, UINT64_MAX}) {
    StoreLittleEndian(
        size, reinterpret_cast<std::byte*>(value.data()) + 6 * kWordBytes);
    EXPECT_THAT(AddDecoded(RecordKind::kEdit, "\x08", value),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(ManifestEditTest, UnknownOriginIsDamage) {
  std::string value(7 * kWordBytes, '\0');
  for (const char origin : {0, 3}) {
    value[6 * kWordBytes] = origin;
    EXPECT_THAT(AddDecoded(RecordKind::kEdit, "\x04", value),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(ManifestEditTest, RandomRecordsNeverDoHarm) {
  std::mt19937_64 random(TestSeed());
  size_t accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string value(random() % 12 * 8, '\0');
    for (char& c : value) {
      if (random() % 2 == 0) c = static_cast<char>(random());
    }
    const std::string tag(1, static_cast<char>(random() % 12));
    const absl::Status status = AddDecoded(RecordKind::kEdit, tag, value);
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status) ||
                absl::IsFailedPrecondition(status));
    accepted += status.ok();
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace quire::kv_internal
