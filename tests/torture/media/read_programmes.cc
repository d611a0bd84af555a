#include "tests/torture/media/read_programmes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/db.h"
#include "kv/options.h"
#include "tests/testing/shared_memory.h"
#include "tests/testing/temp_directory.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/fuse_disk.h"
#include "tests/torture/media/writing_life.h"

namespace quire::torture {
namespace {

constexpr uint64_t kKeys = 150;

// Faults that one seed makes for each read mode.
constexpr int kFaults = 8;

constexpr std::chrono::minutes kPatience{3};

constexpr std::array kModes = {ReadMode::kPread, ReadMode::kBuffered,
                               ReadMode::kMmap, ReadMode::kDirect};

std::string Key(uint64_t number) { return absl::StrCat("key", 1000 + number); }

std::string Value(uint64_t number) {
  return std::string(100 + number * 137 % 7000,
                     static_cast<char>('a' + number % 26));
}

// What the reading process finds out. It is the only one that writes here.
struct Findings {
  uint64_t injected = 0;  // operations that met a fault
  uint64_t errors = 0;    // reads that said so
  uint64_t reads = 0;
  std::array<char, 2000> wrong{};

  void Complain(const std::string& text) {
    if (wrong[0] != '\0') return;
    std::memcpy(wrong.data(), text.data(),
                std::min(text.size(), wrong.size() - 1));
  }
};

absl::Status Fill(const std::string& path) {
  Options options;
  options.create_if_missing = true;
  options.memtable_bytes = 128 << 10;
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
  if (!db.ok()) return db.status();
  for (uint64_t i = 0; i < kKeys; ++i) {
    QUIRE_RETURN_IF_ERROR(
        (*db)->Put({}, Key(i * 7 % kKeys), Value(i * 7 % kKeys)));
  }
  return (*db)->Close();
}

DiskFault SomeFault(std::mt19937_64& random) {
  constexpr std::array kPaths = {".seg", ".tbl", "db/"};
  DiskFault fault = {.op = DiskOp::kRead};
  fault.set_path_contains(kPaths[random() % kPaths.size()]);
  switch (random() % 4) {
    case 0:  // a file that seems to end early
      fault.short_bytes = static_cast<int64_t>(random() % 8 * 512);
      break;
    case 1:  // a bad place
      fault.begin = random() % (256 << 10);
      fault.end = fault.begin + 4096;
      break;
    default:
      break;
  }
  // One failure alone may be hidden by the kernel, which asks again. (Behind a
  // buffered io_uring read it asks a hundred thousand times where a file never
  // stops to end early, so that does.)
  if (random() % 2 == 0 || fault.short_bytes >= 0) {
    fault.count = 1 + random() % 6;
  }
  fault.nth = 1 + random() % 4;
  return fault;
}

// Reads everything in several ways and compares.
class Reader {
 public:
  Reader(DB& db, Findings& findings, bool may_fail)
      : db_(db), findings_(findings), may_fail_(may_fail) {}

  void ReadAll() {
    GetAll();
    MultiGetAll();
    Scan(true);
    Scan(false);
  }

  void GetAll() {
    std::string value;
    for (uint64_t i = 0; i < kKeys; ++i) {
      const absl::Status status = db_.Get({}, Key(i), &value);
      Judge(i, status, value, "Get");
    }
  }

 private:
  void Judge(uint64_t number, const absl::Status& status,
             std::string_view value, const char* how) {
    ++findings_.reads;
    if (status.ok() && value == Value(number)) return;
    JudgeError(status, absl::StrCat(how, " of ", Key(number)));
  }

  void JudgeError(const absl::Status& status, const std::string& what) {
    ++findings_.errors;
    const bool is_named =
        (absl::IsUnavailable(status) || absl::IsDataLoss(status)) &&
        (absl::StrContains(status.message(), ".seg") ||
         absl::StrContains(status.message(), ".tbl"));
    if (may_fail_ && is_named) return;
    findings_.Complain(absl::StrCat(
        what, ": ", status.ok() ? "wrong value" : status.ToString()));
  }

  void MultiGetAll() {
    constexpr uint64_t kBatch = 32;
    for (uint64_t begin = 0; begin < kKeys; begin += kBatch) {
      const uint64_t count = std::min(kBatch, kKeys - begin);
      std::vector<std::string> keys;
      for (uint64_t i = 0; i < count; ++i) keys.push_back(Key(begin + i));
      const std::vector<std::string_view> views(keys.begin(), keys.end());
      std::vector<PinnedValue> values(count);
      std::vector<absl::Status> statuses(count);
      db_.MultiGet({}, views, values, statuses);
      for (uint64_t i = 0; i < count; ++i) {
        Judge(begin + i, statuses[i],
              statuses[i].ok() ? values[i].value() : std::string_view(),
              "MultiGet");
      }
    }
  }

