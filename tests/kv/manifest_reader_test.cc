#include "kv/internal/manifest_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "kv/internal/group.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPath[] = "/db/MANIFEST-000009";
constexpr uint64_t kNumber = 9;
constexpr uint64_t kId = 0x99;

std::string_view Chars(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A manifest in memory, with the state after each of its edits.
struct Manifest {
  Manifest() {
    bytes.resize(kPageBytes);
    EncodeFileHeader({.type = FileType::kManifest,
                      .file_id = kId,
                      .file_number = kNumber,
                      .database_id = {std::byte{1}}},
                     bytes.data());
    ManifestEdit first;
    first.Add(DatabaseCreated{.database_id = {std::byte{1}}, .hash_seed = 5});
    Append(first);
  }

  // `claims_durable`: whether the edits before are known to be durable.
  void Append(const ManifestEdit& edit, bool claims_durable = true) {
    const uint64_t begin = bytes.size();
    DatabaseState state = states.empty() ? DatabaseState() : states.back();
    QUIRE_ASSERT_OK(state.Apply(edit));
    ends.push_back(begin);
    bytes.resize(begin + kGroupHeaderBytes + edit.Room());
    GroupBuilder group(std::span<std::byte>(bytes).subspan(begin), tail);
    edit.AddTo(group);
    const bool is_first = begin == kPageBytes;
    group.Finish(is_first || !claims_durable ? LogPosition()
                                             : LogPosition{kNumber, begin},
                 0);
    tail = group.tail();
    bytes.resize(tail.offset);
    ends.back() = tail.offset;
    states.push_back(std::move(state));
  }

  void Append(ManifestChange change, bool claims_durable = true) {
    ManifestEdit edit;
    edit.Add(std::move(change));
    Append(edit, claims_durable);
  }

  // CURRENT, written when the first `edits` edits were durable.
  CurrentFile Current(size_t edits, bool closed = false) const {
    const uint64_t length = edits == 0 ? kPageBytes : ends[edits - 1];
    return {.manifest_number = kNumber,
            .manifest_id = kId,
            .manifest_length = length,
            .manifest_digest =
                Checksum(std::span<const std::byte>(bytes).first(length)),
            .closed = closed,
            .database_id = {std::byte{1}}};
  }

  std::vector<std::byte> bytes;
  std::vector<uint64_t> ends;         // of the groups
  std::vector<DatabaseState> states;  // after them
  LogTail tail = {.file_id = kId};

 private:
  static void QUIRE_ASSERT_OK(const absl::Status& status) {
    ASSERT_TRUE(status.ok()) << status;
  }
};

Manifest SomeManifest() {
  Manifest manifest;
  manifest.Append(SegmentCreated{.number = 1, .id = 11, .first_sequence = 1});
  ManifestEdit sealed;
  sealed.Add(SegmentSealed{.number = 1, .length = 8000, .last_sequence = 50});
  sealed.Add(
      RunAdded{{.table_number = 2, .max_sequence = 50, .segments = {1}}});
  manifest.Append(sealed);
  manifest.Append(LastSequence{60});
  manifest.Append(NextFileNumber{100});
  return manifest;
}

struct Outcome {
  absl::StatusOr<ManifestExtent> extent = absl::UnknownError("");
  DatabaseState state;
};

Outcome Walk(std::span<const std::byte> file, const CurrentFile& current) {
  Outcome outcome;
  outcome.extent = WalkManifest(file, kPath, current,
                                [&](uint64_t, const ManifestEdit& edit) {
                                  return outcome.state.Apply(edit);
                                });
  return outcome;
}

// That the first `edits` edits are what was found.
void ExpectEdits(const Manifest& manifest, const Outcome& outcome,
                 size_t edits) {
  ASSERT_THAT(outcome.extent, IsOk());
  EXPECT_EQ(outcome.extent->length, manifest.ends[edits - 1]);
  EXPECT_EQ(outcome.state, manifest.states[edits - 1]);
}

TEST(ManifestReaderTest, WholeManifestIsRead) {
  const Manifest manifest = SomeManifest();
  for (size_t known = 1; known <= manifest.ends.size(); ++known) {
    const Outcome outcome = Walk(manifest.bytes, manifest.Current(known));
    ExpectEdits(manifest, outcome, manifest.ends.size());
    EXPECT_EQ(outcome.extent->torn_bytes, 0u);
  }
  ExpectEdits(
      manifest,
      Walk(manifest.bytes, manifest.Current(manifest.ends.size(), true)),
      manifest.ends.size());
}

TEST(ManifestReaderTest, EveryFlippedBitIsRefusedUnlessInTheLastUnknownEdit) {
  Manifest manifest = SomeManifest();
  const size_t edits = manifest.ends.size();
  for (size_t bit = 0; bit < manifest.bytes.size() * 8; ++bit) {
    const CurrentFile open = manifest.Current(1);
    const CurrentFile closed = manifest.Current(edits, true);
    manifest.bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    const Outcome outcome = Walk(manifest.bytes, open);
    if (bit / 8 < manifest.ends[edits - 2]) {
      ASSERT_TRUE(absl::IsDataLoss(outcome.extent.status()))
          << "bit " << bit << ": " << outcome.extent.status();
      ASSERT_THAT(std::string(outcome.extent.status().message()),
                  HasSubstr(kPath));
    } else {
      // Its only trace is itself.
      ExpectEdits(manifest, outcome, edits - 1);
      ASSERT_GT(outcome.extent->torn_bytes, kGroupHeaderBytes);
    }
    ASSERT_FALSE(Walk(manifest.bytes, closed).extent.ok());
    manifest.bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST(ManifestReaderTest, EveryTruncationBelowWhatCurrentKnowsIsRefused) {
  const Manifest manifest = SomeManifest();
  const size_t edits = manifest.ends.size();
  const std::span<const std::byte> bytes = manifest.bytes;
  for (size_t size = 0; size < bytes.size(); ++size) {
    for (size_t known = 1; known <= edits; ++known) {
      const Outcome outcome = Walk(bytes.first(size), manifest.Current(known));
      if (size < manifest.ends[known - 1]) {
        ASSERT_THAT(outcome.extent,
                    StatusIs(absl::StatusCode::kDataLoss, HasSubstr(kPath)));
        continue;
      }
      // Whole edits behind are gone without a trace, or one is torn.
      const size_t whole =
          std::upper_bound(manifest.ends.begin(), manifest.ends.end(), size) -
          manifest.ends.begin();
      ExpectEdits(manifest, outcome, whole);
    }
    ASSERT_THAT(Walk(bytes.first(size), manifest.Current(edits, true)).extent,
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(ManifestReaderTest, LaterEditProvesThatAnEarlierOneWasDurable) {
  for (const bool claims : {false, true}) {
    Manifest manifest;
    manifest.Append(LastSequence{1}, claims);
    manifest.Append(LastSequence{2}, claims);
    const CurrentFile current = manifest.Current(1);
    manifest.bytes[manifest.ends[0] + 5] ^= std::byte{1};
    const Outcome outcome = Walk(manifest.bytes, current);
    if (claims) {
      EXPECT_THAT(outcome.extent,
                  StatusIs(absl::StatusCode::kDataLoss,
                           AllOf(HasSubstr(kPath),
                                 HasSubstr(std::to_string(manifest.ends[0])),
                                 HasSubstr("was durable"))));
    } else {
      ExpectEdits(manifest, outcome, 1);
    }
  }
}

TEST(ManifestReaderTest, ClosedManifestHasNoByteMore) {
  Manifest manifest = SomeManifest();
  const CurrentFile current = manifest.Current(manifest.ends.size(), true);
  manifest.bytes.push_back(std::byte{0});
  EXPECT_THAT(Walk(manifest.bytes, current).extent,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("longer")));
}

TEST(ManifestReaderTest, ZerosBehindTheEndArentTorn) {
  Manifest manifest = SomeManifest();
  manifest.bytes.resize(manifest.bytes.size() + 3000);
  const Outcome outcome = Walk(manifest.bytes, manifest.Current(1));
  ExpectEdits(manifest, outcome, manifest.ends.size());
  EXPECT_EQ(outcome.extent->torn_bytes, 0u);
}

TEST(ManifestReaderTest, EachFieldOfCurrentIsCompared) {
  const Manifest manifest = SomeManifest();
  std::vector<CurrentFile> wrong(5, manifest.Current(2));
  ++wrong[0].manifest_number;
  ++wrong[1].manifest_id;
  ++wrong[2].manifest_length;
  ++wrong[3].manifest_digest;
  wrong[4].database_id[5] = std::byte{1};
  for (const CurrentFile& current : wrong) {
    EXPECT_THAT(Walk(manifest.bytes, current).extent,
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(kPath)));
  }
}

TEST(ManifestReaderTest, EditOfANewerVersionIsRefusedNotSkipped) {
  Manifest manifest;
  const uint64_t begin = manifest.bytes.size();
  manifest.bytes.resize(begin + 4096);
  GroupBuilder group(std::span<std::byte>(manifest.bytes).subspan(begin),
                     manifest.tail);
  group.Add(0, RecordKind::kEdit, "\x63", "from the future");
  group.Finish({kNumber, begin}, 0);
  manifest.bytes.resize(group.end());
  EXPECT_THAT(
      Walk(manifest.bytes, manifest.Current(1)).extent,
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr(kPath), HasSubstr("unknown change 99"))));
}

// --- Through a file system
// ------------------------------------------------------

class ReadManifestTest : public ::testing::Test {
 protected:
  absl::StatusOr<ManifestContents> Read(const Manifest& manifest,
                                        const CurrentFile& current) {
    WriteFile(directory_.File("MANIFEST-000009"), Chars(manifest.bytes));
    return ReadManifest(files_, directory_.path(), current);
  }

  TempDirectory directory_;
  FaultyFileSystem files_{io::PosixFileSystem()};
};

TEST_F(ReadManifestTest, GivesTheState) {
  const Manifest manifest = SomeManifest();
  QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestContents contents,
                             Read(manifest, manifest.Current(5, true)));
  EXPECT_EQ(contents.state, manifest.states.back());
  EXPECT_EQ(contents.extent.length, manifest.bytes.size());
}

TEST_F(ReadManifestTest, NumberOfTheManifestIsInUse) {
  const Manifest manifest;
  QUIRE_ASSERT_OK_AND_ASSIGN(const ManifestContents contents,
                             Read(manifest, manifest.Current(1)));
  EXPECT_EQ(contents.state.next_file_number, kNumber + 1);
}

TEST_F(ReadManifestTest, MissingManifestIsDamageOfTheDatabase) {
  const Manifest manifest;
  EXPECT_THAT(ReadManifest(files_, directory_.path(), manifest.Current(1)),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(directory_.File("MANIFEST-000009")),
                             HasSubstr("missing"))));
}

