// Files of format version 1 as they were written when it was settled. If a test
// here fails, the format has changed: that takes a new version, with its own
// files beside these, and readers for both.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/internal/checksum.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/manifest_reader.h"
#include "tests/kv/test_log.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::ReadFile;

constexpr char kDirectory[] = "tests/kv/golden/v1";

constexpr DatabaseId kDatabaseId = {
    std::byte{0xd0}, std::byte{0xd1}, std::byte{0xd2}, std::byte{0xd3},
    std::byte{0xd4}, std::byte{0xd5}, std::byte{0xd6}, std::byte{0xd7},
    std::byte{0xd8}, std::byte{0xd9}, std::byte{0xda}, std::byte{0xdb},
    std::byte{0xdc}, std::byte{0xdd}, std::byte{0xde}, std::byte{0xdf}};
constexpr uint64_t kSmallestId = 0x1122334455667788;
constexpr uint64_t kMixedId = 0xa1a2a3a4a5a6a7a8;
constexpr uint64_t kManifestId = 0xb1b2b3b4b5b6b7b8;

struct Group {
  std::vector<Entry> entries;
  LogPosition synced_upto;
  uint64_t last_sequence;
};

std::vector<std::byte> FileOf(const FileHeader& header,
                              const std::vector<Group>& groups) {
  std::vector<std::byte> file(1 << 16);
  EncodeFileHeader(header, file.data());
  LogTail tail = {.file_id = header.file_id};
  for (const Group& g : groups) {
    GroupBuilder group(std::span<std::byte>(file).subspan(tail.offset), tail);
    for (const Entry& e : g.entries) {
      group.Add(e.sequence, e.kind, e.key, e.value);
    }
    group.Finish(g.synced_upto, g.last_sequence);
    tail = group.tail();
  }
  file.resize(tail.offset);
  return file;
}

// The smallest segment that holds something: the example of kv/FORMAT.md.
std::vector<Group> SmallestGroups() {
  return {{{{1, RecordKind::kPut, "key", "value"}}, {}, 1}};
}

std::vector<std::byte> SmallestSegment() {
  return FileOf({.type = FileType::kSegment,
                 .file_id = kSmallestId,
                 .file_number = 1,
                 .first_sequence = 1,
                 .database_id = kDatabaseId},
                SmallestGroups());
}

// A tombstone, a padding record, a gap of zeros, a record over three pages, an
// empty key, an empty value, an empty group.
std::vector<Group> MixedGroups() {
  return {{{{2, RecordKind::kPut, "a", std::string(3600, 'a')},
            {3, RecordKind::kDelete, "gone", ""},
            {4, RecordKind::kPut, "padded before", std::string(340, 'b')},
            {5, RecordKind::kPut, "c", std::string(3671, 'c')},
            {6, RecordKind::kPut, "zeros before", "d"}},
           {1, 4200},
           6},
          {{}, {2, 4096}, 9},
          {{{10, RecordKind::kPut, "", std::string(8192, 'e')},
            {11, RecordKind::kPut, "empty", ""}},
           {2, 4096},
           11}};
}

std::vector<std::byte> MixedSegment() {
  return FileOf({.type = FileType::kSegment,
                 .file_id = kMixedId,
                 .file_number = 2,
                 .previous_id = kSmallestId,
                 .previous_number = 1,
                 .first_sequence = 2,
                 .database_id = kDatabaseId},
                MixedGroups());
}

// Every kind of change: the log is segments 1 and 2, both in the run of table
// 4; 5 was a copy, 6 is the active one.
std::vector<ManifestEdit> Edits() {
  std::vector<ManifestEdit> edits(4);
  edits[0].Add(DatabaseCreated{.database_id = kDatabaseId, .hash_seed = 77});
  edits[0].Add(NextFileNumber{1});
  edits[0].Add(LastSequence{0});
  edits[1].Add(
      SegmentCreated{.number = 1, .id = kSmallestId, .first_sequence = 1});
  edits[1].Add(SegmentCreated{.number = 2,
                              .id = kMixedId,
                              .previous_number = 1,
                              .previous_id = kSmallestId,
                              .first_sequence = 2,
                              .previous_length = SmallestSegment().size()});
  edits[2].Add(SegmentSealed{.number = 1,
                             .length = SmallestSegment().size(),
                             .last_sequence = 1,
                             .digest = Checksum(SmallestSegment())});
  edits[2].Add(SegmentSealed{.number = 2,
                             .length = MixedSegment().size(),
                             .last_sequence = 11,
                             .digest = Checksum(MixedSegment()),
                             .garbage_bytes = 32,
                             .garbage_records = 1});
  edits[2].Add(SegmentCreated{.number = 5,
                              .id = 55,
                              .first_sequence = 1,
                              .origin = SegmentOrigin::kRewrite});
  edits[2].Add(SegmentSealed{.number = 5, .length = 4096});
  edits[2].Add(SegmentCreated{.number = 6,
                              .id = 66,
                              .previous_number = 2,
                              .previous_id = kMixedId,
                              .first_sequence = 12,
                              .previous_length = MixedSegment().size()});
  edits[2].Add(RunAdded{{.table_number = 3,
                         .table_id = 33,
                         .table_length = 12288,
                         .table_digest = 333,
                         .entry_count = 1,
                         .max_sequence = 1,
                         .segments = {1}}});
  edits[3].Add(RunDropped{3});
  edits[3].Add(RunAdded{{.table_number = 4,
                         .table_id = 44,
                         .table_length = 16384,
                         .table_digest = 444,
                         .entry_count = 8,
                         .max_sequence = 11,
                         .segments = {1, 2}}});
  edits[3].Add(GarbageCounted{.number = 2, .bytes = 40, .records = 1});
  edits[3].Add(SegmentDropped{5});
  return edits;
}