  void Scan(bool forward) {
    const std::unique_ptr<Iterator> it = db_.NewIterator({});
    uint64_t seen = 0;
    for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
         forward ? it->Next() : it->Prev()) {
      const uint64_t number = forward ? seen : kKeys - 1 - seen;
      ++seen;
      if (number >= kKeys || it->key() != Key(number)) {
        findings_.Complain("a scan comes to " + std::string(it->key()));
        return;
      }
      const absl::StatusOr<std::string_view> value = it->value();
      Judge(number, value.status(), value.ok() ? *value : std::string_view(),
            forward ? "scan" : "scan in reverse");
    }
    if (!it->status().ok()) {
      JudgeError(it->status(), "a scan");
    } else if (seen != kKeys) {
      findings_.Complain(
          absl::StrCat("a scan ends after ", seen, " keys and says nothing"));
    }
  }

  DB& db_;
  Findings& findings_;
  const bool may_fail_;
};

// What the reading process does for one read mode.
class FaultySession {
 public:
  FaultySession(FuseDisk& disk, const std::string& path, Options options,
                std::mt19937_64& random, Findings& findings)
      : disk_(disk),
        path_(path),
        options_(std::move(options)),
        random_(random),
        findings_(findings) {}

  void Run() {
    const uint64_t before = disk_.Counts().injected;
    // Each open drops what the page cache has of the files.
    for (int i = 0; i < kFaults && findings_.wrong[0] == '\0'; ++i) {
      if (i % 4 == 3) {
        FailTheOpen();
      } else {
        FailTheReads();
      }
      disk_.ClearFaults();
    }
    findings_.injected = disk_.Counts().injected - before;
  }

 private:
  void FailTheReads() {
    absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options_, path_);
    if (!db.ok()) {
      findings_.Complain("opening: " + db.status().ToString());
      return;
    }
    disk_.Inject(SomeFault(random_));
    Reader(**db, findings_, true).ReadAll();
    disk_.ClearFaults();
    // Nothing of it is remembered.
    Reader(**db, findings_, false).GetAll();
  }

  void FailTheOpen() {
    DiskFault fault = SomeFault(random_);
    constexpr std::array kPaths = {".seg", ".tbl", "MANIFEST", "CURRENT"};
    fault.set_path_contains(kPaths[random_() % kPaths.size()]);
    disk_.Inject(fault);
    {
      absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options_, path_);
      if (db.ok()) Reader(**db, findings_, true).ReadAll();
    }
    disk_.ClearFaults();
    absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options_, path_);
    if (!db.ok()) {
      findings_.Complain("opening after the fault is gone: " +
                         db.status().ToString());
      return;
    }
    Reader(**db, findings_, false).GetAll();
  }

  FuseDisk& disk_;
  const std::string path_;
  const Options options_;
  std::mt19937_64& random_;
  Findings& findings_;
};

void RunReadFaults(uint64_t seed, Outcome& outcome) {
  const testing::TempDirectory directory;
  FuseDisk disk(directory.path(), Naming::kStrict);
  if (!disk.failure().empty()) {
    outcome.skipped = disk.failure();
    return;
  }
  const std::string path = disk.path() + "/db";
  for (const ReadMode mode : kModes) {
    const testing::SharedMemory<Findings> findings;
    ChildProcess reader([&] {
      std::mt19937_64 random =
          SeededRandom({.seed = seed}, static_cast<uint64_t>(mode));
      Options options = RandomOptions({.seed = seed}, 0);
      options.provider.read_mode = mode;
      options.provider.cache_bytes = 128 << 10;
      options.provider.buffered_piece_bytes = 4096;
      if (random() % 2 == 0) options.index_memory_bytes = 0;
      if (mode == kModes.front()) {
        const absl::Status filled = Fill(path);
        if (!filled.ok()) findings->Complain(filled.ToString());
      }
      FaultySession(disk, path, options, random, *findings).Run();
      return 0;
    });
    if (!reader.WaitFor(kPatience)) {
      findings->Complain("reading hangs");
      reader.Kill();
    }
    const std::string name = io::ReadModeName(mode);
    outcome.counts["faults met, " + name] += findings->injected;
    outcome.counts["reads that failed, " + name] += findings->errors;
    outcome.counts["reads"] += findings->reads;
    if (findings->wrong[0] == '\0' && !reader.HowItFailed().empty()) {
      findings->Complain("the reader was " + reader.HowItFailed());
    }
    if (findings->wrong[0] == '\0') continue;
    outcome.failures.push_back(
        absl::StrCat("--programme=read_faults --seeds=", seed, ": ", name, ": ",
                     findings->wrong.data()));
    return;
  }
}

}  // namespace

std::vector<Programme> ReadProgrammes() {
  Programme programme;
  programme.name = "read_faults";
  programme.description =
      "reads of a FUSE disk fail or end early, in every read mode";
  for (const ReadMode mode : kModes) {
    programme.bars.emplace(absl::StrCat("faults met, ", io::ReadModeName(mode)),
                           50000);
  }
  programme.run = RunReadFaults;
  return {programme};
}

}  // namespace quire::torture
