// One damaged or shortened file under an open or closed database: an error that
// names the place for the keys stored there, right answers for all others.

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

constexpr int kKeys = 3000;

std::string Key(int i) { return "key" + std::to_string(i); }
std::string Value(int i) {
  return std::string(200, static_cast<char>('a' + i % 26)) + std::to_string(i);
}

class DbDamageTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  DbDamageTest() {
    options_.create_if_missing = true;
    options_.provider.read_mode = GetParam();
  }

  void Open() {
    auto db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    db_ = *std::move(db);
  }
  void Load() {
    Open();
    for (int i = 0; i < kKeys; ++i) ASSERT_OK(db_->Put({}, Key(i), Value(i)));
    ASSERT_OK(db_->Close());
    db_.reset();
  }
  std::string Path() const { return dir_.File("db"); }
  std::string OnlyFile(const std::string& suffix) const {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(Path())) {
      if (entry.path().string().ends_with(suffix)) found = entry.path();
    }
    return found;
  }
  // Counts right answers; anything else must be an error that names `file`.
  int CountRight(const std::string& file) {
    int right = 0;
    for (int i = 0; i < kKeys; ++i) {
      std::string value;
      const absl::Status status = db_->Get({}, Key(i), &value);
      if (status.ok()) {
        EXPECT_EQ(value, Value(i));
        ++right;
      } else {
        EXPECT_THAT(status,
                    StatusIs(absl::StatusCode::kDataLoss, HasSubstr(file)));
        EXPECT_THAT(std::string(status.message()), HasSubstr("offset"));
      }
    }
    return right;
  }

  testing::TempDirectory dir_;
  Options options_;
  std::unique_ptr<DB> db_;
};

TEST_P(DbDamageTest, SegmentCutShortUnderTheReaderIsAnErrorAndTheProcessLives) {
  Load();
  Open();
  std::string value;
  ASSERT_OK(db_->Get({}, Key(0), &value));  // something is cached
  const std::string file = OnlyFile(".seg");
  const auto size = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, size / 2);
  const int right = CountRight(file);
  EXPECT_GE(right, kKeys / 3);
  if (GetParam() == ReadMode::kMmap || GetParam() == ReadMode::kPread) {
    EXPECT_LT(right, kKeys);  // caches may still hold what is gone
  }
  // The same for a scan: unreadable values are errors, the scan goes on.
  int entries = 0;
  auto it = db_->NewIterator({});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ++entries;
    if (auto v = it->value(); !v.ok()) {
      EXPECT_THAT(std::string(v.status().message()), HasSubstr(file));
    }
  }
  EXPECT_OK(it->status());
  EXPECT_EQ(entries, kKeys);
}

TEST_P(DbDamageTest, TableCutShortUnderTheReaderIsAnErrorAndTheProcessLives) {
  options_.index_memory_bytes = 0;  // so that probes go to the file
  Load();
  Open();
  const std::string file = OnlyFile(".tbl");
  std::filesystem::resize_file(file, 8192);
  const int right = CountRight(file);
  if (GetParam() == ReadMode::kMmap || GetParam() == ReadMode::kPread) {
    EXPECT_LT(right, kKeys);
  }
}

TEST_P(DbDamageTest, FlippedBitInARecordIsAnErrorForItsKeyOnly) {
  Load();
  const std::string file = OnlyFile(".seg");
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(100000);
  const int byte = stream.get();
  stream.seekp(100000);
  stream.put(static_cast<char>(byte ^ 4));
  stream.close();
  Open();
  EXPECT_EQ(CountRight(file), kKeys - 1);
  EXPECT_GE(db_->GetStats().checksum_failures, 1u);
}

TEST_P(DbDamageTest, FlippedBitInAKeyDoesNotMakeItAbsent) {
  Load();
  const std::string file = OnlyFile(".seg");
  const size_t offset = testing::ReadFile(file).find(Key(1234));
  ASSERT_NE(offset, std::string::npos);
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(offset));
  stream.put('K');
  stream.close();
  Open();
  // Twice: what a failed look has left in a cache changes nothing.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(CountRight(file), kKeys - 1);
}

TEST_P(DbDamageTest, DamagedOrMissingTableIsMadeAgainAtOpen) {
  Load();
  for (const bool missing : {false, true}) {
    const std::string file = OnlyFile(".tbl");
    if (missing) {
      std::filesystem::remove(file);
    } else {
      std::filesystem::resize_file(file, 5000);
    }
    options_.read_only = true;
    options_.create_if_missing = false;
    Open();
    EXPECT_EQ(CountRight("nothing may fail"), kKeys);
    EXPECT_THAT(*db_->GetProperty("quire.recovery"), HasSubstr(file));
    ASSERT_OK(db_->Close());
    options_.read_only = false;
    options_.create_if_missing = true;
    Open();
    EXPECT_EQ(CountRight("nothing may fail"), kKeys);
    EXPECT_THAT(*db_->GetProperty("quire.recovery"), HasSubstr(file));
    ASSERT_OK(db_->Close());
    db_.reset();
  }
}

TEST_P(DbDamageTest, ShortOrMissingSegmentIsRefusedAtOpen) {
  Load();
  const std::string file = OnlyFile(".seg");
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  EXPECT_THAT(DB::Open(options_, Path()).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(file)));
  std::filesystem::remove(file);
  EXPECT_THAT(DB::Open(options_, Path()).status(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(file)));
}

INSTANTIATE_TEST_SUITE_P(AllModes, DbDamageTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& info) {
                           return io::ReadModeName(info.param);
                         });

}  // namespace
}  // namespace quire
