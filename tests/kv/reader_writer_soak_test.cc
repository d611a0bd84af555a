// A process that overwrites and deletes so that merging and garbage collection
// never rest, and one that reads and refreshes beside it as fast as it can.
// Every value that the reader sees must be the one that belongs to its state,
// and neither disk space nor files nor descriptors may grow.
//
// QUIRE_TEST_RUNS sets for how many seconds, in each read mode.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/seed.h"
#include "tests/testing/shared_memory.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMemtableBytes = 128 << 10;
constexpr uint64_t kGroups = 200;
constexpr uint64_t kHotGroups = 20;  // every other write is to one of them
constexpr uint64_t kKeysPerGroup = 20;
constexpr uint64_t kKeys = kGroups * kKeysPerGroup;
constexpr char kCounter[] = "counter";

// A number that looks random and follows from `a` and `b`.
uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9e3779b97f4a7c15 + b;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::string Key(uint64_t index) {
  return "key" + std::to_string(10000 + index);
}

// What batch `version` gives key `index` of its group; nothing: a delete.
std::optional<std::string> ValueOf(uint64_t version, uint64_t index) {
  const uint64_t random = Mix(version, index);
  if (random % 8 == 0) return std::nullopt;
  std::string value =
      std::to_string(version) + " of " + std::to_string(index) + " ";
  value.resize(random % 500 == 1 ? 30'000 : 50 + random / 8 % 700, '.');
  return value;
}

// The group that batch `version` writes.
uint64_t GroupOf(uint64_t version) {
  const uint64_t turn = version / 2;
  return version % 2 == 0 ? turn % kHotGroups
                          : kHotGroups + turn % (kGroups - kHotGroups);
}

// The newest batch up to `version` that wrote `group`; 0: none.
uint64_t NewestOf(uint64_t group, uint64_t version) {
  const bool hot = group < kHotGroups;
  if (!hot && version == 0) return 0;
  const uint64_t period = hot ? kHotGroups : kGroups - kHotGroups;
  const uint64_t first = hot ? group : group - kHotGroups;
  const uint64_t turn = hot ? version / 2 : (version - 1) / 2;
  if (turn < first) return 0;
  const uint64_t newest = turn - (turn - first) % period;
  return hot ? newest * 2 : newest * 2 + 1;
}

// The value of key `index` after batch `version`.
std::optional<std::string> ValueAt(uint64_t version, uint64_t index) {
  const uint64_t newest = NewestOf(index / kKeysPerGroup, version);
  if (newest == 0) return std::nullopt;
  return ValueOf(newest, index);
}

// Keys and values after batch `version`, and what is stored with each.
uint64_t LiveBytes(uint64_t version) {
  constexpr uint64_t kRecordAndIndexBytes = 48;
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < kKeys; ++i) {
    const std::optional<std::string> value = ValueAt(version, i);
    if (value) bytes += Key(i).size() + value->size() + kRecordAndIndexBytes;
  }
  return bytes;
}

// What both processes see.
struct Shared {
  std::atomic<uint64_t> acknowledged{0};  // batches
  std::atomic<uint64_t> merges{0};
  std::atomic<uint64_t> rewritten_bytes{0};
  std::atomic<uint64_t> opens{0};
  std::atomic<bool> stop{false};
};

absl::Status WriteVersion(DB& db, uint64_t version) {
  WriteBatch batch;
  const uint64_t first = GroupOf(version) * kKeysPerGroup;
  for (uint64_t i = first; i < first + kKeysPerGroup; ++i) {
    const std::optional<std::string> value = ValueOf(version, i);
    if (value) {
      batch.Put(Key(i), *value);
    } else {
      batch.Delete(Key(i));
    }
  }
  batch.Put(kCounter, std::to_string(version));
  return db.Write({.sync = version % 1000 == 0}, batch);
}