TEST_F(ReadManifestTest, ErrorOfTheDeviceIsNeverTheEnd) {
  const Manifest manifest = SomeManifest();
  for (const FileOp op : {FileOp::kOpen, FileOp::kRead}) {
    files_.Inject({.op = op});
    EXPECT_THAT(Read(manifest, manifest.Current(1)),
                StatusIs(absl::StatusCode::kUnavailable));
  }
}

TEST_F(ReadManifestTest, ClosedManifestWithUnsealedSegmentsIsRefused) {
  Manifest manifest;
  manifest.Append(SegmentCreated{.number = 1, .id = 11, .first_sequence = 1});
  EXPECT_THAT(Read(manifest, manifest.Current(2)), IsOk());
  EXPECT_THAT(Read(manifest, manifest.Current(2, true)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("sealed")));
}

// Manifests that are whole but make no sense, built without the states.
absl::Status ReadEdits(const std::string& directory, io::FileSystem& files,
                       const std::vector<ManifestEdit>& edits) {
  std::vector<std::byte> bytes(1 << 16);
  EncodeFileHeader({.type = FileType::kManifest,
                    .file_id = kId,
                    .file_number = kNumber,
                    .database_id = {std::byte{1}}},
                   bytes.data());
  LogTail tail = {.file_id = kId};
  for (const ManifestEdit& edit : edits) {
    GroupBuilder group(std::span<std::byte>(bytes).subspan(tail.offset), tail);
    edit.AddTo(group);
    group.Finish({}, 0);
    tail = group.tail();
  }
  bytes.resize(tail.offset);
  WriteFile(directory + "/MANIFEST-000009", Chars(bytes));
  return ReadManifest(files, directory,
                      {.manifest_number = kNumber,
                       .manifest_id = kId,
                       .manifest_length = bytes.size(),
                       .manifest_digest = Checksum(bytes),
                       .database_id = {std::byte{1}}})
      .status();
}

