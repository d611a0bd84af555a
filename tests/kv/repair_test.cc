// Repair: each kind of damage by itself, and what stays of the damaged
// database.

#include "kv/repair.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "kv/internal/format.h"
#include "kv/options.h"
#include "tests/kv/repair_scene.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

using kv_internal::kGroupHeaderBytes;
using kv_internal::kPageBytes;
using kv_internal::kRecordHeaderBytes;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr uint64_t kSeed = 5;

void Flip(const std::string& path, uint64_t offset) {
  std::string content = ReadFile(path);
  ASSERT_LT(offset, content.size());
  content[offset] = static_cast<char>(content[offset] ^ 0x10);
  WriteFile(path, content);
}

void RemoveMatching(const std::string& directory, const std::string& part) {
  for (const auto& [name, content] : Contents(directory)) {
    if (name.find(part) != std::string::npos)
      fs::remove(directory + "/" + name);
  }
}

class RepairTest : public ::testing::Test {
 protected:
  // One database for all tests: they damage copies.
  static void SetUpTestSuite() { scene_ = new RepairScene(kSeed); }
  static void TearDownTestSuite() {
    delete scene_;
    scene_ = nullptr;
  }

  RepairTest()
      : records_(RepairScene::RecordsIn(scene_->closed_path())),
        all_(Newest(records_)),
        damaged_(scene_->Copy(scene_->closed_path(), "damaged")),
        to_(scene_->directory().File("repaired")) {
    fs::remove_all(to_);
    options_.memtable_bytes = 64 << 10;
  }

  absl::StatusOr<RepairReport> RepairIt() {
    return Repair(options_, damaged_, options_.in_place ? "" : to_);
  }

  // As RepairIt, which must succeed; what came back must be what stands in no
  // lost range.
  RepairReport RepairAndCompare() {
    absl::StatusOr<RepairReport> report = RepairIt();
    EXPECT_OK(report.status());
    if (!report.ok()) return {};
    std::vector<PlacedRecord> back;
    for (const PlacedRecord& record : records_) {
      if (!Covers(report->lost, record.file, record.offset, record.end)) {
        back.push_back(record);
      }
    }
    EXPECT_EQ(OpenAndDump(options_.in_place ? damaged_ : to_), Newest(back));
    return *std::move(report);
  }

  std::string PathOf(const std::string& name) const {
    return damaged_ + "/" + name;
  }

  // One in the middle of its file, behind another of its group and page, with a
  // value of at least 9 bytes that doesn't end at a multiple of 8.
  const PlacedRecord& SomeRecord() const {
    const auto found = std::find_if(
        records_.begin() + static_cast<ptrdiff_t>(records_.size() / 2),
        records_.end(), [](const PlacedRecord& record) {
          return record.value.size() > 8 && record.end % 8 != 0 &&
                 record.end - record.offset < 400;
        });
    EXPECT_NE(found, records_.end());
    return *found;
  }

  static uint64_t RoundUp(uint64_t offset) { return (offset + 7) / 8 * 8; }

  static RepairScene* scene_;
  const std::vector<PlacedRecord> records_;
  const Model all_;
  const std::string damaged_;
  const std::string to_;
  RepairOptions options_;
};

RepairScene* RepairTest::scene_ = nullptr;

TEST_F(RepairTest, UndamagedDatabaseComesBackWhole) {
  const auto before = Contents(damaged_);
  const RepairReport report = RepairAndCompare();
  EXPECT_EQ(OpenAndDump(to_), all_);
  EXPECT_EQ(Contents(damaged_), before);
  EXPECT_TRUE(report.manifest_was_usable);
  EXPECT_THAT(report.lost, IsEmpty());
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_EQ(report.records_kept, records_.size());
  EXPECT_EQ(report.records_of_damaged_groups, 0u);
  EXPECT_EQ(report.keys, all_.size() + report.tombstones);
  EXPECT_EQ(report.originals, "");
}

TEST_F(RepairTest, UncleanDatabaseComesBackWithTheEndOfItsLog) {
  const std::string unclean = scene_->Copy(scene_->path(), "damaged");
  const Model expected = Newest(RepairScene::RecordsIn(unclean));
  const auto report = RepairIt();
  ASSERT_OK(report.status());
  EXPECT_THAT(report->lost, IsEmpty());
  EXPECT_THAT(report->warnings, IsEmpty());
  EXPECT_EQ(OpenAndDump(to_), expected);
}

