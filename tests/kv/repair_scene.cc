#include "tests/kv/repair_scene.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <random>
#include <span>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/log_walk.h"
#include "kv/iterator.h"
#include "kv/options.h"
#include "kv/write_batch.h"
#include "tests/testing/status_matchers.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

using kv_internal::LogRecord;

constexpr int kKeys = 400;

// Random writes, some of them batches and some synced.
void WriteSome(DB& db, int writes, std::mt19937_64& random) {
  const auto up_to = [&](uint64_t bound) { return random() % bound; };
  for (int i = 0; i < writes; ++i) {
    WriteBatch batch;
    for (uint64_t n = up_to(4) == 0 ? 5 : 1; n > 0; --n) {
      const std::string key = "key" + std::to_string(up_to(kKeys));
      if (up_to(5) == 0) {
        batch.Delete(key);
        continue;
      }
      const uint64_t size = up_to(60) == 0 ? up_to(20'000) : up_to(300);
      batch.Put(key, std::string(size, static_cast<char>('a' + up_to(26))));
    }
    ASSERT_OK(db.Write({.sync = up_to(30) == 0}, batch));
  }
}

struct Collector final : kv_internal::LogVisitor {
  void OnRecord(const LogRecord& record) override {
    records.push_back(
        {.file = file,
         .offset = record.offset,
         .end = record.offset + kv_internal::kRecordHeaderBytes +
                record.key.size() + record.value.size(),
         .sequence = record.header.sequence,
         .is_delete = record.header.kind == kv_internal::RecordKind::kDelete,
         .key = std::string(record.key),
         .value = std::string(record.value)});
  }

  std::string file;
  std::vector<PlacedRecord> records;
};

}  // namespace

Model OpenAndDump(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<DB>> db = DB::Open({}, path);
  EXPECT_OK(db.status());
  if (!db.ok()) return {};
  EXPECT_EQ((*db)->GetProperty("quire.recovery").value_or(""), "");
  return Dump(**db);
}

std::map<std::string, std::string> Contents(const std::string& directory) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name != "LOCK") {
      contents[name] = ReadFile(entry.path().string());
    }
  }
  return contents;
}

Model Newest(const std::vector<PlacedRecord>& records) {
  std::map<std::string, const PlacedRecord*> newest;
  for (const PlacedRecord& record : records) {
    const PlacedRecord*& best = newest[record.key];
    if (best == nullptr || best->sequence < record.sequence) best = &record;
  }
  Model model;
  for (const auto& [key, record] : newest) {
    if (!record->is_delete) model[key] = record->value;
  }
  return model;
}

bool Covers(const std::vector<LostRange>& lost, const std::string& file,
            uint64_t begin, uint64_t end) {
  return std::any_of(lost.begin(), lost.end(), [&](const LostRange& range) {
    // A length that isn't known is that of the file.
    return range.file == file && range.offset < end &&
           (range.length == 0 || begin < range.offset + range.length);
  });
}

RepairScene::RepairScene(uint64_t seed)
    : path_(directory_.File("unclean")),
      closed_path_(directory_.File("closed")) {
  std::mt19937_64 random(seed);
  Options options;
  options.create_if_missing = true;
  options.memtable_bytes = 64 << 10;
  // Open databases are copied, file after file.
  options.automatic_merges = false;
  const std::string first_path = directory_.File("first");
  const std::string second_path = directory_.File("second");
  {
    const auto first = DB::Open(options, first_path);
    EXPECT_OK(first.status());
    WriteSome(**first, 600, random);
    fs::copy(first_path, second_path);
  }
  const auto second = DB::Open(options, second_path);
  EXPECT_OK(second.status());
  WriteSome(**second, 600, random);
  EXPECT_OK((*second)->FlushMemtables());
  WriteSome(**second, 100, random);
  fs::copy(second_path, path_);
  EXPECT_OK((*second)->Close());
  fs::copy(second_path, closed_path_);
}

std::string RepairScene::Copy(const std::string& path,
                              const std::string& name) const {
  std::string copy = directory_.File(name);
  fs::remove_all(copy);
  fs::copy(path, copy);
  return copy;
}

std::vector<PlacedRecord> RepairScene::RecordsIn(const std::string& path) {
  Collector collector;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() != ".seg") continue;
    collector.file = entry.path().filename().string();
    const std::string content = ReadFile(entry.path().string());
    const auto image = std::as_bytes(std::span(content));
    const absl::StatusOr<kv_internal::FileHeader> header =
        kv_internal::DecodeFileHeader(image, kv_internal::FileType::kSegment,
                                      collector.file);
    EXPECT_OK(header.status());
    if (!header.ok()) continue;
    kv_internal::WalkLog(image, header->file_id, kv_internal::kPageBytes,
                         collector);
  }
  return std::move(collector.records);
}

}  // namespace quire::testing
