// Repair of randomly damaged databases: what was not hit comes back, what was
// is listed, and nothing else appears. QUIRE_TEST_RUNS sets how many.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/format.h"
#include "kv/repair.h"
#include "tests/kv/repair_scene.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

using kv_internal::kPageBytes;

constexpr uint64_t kRunsPerScene = 8;

struct Range {
  uint64_t begin;
  uint64_t end;
};

Range WithPages(const Range& range) {
  return {range.begin / kPageBytes * kPageBytes,
          (range.end + kPageBytes - 1) / kPageBytes * kPageBytes};
}

// What was done to one file.
struct Damage {
  bool removed = false;
  std::optional<uint64_t> cut;    // it ends there now
  std::vector<Range> changed;     // bytes that differ
  std::vector<Range> unreadable;  // with all of the pages that it touches

  bool Hits(uint64_t begin, uint64_t end) const {
    const auto overlaps = [&](const Range& range) {
      return range.begin < end && begin < range.end;
    };
    return removed || (cut.has_value() && end > *cut) ||
           std::any_of(changed.begin(), changed.end(), overlaps) ||
           std::any_of(unreadable.begin(), unreadable.end(),
                       [&](const Range& range) {
                         // Behind the file's end nothing is read.
                         return range.begin < cut.value_or(UINT64_MAX) &&
                                overlaps(WithPages(range));
                       });
  }
};

// Damages the files of one directory.
class Damager {
 public:
  Damager(std::string path, FaultyFileSystem& faulty, std::mt19937_64& random)
      : path_(std::move(path)), faulty_(faulty), random_(random) {}

  void DoSomething() {
    const std::string name = SomeFile();
    const uint64_t size = fs::file_size(path_ + "/" + name);
    if (size == 0) return;
    const uint64_t at = UpTo(size);
    switch (UpTo(8)) {
      case 0:
        fs::remove(path_ + "/" + name);
        damage_[name].removed = true;
        return;
      case 1:
        fs::resize_file(path_ + "/" + name, at);
        damage_[name].cut = at;
        return;
      case 2:
        return MakeUnreadable(name, at, size);
      case 3:
        return Overwrite(name, at / 512 * 512, 512, /*zeros=*/true);
      case 4:
        return Overwrite(name, at / kPageBytes * kPageBytes, kPageBytes,
                         /*zeros=*/true);
      case 5:
        return Overwrite(name, at, 1 + UpTo(10'000), /*zeros=*/false);
      default:
        return Flip(name, at);
    }
  }

  const Damage& of(const std::string& name) { return damage_[name]; }

  // Whether CURRENT or the manifest was hit.
  bool HitTheList() const {
    return std::any_of(damage_.begin(), damage_.end(), [](const auto& entry) {
      return entry.first == "CURRENT" || entry.first.starts_with("MANIFEST");
    });
  }

  // What was done, for people.
  std::string ToString() const {
    std::string text;
    for (const auto& [name, damage] : damage_) {
      text += name + ":";
      if (damage.removed) text += " removed";
      if (damage.cut) text += " cut at " + std::to_string(*damage.cut);
      if (!damage.changed.empty()) {
        text += " changed from " + std::to_string(damage.changed.front().begin);
      }
      for (const Range& range : damage.unreadable) {
        text += " unreadable from " + std::to_string(range.begin);
      }
      text += "\n";
    }
    return text;
  }

 private:
  uint64_t UpTo(uint64_t bound) { return random_() % bound; }

  // Segments more often than others.
  std::string SomeFile() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) {
      const std::string name = entry.path().filename().string();
      if (name == "LOCK") continue;
      names.insert(names.end(), name.ends_with(".seg") ? 3 : 1, name);
    }
    std::sort(names.begin(), names.end());
    return names[UpTo(names.size())];
  }

  void MakeUnreadable(const std::string& name, uint64_t at, uint64_t size) {
    const uint64_t end = std::min(size, at + 1 + UpTo(3 * kPageBytes));
    faulty_.Inject({.op = FileOp::kRead,
                    .path_contains = path_ + "/" + name,
                    .begin = at,
                    .end = end,
                    .sticky = true,
                    .error = EIO});
    damage_[name].unreadable.push_back({at, end});
  }

  void Overwrite(const std::string& name, uint64_t at, uint64_t length,
                 bool zeros) {
    std::string content = ReadFile(path_ + "/" + name);
    const uint64_t end = std::min<uint64_t>(content.size(), at + length);
    for (uint64_t i = at; i < end; ++i) {
      const char byte = zeros ? '\0' : static_cast<char>(random_());
      if (content[i] == byte) continue;
      content[i] = byte;
      damage_[name].changed.push_back({i, i + 1});
    }
    WriteFile(path_ + "/" + name, content);
  }

  void Flip(const std::string& name, uint64_t at) {
    std::string content = ReadFile(path_ + "/" + name);
    content[at] = static_cast<char>(content[at] ^ (1 << UpTo(8)));
    damage_[name].changed.push_back({at, at + 1});
    WriteFile(path_ + "/" + name, content);
  }

