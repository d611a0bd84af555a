// A process that writes, switches memtables and removes files as fast as it
// can, and one that opens, reads and refreshes beside it. Every state that the
// reader sees must be one that the database had, and none older than what was
// acknowledged before the reader looked.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/kv/database_model.h"
#include "tests/testing/shared_memory.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

constexpr int kLoops = 40;
constexpr uint64_t kGroups = 20;
constexpr uint64_t kKeysPerGroup = 10;

// Versions that the writer may be ahead of the reader's loops: several
// memtables' worth each.
constexpr uint64_t kVersionsPerLoop = 300;

std::string Key(uint64_t group, uint64_t index) {
  return "g" + std::to_string(100 + group) + "/" + std::to_string(index);
}

std::string Value(uint64_t version) {
  std::string value = std::to_string(version);
  value.resize(60 + version % 100, '.');
  return value;
}

// What the database holds after `version` batches: number v writes all keys of
// group v % kGroups, but deletes one of them, and says its number.
std::map<std::string, std::string> StateAt(uint64_t version) {
  std::map<std::string, std::string> state;
  if (version > 0) state["version"] = std::to_string(version);
  for (uint64_t group = 0; group < kGroups; ++group) {
    const uint64_t back = (version + kGroups - group) % kGroups;
    if (back >= version) continue;  // not written yet; there is no version 0
    const uint64_t newest = version - back;
    for (uint64_t i = 0; i < kKeysPerGroup; ++i) {
      if (newest / kGroups % kKeysPerGroup == i) continue;
      state[Key(group, i)] = Value(newest);
    }
  }
  return state;
}

// What both processes see.
struct Shared {
  std::atomic<uint64_t> acknowledged{0};  // versions
  std::atomic<uint64_t> loops{0};         // of the reader, done
  std::atomic<bool> stop{false};
};

absl::Status WriteVersion(DB& db, uint64_t version) {
  WriteBatch batch;
  for (uint64_t i = 0; i < kKeysPerGroup; ++i) {
    const std::string key = Key(version % kGroups, i);
    if (version / kGroups % kKeysPerGroup == i) {
      batch.Delete(key);
    } else {
      batch.Put(key, Value(version));
    }
  }
  batch.Put("version", std::to_string(version));
  return db.Write({.sync = version % 100 == 0}, batch);
}

// The writer's process, to its end. Opens again now and then, since that
// replaces manifest and segments.
int RunWriter(const std::string& path, Shared& shared) {
  Options options;
  options.create_if_missing = true;
  options.memtable_bytes = 64 << 10;
  uint64_t version = 0;
  while (!shared.stop) {
    absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
    if (!db.ok()) return 1;
    for (int i = 0; i < 2000 && !shared.stop; ++i) {
      while (version > (shared.loops + 1) * kVersionsPerLoop && !shared.stop) {
        std::this_thread::yield();
      }
      if (!WriteVersion(**db, ++version).ok()) return 2;
      shared.acknowledged = version;
    }
    if (!(*db)->Close().ok()) return 3;
  }
  return 0;
}

class LiveReaderTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  LiveReaderTest() {
    writer_ = fork();
    if (writer_ == 0) _exit(RunWriter(Path(), *shared_));
  }

  ~LiveReaderTest() override {
    shared_->stop = true;
    int status = 0;
    EXPECT_EQ(waitpid(writer_, &status, 0), writer_);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }

  absl::StatusOr<std::unique_ptr<DB>> OpenReader() {
    Options options;
    options.read_only = true;
    options.provider.read_mode = GetParam();
    options.provider.cache_bytes = 1 << 20;
    return DB::Open(options, Path());
  }

  // Verifies all that `db` holds; returns its version.
  uint64_t Verify(DB& db, uint64_t least) {
    testing::Model state = testing::Dump(db);
    const uint64_t version =
        std::strtoull(state["version"].c_str(), nullptr, 10);
    EXPECT_GE(version, least);
    EXPECT_EQ(state, StateAt(version));
    std::string value;
    for (const auto& [key, expected] : state) {
      const absl::Status status = db.Get({}, key, &value);
      EXPECT_OK(status) << key;
      EXPECT_EQ(value, expected) << key;
    }
    return version;
  }

  std::string Path() const { return dir_.File("db"); }

  testing::TempDirectory dir_;
  testing::SharedMemory<Shared> shared_;
  pid_t writer_ = 0;
};

TEST_P(LiveReaderTest, SeesOnlyWholeStatesAndNoneThatIsOld) {
  while (shared_->acknowledged == 0) std::this_thread::yield();
  std::unique_ptr<DB> reader;
  std::unique_ptr<const Snapshot> snapshot;
  uint64_t snapshot_version = 0;
  for (int i = 0; i < kLoops && !HasFailure(); ++i, ++shared_->loops) {
    SCOPED_TRACE(i);
    const uint64_t least = shared_->acknowledged;
    if (i % 8 == 0) {
      snapshot.reset();
      auto opened = OpenReader();
      ASSERT_OK(opened.status());
      reader = *std::move(opened);
    } else {
      ASSERT_OK(reader->Refresh());
    }
    const uint64_t version = Verify(*reader, least);
    if (snapshot == nullptr) {
      snapshot = reader->GetSnapshot();
      snapshot_version = version;
      continue;
    }
    ReadOptions old;
    old.snapshot = snapshot.get();
    std::string value;
    ASSERT_OK(reader->Get(old, "version", &value));
    EXPECT_EQ(value, std::to_string(snapshot_version));
  }
}

INSTANTIATE_TEST_SUITE_P(All, LiveReaderTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& instance) {
                           return io::ReadModeName(instance.param);
                         });

}  // namespace
}  // namespace quire