// Says what is wrong and with whom.
int Fail(const char* what, const absl::Status& status) {
  std::cerr << "writer, " << what << ": " << status << std::endl;
  return 1;
}

// The writer's process, to its end. Opens again now and then, since that
// replaces manifest and segments.
int RunWriter(const std::string& path, Shared& shared) {
  Options options;
  options.create_if_missing = true;
  options.memtable_bytes = kMemtableBytes;
  uint64_t version = 0;
  while (!shared.stop) {
    absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
    if (!db.ok()) return Fail("open", db.status());
    ++shared.opens;
    for (int i = 0; i < 20'000 && !shared.stop; ++i) {
      const absl::Status status = WriteVersion(**db, ++version);
      if (!status.ok()) return Fail("write", status);
      shared.acknowledged = version;
    }
    const Stats stats = (*db)->GetStats();
    shared.merges += stats.merges;
    shared.rewritten_bytes += stats.rewritten_bytes;
    const absl::Status status = (*db)->Close();
    if (!status.ok()) return Fail("close", status);
  }
  return 0;
}

class ReaderWriterSoakTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  ReaderWriterSoakTest() {
    writer_ = fork();
    if (writer_ == 0) _exit(RunWriter(Path(), *shared_));
  }

  ~ReaderWriterSoakTest() override { StopWriter(); }

  void StopWriter() {
    if (writer_ == 0) return;
    shared_->stop = true;
    int status = 0;
    EXPECT_GT(waitpid(std::exchange(writer_, 0), &status, 0), 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }

  void OpenReader() {
    reader_.reset();
    Options options;
    options.read_only = true;
    options.provider.read_mode = GetParam();
    options.provider.cache_bytes = 1 << 20;
    auto reader = DB::Open(options, Path());
    ASSERT_OK(reader.status());
    reader_ = *std::move(reader);
    ++opens_;
  }

  // The counter, which says which state it is.
  uint64_t Version(const ReadOptions& options) {
    std::string value;
    const absl::Status status = reader_->Get(options, kCounter, &value);
    EXPECT_OK(status);
    return status.ok() ? std::stoull(value) : 0;
  }

  void ExpectSomeKeys(const ReadOptions& options, uint64_t version) {
    std::string value;
    for (int i = 0; i < 100; ++i, ++reads_) {
      const uint64_t index = random_() % kKeys;
      const absl::Status status = reader_->Get(options, Key(index), &value);
      const std::optional<std::string> expected = ValueAt(version, index);
      if (!expected) {
        ASSERT_THAT(status, testing::StatusIs(absl::StatusCode::kNotFound));
      } else {
        ASSERT_OK(status);
        ASSERT_EQ(value, *expected);
      }
    }
  }

  void ExpectAllKeys(const ReadOptions& options, uint64_t version) {
    ReadOptions keys = options;
    keys.prefix = "key";
    const auto iterator = reader_->NewIterator(keys);
    iterator->SeekToFirst();
    for (uint64_t i = 0; i < kKeys; ++i, ++reads_) {
      const std::optional<std::string> expected = ValueAt(version, i);
      if (!expected) continue;
      ASSERT_OK(iterator->status());
      ASSERT_TRUE(iterator->Valid());
      ASSERT_EQ(iterator->key(), Key(i));
      ASSERT_THAT(iterator->value(), testing::IsOkAndHolds(*expected));
      iterator->Next();
    }
    ASSERT_OK(iterator->status());
    ASSERT_FALSE(iterator->Valid());
  }

  // One look at the newest state, and now and then at an older one.
  void ReadOnce(uint64_t round) {
    const uint64_t least = std::max<uint64_t>(shared_->acknowledged, seen_);
    if (round % 1000 == 0) {
      snapshots_.clear();
      ASSERT_NO_FATAL_FAILURE(OpenReader());
    } else {
      ASSERT_OK(reader_->Refresh());
      ++refreshes_;
    }
    seen_ = Version({});
    ASSERT_GE(seen_, least);
    ASSERT_NO_FATAL_FAILURE(ExpectSomeKeys({}, seen_));
    if (round % 50 == 0) {
      ASSERT_NO_FATAL_FAILURE(ExpectAllKeys({}, seen_));
    }
    if (round % 20 == 0) {
      snapshots_.emplace_back(reader_->GetSnapshot(), seen_);
      if (snapshots_.size() > 3) snapshots_.pop_front();
    }
    ReadOptions old;
    old.snapshot = snapshots_.front().first.get();
    ASSERT_NO_FATAL_FAILURE(ExpectSomeKeys(old, snapshots_.front().second));
  }

  // Files and bytes of the database and descriptors of the reader.
  void Measure() {
    files_ = bytes_ = 0;
    for (const auto& entry : fs::directory_iterator(Path())) {
      std::error_code removed;
      const uint64_t size = entry.file_size(removed);
      if (removed) continue;
      ++files_;
      bytes_ += size;
    }
    peak_files_ = std::max(peak_files_, files_);
    peak_bytes_ = std::max(peak_bytes_, bytes_);
    const uint64_t descriptors = static_cast<uint64_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), {}));
    peak_descriptors_ = std::max(peak_descriptors_, descriptors);
  }

  std::string Path() const { return dir_.File("db"); }

  testing::TempDirectory dir_;
  testing::SharedMemory<Shared> shared_;
  pid_t writer_ = 0;
  std::mt19937_64 random_{1};

  std::unique_ptr<DB> reader_;
  std::deque<std::pair<std::unique_ptr<const Snapshot>, uint64_t>> snapshots_;
  uint64_t seen_ = 0;
  uint64_t opens_ = 0;
  uint64_t refreshes_ = 0;
  uint64_t reads_ = 0;
  uint64_t files_ = 0;
  uint64_t bytes_ = 0;
  uint64_t peak_files_ = 0;
  uint64_t peak_bytes_ = 0;
  uint64_t peak_descriptors_ = 0;
};