  const std::string path_;
  FaultyFileSystem& faulty_;
  std::mt19937_64& random_;
  std::map<std::string, Damage> damage_;
};

bool IsTornEnd(const RepairReport& report, const PlacedRecord& record) {
  return std::any_of(
      report.lost.begin(), report.lost.end(), [&](const LostRange& range) {
        return range.reason.find("torn end of the log") != std::string::npos &&
               Covers({range}, record.file, record.offset, record.end);
      });
}

struct Totals {
  uint64_t records = 0;
  uint64_t hit = 0;
  uint64_t lost_ranges = 0;
  uint64_t torn = 0;
  uint64_t without_manifest = 0;
  uint64_t unlisted = 0;  // cut off or missing where nothing tells of it
  uint64_t identity = 0;
};

// The segment that was being written.
std::string NewestSegment(const std::vector<PlacedRecord>& records) {
  std::string newest;
  for (const PlacedRecord& record : records) {
    newest = std::max(newest, record.file);
  }
  return newest;
}

// Compares what came back with what could; returns the records that should
// have.
std::vector<PlacedRecord> Judge(const std::vector<PlacedRecord>& records,
                                const std::string& open_segment,
                                const RepairReport& report, Damager& damager,
                                Totals& totals) {
  std::vector<PlacedRecord> back;
  for (const PlacedRecord& record : records) {
    const Damage& damage = damager.of(record.file);
    const bool hit = damage.Hits(record.offset, record.end);
    const bool listed =
        Covers(report.lost, record.file, record.offset, record.end);
    ++totals.records;
    totals.hit += hit;
    if (hit && !listed) {
      // Nothing may be left that tells of it: without a whole list of files,
      // or behind what was durable of a log that was not closed.
      const bool is_gone = damage.removed || damage.cut.has_value();
      EXPECT_TRUE(is_gone &&
                  (damager.HitTheList() || record.file == open_segment))
          << record.file << " at " << record.offset << " is not listed";
      ++totals.unlisted;
    } else if (!hit && listed) {
      // A file's id is lost only with its header page, every group header, and
      // the list of files.
      const bool torn = IsTornEnd(report, record);
      EXPECT_TRUE(torn || (damager.HitTheList() && damage.Hits(0, kPageBytes)))
          << record.file << " at " << record.offset << " should be back";
      ++(torn ? totals.torn : totals.identity);
    } else if (!hit) {
      back.push_back(record);
    }
  }
  return back;
}

TEST(RepairRandomTest, WhatWasNotHitComesBackAndWhatWasIsListed) {
  const uint64_t seed = TestSeed();
  const uint64_t runs = TestRuns(40);
  Totals totals;
  std::unique_ptr<RepairScene> scene;
  uint64_t last_scene_seed = 0;
  for (uint64_t run = 0; run < runs; ++run) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed + run << " QUIRE_TEST_RUNS=1");
    std::mt19937_64 random(seed + run);
    // To make a database takes longer than to repair it.
    const uint64_t scene_seed = (seed + run) / kRunsPerScene;
    if (scene == nullptr || scene_seed != last_scene_seed) {
      scene = std::make_unique<RepairScene>(scene_seed);
      last_scene_seed = scene_seed;
    }
    const bool closed = random() % 3 == 0;
    const std::string& original = closed ? scene->closed_path() : scene->path();
    const std::vector<PlacedRecord> records = RepairScene::RecordsIn(original);
    const std::string damaged = scene->Copy(original, "damaged");
    FaultyFileSystem faulty(io::PosixFileSystem());
    Damager damager(damaged, faulty, random);
    for (uint64_t n = 1 + random() % 4; n > 0; --n) damager.DoSomething();

    RepairOptions options;
    options.file_system = &faulty;
    options.memtable_bytes = 64 << 10;
    options.in_place = random() % 4 == 0;
    const std::string repaired = scene->directory().File("repaired");
    fs::remove_all(repaired);
    const std::string to = options.in_place ? "" : repaired;
    const absl::StatusOr<RepairReport> report = Repair(options, damaged, to);
    ASSERT_OK(report.status());
    SCOPED_TRACE(damager.ToString() +
                 ::testing::PrintToString(report->warnings));
    const std::vector<PlacedRecord> back =
        Judge(records, closed ? "" : NewestSegment(records), *report, damager,
              totals);
    EXPECT_EQ(OpenAndDump(options.in_place ? damaged : to), Newest(back));
    totals.lost_ranges += report->lost.size();
    totals.without_manifest += !report->manifest_was_usable;
    if (HasFailure()) return;
  }
  std::cout << runs << " damaged copies: " << totals.records << " records, "
            << totals.hit << " hit, " << totals.lost_ranges << " lost ranges, "
            << totals.torn << " in torn ends, " << totals.without_manifest
            << " copies without a manifest, " << totals.unlisted
            << " records gone without a trace, " << totals.identity
            << " without an id" << std::endl;
  EXPECT_GT(totals.hit, 0u);
  EXPECT_GT(totals.lost_ranges, 0u);
}

}  // namespace
}  // namespace quire::testing