std::vector<std::byte> Manifest() {
  std::vector<std::byte> file(1 << 16);
  EncodeFileHeader({.type = FileType::kManifest,
                    .file_id = kManifestId,
                    .file_number = 7,
                    .database_id = kDatabaseId},
                   file.data());
  LogTail tail = {.file_id = kManifestId};
  for (const ManifestEdit& edit : Edits()) {
    const bool is_first = tail.offset == kPageBytes;
    GroupBuilder group(std::span<std::byte>(file).subspan(tail.offset), tail);
    edit.AddTo(group);
    group.Finish(is_first ? LogPosition() : LogPosition{7, tail.offset}, 0);
    tail = group.tail();
  }
  file.resize(tail.offset);
  return file;
}

CurrentFile Current() {
  const std::vector<std::byte> manifest = Manifest();
  return {.manifest_number = 7,
          .manifest_id = kManifestId,
          .manifest_length = manifest.size(),
          .manifest_digest = Checksum(manifest),
          .closed = false,
          .database_id = kDatabaseId};
}

std::vector<std::byte> Stored(const std::string& name) {
  const std::string bytes = ReadFile(std::string(kDirectory) + "/" + name);
  const auto* const from = reinterpret_cast<const std::byte*>(bytes.data());
  return std::vector<std::byte>(from, from + bytes.size());
}

// Compares without printing thousands of bytes.
void ExpectSame(std::span<const std::byte> written,
                std::span<const std::byte> stored) {
  ASSERT_EQ(written.size(), stored.size());
  const auto differ =
      std::mismatch(written.begin(), written.end(), stored.begin());
  EXPECT_TRUE(differ.first == written.end())
      << "first difference at offset " << differ.first - written.begin();
}

// Reads a stored segment by what the stored manifest would say of it.
void ExpectSegment(uint64_t number, const std::vector<Group>& groups) {
  DatabaseState state;
  for (const ManifestEdit& edit : Edits()) ASSERT_OK(state.Apply(edit));
  const std::vector<std::byte> file =
      Stored(FileName(FileType::kSegment, number));
  std::vector<Entry> expected;
  for (const Group& group : groups) {
    expected.insert(expected.end(), group.entries.begin(), group.entries.end());
  }
  std::vector<Entry> read;
  ASSERT_OK(
      ReadSealedSegment(kDatabaseId, state.segments.at(number), file, "stored",
                        [&](const SegmentState&, const LogRecord& record) {
                          read.push_back(EntryOf(record));
                          return absl::OkStatus();
                        }));
  EXPECT_EQ(read, expected);
}

TEST(FormatGoldenTest, SmallestSegmentIsWrittenAsStored) {
  ExpectSame(SmallestSegment(), Stored("000001.seg"));
  EXPECT_EQ(SmallestSegment().size(), 4200u);
}

TEST(FormatGoldenTest, MixedSegmentIsWrittenAsStored) {
  ExpectSame(MixedSegment(), Stored("000002.seg"));
}

TEST(FormatGoldenTest, ManifestIsWrittenAsStored) {
  ExpectSame(Manifest(), Stored("MANIFEST-000007"));
}

TEST(FormatGoldenTest, CurrentIsWrittenAsStored) {
  ExpectSame(EncodeCurrentFile(Current()), Stored("CURRENT"));
}

TEST(FormatGoldenTest, StoredSegmentsAreRead) {
  ExpectSegment(1, SmallestGroups());
  ExpectSegment(2, MixedGroups());
}

TEST(FormatGoldenTest, StoredManifestAndCurrentAreRead) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const CurrentFile current,
                             DecodeCurrentFile(Stored("CURRENT"), "CURRENT"));
  EXPECT_EQ(current, Current());
  std::vector<std::string> read;
  ASSERT_OK(WalkManifest(Stored("MANIFEST-000007"), "MANIFEST-000007", current,
                         [&](uint64_t, const ManifestEdit& edit) {
                           for (const ManifestChange& change : edit.changes()) {
                             read.push_back(ToString(change));
                           }
                           return absl::OkStatus();
                         })
                .status());
  std::vector<std::string> expected;
  for (const ManifestEdit& edit : Edits()) {
    for (const ManifestChange& change : edit.changes()) {
      expected.push_back(ToString(change));
    }
  }
  EXPECT_EQ(read, expected);
}

// The example of the document, line by line: offset, bytes, two spaces,
// meaning. What no line shows is zero.
TEST(FormatGoldenTest, ExampleOfTheDocumentIsTheSmallestSegment) {
  const std::string document = ReadFile("kv/FORMAT.md");
  const size_t begin = document.find("```hex\n");
  ASSERT_NE(begin, std::string::npos);
  const size_t end = document.find("```\n", begin + 7);
  ASSERT_NE(end, std::string::npos);
  std::istringstream lines(document.substr(begin + 7, end - begin - 7));
  std::vector<std::byte> shown(SmallestSegment().size());
  size_t shown_bytes = 0;
  for (std::string line; std::getline(lines, line);) {
    const size_t bytes_at = line.find('|') + 1;
    const size_t meaning_at = line.find('|', bytes_at);
    std::istringstream bytes(line.substr(bytes_at, meaning_at - bytes_at));
    size_t at = std::stoul(line);
    for (std::string byte; bytes >> byte; ++at) {
      ASSERT_LT(at, shown.size());
      shown[at] = static_cast<std::byte>(std::stoul(byte, nullptr, 16));
      ++shown_bytes;
    }
  }
  EXPECT_GT(shown_bytes, 150u);
  ExpectSame(SmallestSegment(), shown);
}

}  // namespace
}  // namespace quire::kv_internal
