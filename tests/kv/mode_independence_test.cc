// No byte on disk depends on the read mode: the same calls leave the same files
// under all four, and what was written under one is read under each other.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kv/db.h"
#include "kv/internal/random_id.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

uint64_t next_id = 0;

}  // namespace

// In place of the library's own, which asks the operating system: files can be
// compared only if their ids are the same.
namespace kv_internal {
uint64_t RandomId() { return ++next_id * 0x9E3779B97F4A7C15u; }
DatabaseId RandomDatabaseId() { return {std::byte{1}, std::byte{2}}; }
}  // namespace kv_internal

namespace {

constexpr ReadMode kModes[] = {ReadMode::kPread, ReadMode::kBuffered,
                               ReadMode::kMmap, ReadMode::kDirect};

Options InMode(ReadMode mode) {
  Options options;
  options.create_if_missing = true;
  options.provider.read_mode = mode;
  options.provider.read_mode_policy = ProviderPolicy::kRequire;
  // When a merge comes to be due depends on how threads run.
  options.automatic_merges = false;
  return options;
}

std::string Key(int i) { return "key" + std::to_string(i * 7919 % 5000); }

// Writes, reads, makes runs, reopens.
void Use(ReadMode mode, const std::string& path) {
  for (int round = 0; round < 3; ++round) {
    auto db = DB::Open(InMode(mode), path);
    ASSERT_OK(db.status());
    for (int i = round * 1000; i < (round + 2) * 1000; ++i) {
      const std::string value(static_cast<size_t>(i) % 900, 'v');
      ASSERT_OK((*db)->Put({}, Key(i), value));
      if (i % 500 == 0) {
        ASSERT_OK((*db)->Delete({}, Key(i / 2 + 1)));
      }
      if (i % 700 == 0) {
        ASSERT_OK((*db)->FlushMemtables());
      }
      std::string read;
      ASSERT_OK((*db)->Get({}, Key(i), &read));
    }
    if (round == 0) {
      ASSERT_OK((*db)->CompactRange({}));
    }
    ASSERT_OK((*db)->Close());
  }
}

std::map<std::string, std::string> Files(const std::string& path) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name != "LOCK") files[name] = testing::ReadFile(entry.path());
  }
  return files;
}

std::map<std::string, std::string> Dump(ReadMode mode,
                                        const std::string& path) {
  std::map<std::string, std::string> entries;
  auto db = DB::Open(InMode(mode), path);
  EXPECT_OK(db.status());
  if (!db.ok()) return entries;
  auto it = (*db)->NewIterator({});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    auto value = it->value();
    EXPECT_OK(value.status());
    if (value.ok()) entries[std::string(it->key())] = *value;
  }
  EXPECT_OK(it->status());
  return entries;
}

TEST(ModeIndependenceTest, SameCallsLeaveTheSameFiles) {
  testing::TempDirectory dir;
  std::map<std::string, std::string> first;
  for (ReadMode mode : kModes) {
    next_id = 0;
    const std::string path = dir.File(io::ReadModeName(mode));
    Use(mode, path);
    const std::map<std::string, std::string> files = Files(path);
    ASSERT_GE(files.size(), 8u);
    if (first.empty()) first = files;
    for (const auto& [name, content] : first) {
      ASSERT_TRUE(files.contains(name)) << name;
      EXPECT_TRUE(files.at(name) == content) << name << " differs";
    }
    EXPECT_EQ(files.size(), first.size());
  }
}

TEST(ModeIndependenceTest, WrittenUnderOneModeIsReadUnderEachOther) {
  testing::TempDirectory dir;
  for (ReadMode writer : kModes) {
    const std::string path = dir.File(io::ReadModeName(writer));
    Use(writer, path);
    const auto expected = Dump(writer, path);
    ASSERT_GT(expected.size(), 3000u);
    for (ReadMode reader : kModes) {
      EXPECT_TRUE(Dump(reader, path) == expected)
          << io::ReadModeName(writer) << " to " << io::ReadModeName(reader);
    }
  }
}

}  // namespace
}  // namespace quire