TEST_P(ReaderWriterSoakTest, NothingIsStaleOrMissingAndNothingGrows) {
  // All keys have been written once.
  while (shared_->acknowledged < 2 * kGroups && !HasFailure()) {
    std::this_thread::yield();
  }
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(testing::TestRuns(1));
  for (uint64_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
    ASSERT_NO_FATAL_FAILURE(ReadOnce(round));
    Measure();
  }
  StopWriter();
  ASSERT_OK(reader_->Refresh());
  seen_ = Version({});
  EXPECT_EQ(seen_, shared_->acknowledged);
  ASSERT_NO_FATAL_FAILURE(ExpectAllKeys({}, seen_));
  snapshots_.clear();
  reader_.reset();
  const uint64_t live = LiveBytes(seen_);
  Measure();
  std::cout << seen_ << " batches of " << kKeysPerGroup << ", "
            << shared_->opens << " opens, " << shared_->merges << " merges, "
            << (shared_->rewritten_bytes >> 20) << " MiB rewritten; "
            << refreshes_ << " refreshes, " << opens_ << " read-only opens, "
            << reads_ << " reads; live " << live << " bytes, peak "
            << peak_bytes_ << " bytes in " << peak_files_ << " files, "
            << peak_descriptors_ << " descriptors; at the end " << bytes_
            << " bytes in " << files_ << " files" << std::endl;
  // Not closer, because the database is small: a few memtables, the manifest
  // and files about to be removed weigh as much as what is live.
  EXPECT_LE(peak_bytes_, 8 * live);
  EXPECT_LE(bytes_, 3 * live);
  EXPECT_LE(peak_files_, 160u);
  EXPECT_LE(peak_descriptors_, 512u);
}

INSTANTIATE_TEST_SUITE_P(All, ReaderWriterSoakTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& instance) {
                           return io::ReadModeName(instance.param);
                         });

}  // namespace
}  // namespace quire
