// Whole hostile directories: opened in all four read modes, which must agree on
// everything; opened for writing, and repaired.
//
// The input is a directory as directory_image.h says.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "kv/db.h"
#include "kv/repair.h"
#include "tests/fuzz/directory_image.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate.h"

namespace quire::testing {
namespace {

constexpr size_t kMostEntries = 100'000;

// The directory that this process works in; removed at its end.
class Scratch {
 public:
  Scratch() {
    const char* parent = std::getenv("TEST_TMPDIR");
    std::string pattern =
        std::string(parent == nullptr ? "/dev/shm" : parent) + "/fuzzXXXXXX";
    QUIRE_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    std::filesystem::create_directory(Database());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }

  std::string Database() const { return path_ + "/db"; }
  std::string Repaired() const { return path_ + "/repaired"; }

 private:
  std::string path_;
};

// An answer: a status code, and bytes if that is OK.
using Answer = std::pair<absl::StatusCode, std::string>;

struct Contents {
  absl::StatusCode opened = absl::StatusCode::kOk;
  std::vector<std::pair<std::string, Answer>> forwards;
  absl::StatusCode forwards_end = absl::StatusCode::kOk;
  std::vector<std::string> backwards;
  absl::StatusCode backwards_end = absl::StatusCode::kOk;
  std::vector<Answer> gets;
  friend bool operator==(const Contents&, const Contents&) = default;
};

Answer AnswerOf(const absl::Status& status, std::string_view value) {
  return {status.code(), status.ok() ? std::string(value) : ""};
}

void Scan(DB& db, Contents& contents) {
  const auto it = db.NewIterator({});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const auto value = it->value();
    contents.forwards.emplace_back(
        it->key(), AnswerOf(value.status(), value.ok() ? *value : ""));
    QUIRE_CHECK(contents.forwards.size() < kMostEntries);
  }
  contents.forwards_end = it->status().code();
  for (it->SeekToLast(); it->Valid(); it->Prev()) {
    contents.backwards.emplace_back(it->key());
    QUIRE_CHECK(contents.backwards.size() < kMostEntries);
  }
  contents.backwards_end = it->status().code();
}

void LookUp(DB& db, Contents& contents) {
  std::vector<std::string> own = {"", "a", "key"};
  for (const auto& [key, answer] : contents.forwards) {
    if (own.size() < 64) own.push_back(key);
  }
  const std::vector<std::string_view> keys(own.begin(), own.end());
  std::vector<PinnedValue> values(keys.size());
  std::vector<absl::Status> statuses(keys.size());
  db.MultiGet({}, keys, values, statuses);
  for (size_t i = 0; i < keys.size(); ++i) {
    std::string value;
    const absl::Status status = db.Get({}, keys[i], &value);
    contents.gets.push_back(AnswerOf(status, value));
    QUIRE_CHECK(contents.gets.back() ==
                AnswerOf(statuses[i], values[i].value()));
  }
}

Options OptionsFor(ReadMode mode) {
  Options options;
  options.automatic_merges = false;
  options.memtable_bytes = uint64_t{64} << 10;
  options.provider.read_mode = mode;
  options.provider.io_engine = IoEngine::kPreadv;
  options.provider.cache_bytes = uint64_t{128} << 10;
  options.provider.buffered_piece_bytes = uint32_t{16} << 10;
  return options;
}

Contents ReadAll(const std::string& path, Options options) {
  Contents contents;
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
  contents.opened = db.status().code();
  if (!db.ok()) return contents;
  Scan(**db, contents);
  LookUp(**db, contents);
  QUIRE_CHECK((*db)->Close().ok() || !options.read_only);
  return contents;
}

void WriteAndMerge(const std::string& path) {
  absl::StatusOr<std::unique_ptr<DB>> db =
      DB::Open(OptionsFor(ReadMode::kMmap), path);
  if (!db.ok()) return;
  // Sequence numbers may be used up, segments unreadable: any error will do.
  if ((*db)->Put({.sync = true}, "new", "value").ok()) {
    std::string value;
    QUIRE_CHECK((*db)->Get({}, "new", &value).ok() && value == "value");
  }
  (*db)->CompactRange({}).IgnoreError();
  (*db)->Close().IgnoreError();
}

void RepairAndOpen(const std::string& path, const std::string& repaired) {
  std::filesystem::remove_all(repaired);
  RepairOptions options;
  options.memtable_bytes = uint64_t{64} << 10;
  if (!Repair(options, path, repaired).ok()) return;
  Options read_only = OptionsFor(ReadMode::kPread);
  read_only.read_only = true;
  const Contents contents = ReadAll(repaired, read_only);
  QUIRE_CHECK(contents.opened == absl::StatusCode::kOk);
  QUIRE_CHECK(contents.forwards_end == absl::StatusCode::kOk);
  QUIRE_CHECK(contents.backwards.size() == contents.forwards.size());
  for (const auto& [key, answer] : contents.forwards) {
    QUIRE_CHECK(answer.first == absl::StatusCode::kOk);
  }
}

void Run(std::span<const uint8_t> data) {
  static const Scratch scratch;
  StoreDirectory(ParseDirectory(data), scratch.Database());
  Options options = OptionsFor(ReadMode::kPread);
  options.read_only = true;
  const Contents contents = ReadAll(scratch.Database(), options);
  for (const ReadMode mode :
       {ReadMode::kBuffered, ReadMode::kMmap, ReadMode::kDirect}) {
    options.provider.read_mode = mode;
    options.index_memory_bytes = mode == ReadMode::kMmap ? 0 : UINT64_MAX;
    QUIRE_CHECK(ReadAll(scratch.Database(), options) == contents);
  }
  RepairAndOpen(scratch.Database(), scratch.Repaired());
  WriteAndMerge(scratch.Database());
}

}  // namespace
}  // namespace quire::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  quire::testing::Run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned int seed) {
  size = quire::testing::MutateUsedBytes(data, size, max_size, seed);
  if (seed % 8 == 0) return size;
  std::vector<quire::testing::FileImage> files =
      quire::testing::ParseDirectory({data, size});
  quire::testing::RepairDirectory(files);
  const std::vector<uint8_t> repaired =
      quire::testing::SerializeDirectory(files);
  if (repaired.size() > max_size) return size;
  std::copy(repaired.begin(), repaired.end(), data);
  return repaired.size();
}
