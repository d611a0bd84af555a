// A synced load that is killed in the middle loses nothing that it acknowledged
// and leaves nothing half.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"
#include "tests/tools/run_tool.h"

namespace quire::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kKills = 8;
constexpr size_t kEntries = 6000;
constexpr size_t kBatch = 7;
constexpr const char* kReadModes[] = {"pread", "buffered", "mmap", "direct"};

using Entries = std::vector<std::pair<std::string, std::string>>;

// Entries in the order of the load. Some keys come again with other values, so
// that a batch that is there in part would show; values are from none to some
// pages.
Entries MakeEntries(std::mt19937_64& random) {
  Entries entries;
  for (size_t i = 0; i < kEntries; ++i) {
    const uint64_t value_size = random() % (random() % 100 == 0 ? 20000 : 300);
    entries.emplace_back(
        "key" + std::to_string(random() % (kEntries / 2)),
        std::to_string(i) +
            std::string(value_size, static_cast<char>('a' + i % 26)));
  }
  return entries;
}

// What a dump prints after the first `count` entries were loaded.
std::string DumpOf(const Entries& entries, size_t count) {
  std::map<std::string, std::string> state;
  for (size_t i = 0; i < count; ++i)
    state[entries[i].first] = entries[i].second;
  std::string text;
  for (const auto& [key, value] : state) text += key + "\t" + value + "\n";
  return text;
}

std::string WriteInput(const Entries& entries) {
  std::string path = MakeTestDirectory() + "/input";
  std::ofstream file(path, std::ios::binary);
  for (const auto& [key, value] : entries) file << key << '\t' << value << '\n';
  return path;
}

// The load is killed after this many batches were acknowledged, and this much
// later.
struct KillPoint {
  uint64_t batches = 0;
  std::chrono::microseconds delay{};
};

// Loads until the kill; returns how many entries were acknowledged.
size_t LoadAndKill(const std::string& db, const std::string& input,
                   const KillPoint& point) {
  RunningTool load(
      {"load", "--sync", "--progress", "--batch=" + std::to_string(kBatch),
       "--memtable-size=64K", db},
      input);
  size_t acknowledged = 0;
  const auto take = [&acknowledged](const std::string& line) {
    if (line.starts_with("stored ")) acknowledged = std::stoull(line.substr(7));
  };
  std::string line;
  uint64_t batches = 0;
  while (batches < point.batches && load.ReadLine(&line)) {
    take(line);
    ++batches;
  }
  // Not a wait for anything: the place in the next batches to kill at.
  const auto until = std::chrono::steady_clock::now() + point.delay;
  while (std::chrono::steady_clock::now() < until) {
  }
  load.Kill();
  // What it said before it died counts too.
  while (load.ReadLine(&line)) take(line);
  load.Wait();
  return acknowledged;
}

// The database must hold the first N entries for an N that is `acknowledged`,
// or that with the batch that was being written; returns the dump.
std::string ExpectAcknowledged(const std::string& db, const Entries& entries,
                               size_t acknowledged) {
  std::string dump = RunToolOk({"dump", "--read-mode=pread", db});
  const size_t next = std::min(acknowledged + kBatch, entries.size());
  EXPECT_TRUE(dump == DumpOf(entries, acknowledged) ||
              dump == DumpOf(entries, next))
      << "acknowledged: " << acknowledged;
  return dump;
}

void ExpectSameInEveryMode(const std::string& db, const std::string& dump) {
  for (const char* mode : kReadModes) {
    EXPECT_TRUE(RunToolOk({"dump", std::string("--read-mode=") + mode, db}) ==
                dump)
        << mode;
  }
}

TEST(KillLoadTest, WhatWasAcknowledgedIsThereAndNothingIsHalf) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const Entries entries = MakeEntries(random);
  const std::string input = WriteInput(entries);
  for (int i = 0; i < kKills; ++i) {
    const KillPoint point = {
        .batches = random() % (kEntries / kBatch),
        .delay = std::chrono::microseconds(random() % 3000)};
    SCOPED_TRACE(::testing::Message()
                 << "kill " << i << " after " << point.batches
                 << " batches and " << point.delay.count() << " us");
    const std::string db = MakeTestDirectory() + "/db";
    const size_t acknowledged = LoadAndKill(db, input, point);
    EXPECT_GE(acknowledged, point.batches * kBatch);
    if (acknowledged == 0) continue;  // there may be no database yet
    // As the dead process left it, read without a change.
    const std::string dump = ExpectAcknowledged(db, entries, acknowledged);
    ExpectSameInEveryMode(db, dump);
    const ToolResult verify = RunTool({"verify", db});
    EXPECT_EQ(verify.exit_code, 0) << verify.out;
    // Recovered by an open for writing.
    EXPECT_EQ(RunToolOk({"delete", db, "absent"}), "");
    ExpectSameInEveryMode(db, dump);
    EXPECT_THAT(RunToolOk({"verify", db}), HasSubstr("problems=0"));
    // The load can be run again, to its end.
    const std::string whole = DumpOf(entries, entries.size());
    RunToolOk({"load", db}, whole);
    ExpectSameInEveryMode(db, whole);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace quire::testing