TEST_F(ReadManifestTest, SenselessManifestsAreRefused) {
  ManifestEdit database;
  database.Add(DatabaseCreated{.database_id = {std::byte{1}}});
  ManifestEdit other_database;
  other_database.Add(DatabaseCreated{.database_id = {std::byte{2}}});
  ManifestEdit sequence;
  sequence.Add(LastSequence{1});
  ManifestEdit contradiction;
  contradiction.Add(RunDropped{1});
  const auto read = [&](const std::vector<ManifestEdit>& edits) {
    return ReadEdits(directory_.path(), files_, edits);
  };
  EXPECT_OK(read({database, sequence}));
  const auto is_damage = [](const std::string& what) {
    return StatusIs(absl::StatusCode::kDataLoss,
                    AllOf(HasSubstr("MANIFEST-000009"), HasSubstr("offset "),
                          HasSubstr(what)));
  };
  EXPECT_THAT(read({}), is_damage("holds no edit"));
  EXPECT_THAT(read({ManifestEdit()}), is_damage("start with the database"));
  EXPECT_THAT(read({sequence, database}), is_damage("start with the database"));
  EXPECT_THAT(read({other_database}), is_damage("another database"));
  EXPECT_THAT(read({database, contradiction}),
              is_damage("RunDropped table_number=1: contradicts the state"));
}

}  // namespace
}  // namespace quire::kv_internal