TEST_F(RepairTest, RepairedDatabaseGoesOnWithItsSequenceNumbers) {
  uint64_t before = 0;
  for (const PlacedRecord& record : records_) {
    before = std::max(before, record.sequence);
  }
  RepairAndCompare();
  const auto db = DB::Open({}, to_);
  ASSERT_OK(db.status());
  EXPECT_EQ((*db)->GetSnapshot()->sequence(), before);
  for (const auto& [key, value] : all_) ASSERT_OK((*db)->Put({}, key, "new"));
  ASSERT_OK((*db)->FlushMemtables());
  for (const auto& [key, value] : Dump(**db)) EXPECT_EQ(value, "new") << key;
}

TEST_F(RepairTest, ArgumentsAndDirectoriesThatDontFitAreRefused) {
  const std::string empty = scene_->directory().File("empty");
  fs::create_directories(empty);
  EXPECT_THAT(Repair(options_, empty, to_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(empty)));
  EXPECT_THAT(Repair(options_, empty + "/missing", to_),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Repair(options_, damaged_, ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Repair(options_, damaged_, damaged_),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("empty")));
  options_.in_place = true;
  EXPECT_THAT(Repair(options_, damaged_, to_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  options_.memtable_bytes = 1;
  EXPECT_THAT(Repair(options_, damaged_, ""),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(fs::exists(to_));
}

TEST_F(RepairTest, AnOpenDatabaseIsRefused) {
  const auto db = DB::Open({}, damaged_);
  ASSERT_OK(db.status());
  for (const bool in_place : {false, true}) {
    options_.in_place = in_place;
    EXPECT_THAT(RepairIt(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     HasSubstr("held by")));
  }
  EXPECT_FALSE(fs::exists(to_));
}

TEST_F(RepairTest, DamagedHeaderPageLosesNothing) {
  Flip(PathOf(SomeRecord().file), 100);
  for (const bool with_manifest : {true, false}) {
    fs::remove_all(to_);
    if (!with_manifest) RemoveMatching(damaged_, "MANIFEST");
    const RepairReport report = RepairAndCompare();
    EXPECT_EQ(report.manifest_was_usable, with_manifest);
    EXPECT_THAT(report.lost, IsEmpty());
    EXPECT_THAT(report.warnings, Contains(HasSubstr(SomeRecord().file)));
  }
}

TEST_F(RepairTest, DamagedGroupHeaderLosesNoRecord) {
  const std::string name = SomeRecord().file;
  Flip(PathOf(name), kPageBytes + 17);
  const RepairReport report = RepairAndCompare();
  EXPECT_EQ(OpenAndDump(to_), all_);
  EXPECT_THAT(report.lost, ElementsAre(Field(&LostRange::offset, kPageBytes)));
  EXPECT_EQ(report.lost[0].file, name);
  EXPECT_GE(report.lost[0].length, kGroupHeaderBytes);
  EXPECT_EQ(report.records_kept, records_.size());
  EXPECT_GT(report.records_of_damaged_groups, 0u);
}

TEST_F(RepairTest, DamagedRecordIsLostByItself) {
  const PlacedRecord& record = SomeRecord();
  const uint64_t key = record.offset + kRecordHeaderBytes;
  for (const uint64_t at : {record.offset, record.offset + 5,
                            record.offset + 12, key, record.end - 1}) {
    scene_->Copy(scene_->closed_path(), "damaged");
    fs::remove_all(to_);
    Flip(PathOf(record.file), at);
    const RepairReport report = RepairAndCompare();
    ASSERT_THAT(report.lost, SizeIs(1)) << "flipped at " << at;
    EXPECT_EQ(report.lost[0].file, record.file);
    EXPECT_EQ(report.lost[0].offset, record.offset);
    EXPECT_EQ(report.lost[0].length, RoundUp(record.end) - record.offset);
    EXPECT_EQ(report.records_kept, records_.size() - 1);
  }
}

TEST_F(RepairTest, DamageBehindAValueLosesNothing) {
  Flip(PathOf(SomeRecord().file), SomeRecord().end);
  const RepairReport report = RepairAndCompare();
  EXPECT_THAT(report.lost, IsEmpty());
  EXPECT_EQ(report.records_kept, records_.size());
}

TEST_F(RepairTest, ZeroedPageLosesWhatStoodInIt) {
  const PlacedRecord& record = SomeRecord();
  const std::string path = PathOf(record.file);
  std::string content = ReadFile(path);
  const uint64_t page = record.offset / kPageBytes * kPageBytes;
  std::fill_n(content.begin() + static_cast<ptrdiff_t>(page), kPageBytes, '\0');
  WriteFile(path, content);
  const RepairReport report = RepairAndCompare();
  for (const PlacedRecord& other : records_) {
    EXPECT_EQ(Covers(report.lost, other.file, other.offset, other.end),
              other.file == record.file && other.offset < page + kPageBytes &&
                  other.end > page);
  }
}

TEST_F(RepairTest, TruncatedSegmentLosesWhatIsCutOff) {
  const PlacedRecord& record = SomeRecord();
  const uint64_t size = fs::file_size(PathOf(record.file));
  fs::resize_file(PathOf(record.file), record.offset);
  const RepairReport report = RepairAndCompare();
  ASSERT_THAT(report.lost, SizeIs(1));
  EXPECT_EQ(report.lost[0].offset, record.offset);
  EXPECT_EQ(report.lost[0].length, size - record.offset);
}

TEST_F(RepairTest, MissingSegmentIsListed) {
  const std::string name = SomeRecord().file;
  const uint64_t size = fs::file_size(PathOf(name));
  fs::remove(PathOf(name));
  for (const bool with_manifest : {true, false}) {
    fs::remove_all(to_);
    // Without a manifest the tables tell.
    if (!with_manifest) RemoveMatching(damaged_, "MANIFEST");
    const RepairReport report = RepairAndCompare();
    ASSERT_THAT(report.lost, SizeIs(1));
    EXPECT_EQ(report.lost[0].file, name);
    EXPECT_EQ(report.lost[0].length, size);
    EXPECT_THAT(report.lost[0].reason, HasSubstr("missing"));
  }
}

TEST_F(RepairTest, SwappedSegmentsAreToldByTheirIds) {
  const std::string first = PathOf(records_.front().file);
  const auto other = std::find_if(
      records_.begin(), records_.end(),
      [&](const PlacedRecord& r) { return r.file != records_.front().file; });
  ASSERT_NE(other, records_.end());
  fs::rename(first, first + ".aside");
  fs::rename(PathOf(other->file), first);
  fs::rename(first + ".aside", PathOf(other->file));
  const RepairReport report = RepairAndCompare();
  EXPECT_EQ(OpenAndDump(to_), all_);
  EXPECT_THAT(report.lost, IsEmpty());
  EXPECT_THAT(report.warnings, SizeIs(2));
}

TEST_F(RepairTest, SegmentsAloneMakeTheDatabase) {
  for (const std::string gone :
       {"CURRENT", "MANIFEST", ".tbl", "LOCK", "everything"}) {
    SCOPED_TRACE(gone);
    scene_->Copy(scene_->closed_path(), "damaged");
    fs::remove_all(to_);
    RemoveMatching(damaged_, gone);
    if (gone == "LOCK") fs::remove(PathOf("LOCK"));
    if (gone == "everything") {
      for (const char* part : {"CURRENT", "MANIFEST", ".tbl"}) {
        RemoveMatching(damaged_, part);
      }
    }
    const RepairReport report = RepairAndCompare();
    EXPECT_EQ(OpenAndDump(to_), all_);
    EXPECT_THAT(report.lost, IsEmpty());
    EXPECT_EQ(report.manifest_was_usable,
              gone != "MANIFEST" && gone != "everything");
    if (!report.manifest_was_usable) {
      EXPECT_THAT(report.warnings, Contains(HasSubstr("deletes")));
    }
    EXPECT_EQ(fs::exists(PathOf("LOCK")), gone != "LOCK");
  }
}

TEST_F(RepairTest, RecordsFoundTwiceCountOnce) {
  // A segment as it was before recovery rewrote it, beside the copy.
  RemoveMatching(damaged_, "MANIFEST");
  for (const auto& [name, content] :
       Contents(scene_->directory().File("first"))) {
    if (!name.ends_with(".seg") || fs::exists(PathOf(name))) continue;
    WriteFile(PathOf(name), content);
  }
  const auto report = RepairIt();
  ASSERT_OK(report.status());
  EXPECT_GT(report->records_kept, records_.size());
  EXPECT_EQ(OpenAndDump(to_), all_);
}

TEST_F(RepairTest, SegmentOfAnotherDatabaseIsLeftOut) {
  const RepairScene other(kSeed + 1);
  RemoveMatching(damaged_, "MANIFEST");
  RemoveMatching(damaged_, "CURRENT");
  const std::string foreign = RepairScene::RecordsIn(other.path()).front().file;
  fs::copy(other.path() + "/" + foreign, PathOf("000999.seg"));
  const RepairReport report = RepairAndCompare();
  EXPECT_EQ(OpenAndDump(to_), all_);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("another database")));
}

TEST_F(RepairTest, SegmentsThatTheManifestMissesAreUsed) {
  // The manifest of an earlier time.
  RemoveMatching(damaged_, "MANIFEST");
  RemoveMatching(damaged_, "CURRENT");
  for (const auto& [name, content] :
       Contents(scene_->directory().File("first"))) {
    if (name.ends_with(".seg") || name.ends_with(".tbl")) continue;
    WriteFile(PathOf(name), content);
  }
  const auto report = RepairIt();
  ASSERT_OK(report.status());
  EXPECT_FALSE(report->manifest_was_usable);
  EXPECT_EQ(OpenAndDump(to_), all_);
  EXPECT_THAT(report->warnings, Contains(HasSubstr("does not fit")));
}

TEST_F(RepairTest, TornEndOfTheLogIsLeftOutAsByAnOpen) {
  const std::string unclean = scene_->Copy(scene_->path(), "damaged");
  std::vector<PlacedRecord> records = RepairScene::RecordsIn(unclean);
  const auto last = std::max_element(
      records.begin(), records.end(),
      [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  fs::resize_file(PathOf(last->file), last->end - 1);
  const std::string opened = scene_->Copy(unclean, "opened");
  const auto db = DB::Open({}, opened);
  ASSERT_OK(db.status());
  const auto report = RepairIt();
  ASSERT_OK(report.status());
  EXPECT_EQ(OpenAndDump(to_), Dump(**db));
  ASSERT_THAT(report->lost, SizeIs(1));
  EXPECT_EQ(report->lost[0].file, last->file);
  EXPECT_THAT(report->lost[0].reason, HasSubstr("torn end"));
}

TEST_F(RepairTest, UnreadablePagesAreLostAndTheRestComesBack) {
  const PlacedRecord& record = SomeRecord();
  const uint64_t page = record.offset / kPageBytes * kPageBytes;
  FaultyFileSystem faulty(io::PosixFileSystem());
  faulty.Inject({.op = FileOp::kRead,
                 .path_contains = PathOf(record.file),
                 .begin = record.offset,
                 .end = record.offset + 1,
                 .sticky = true,
                 .error = EIO});
  options_.file_system = &faulty;
  const RepairReport report = RepairAndCompare();
  ASSERT_THAT(report.lost, SizeIs(1));
  EXPECT_THAT(report.lost[0].reason, HasSubstr("EIO"));
  EXPECT_LE(report.lost[0].offset, page);
  EXPECT_LT(report.lost[0].length, 3 * kPageBytes);
}

TEST_F(RepairTest, UnreadableFilesAreLostAsAWhole) {
  FaultyFileSystem faulty(io::PosixFileSystem());
  for (const char* part : {"/MANIFEST", "/CURRENT", ".tbl"}) {
    faulty.Inject({.op = FileOp::kOpen,
                   .path_contains = "damaged" + std::string(part),
                   .sticky = true});
  }
  faulty.Inject({.op = FileOp::kOpen,
                 .path_contains = PathOf(SomeRecord().file),
                 .sticky = true});
  options_.file_system = &faulty;
  const RepairReport report = RepairAndCompare();
  EXPECT_FALSE(report.manifest_was_usable);
  ASSERT_THAT(report.lost, SizeIs(1));
  EXPECT_EQ(report.lost[0].file, SomeRecord().file);
  EXPECT_THAT(report.lost[0].reason, HasSubstr("EIO"));
}

TEST_F(RepairTest, InPlaceKeepsWhatItReplaces) {
  Flip(PathOf(SomeRecord().file), SomeRecord().end - 1);
  const auto before = Contents(damaged_);
  options_.in_place = true;
  const RepairReport report = RepairAndCompare();
  EXPECT_EQ(report.originals, "damaged-1");
  EXPECT_EQ(Contents(PathOf("damaged-1")), before);
  for (const auto& [name, content] : Contents(damaged_)) {
    EXPECT_EQ(before.contains(name), name == "CURRENT") << name;
  }
  const auto again = RepairIt();
  ASSERT_OK(again.status());
  EXPECT_EQ(again->originals, "damaged-2");
  EXPECT_THAT(again->lost, IsEmpty());
  EXPECT_EQ(Contents(PathOf("damaged-1")), before);
}

}  // namespace
}  // namespace quire::testing
