#include "tests/memory/out_of_memory.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/string_view.h"
#include "kv/db.h"
#include "tests/memory/failing_memory.h"
#include "tests/testing/shared_memory.h"

namespace quire::testing {
namespace {

constexpr int kOldKeys = 60;
constexpr int kWrites = 48;
constexpr unsigned kSecondsToLive = 20;
constexpr int kEndedByBadAlloc = 77;  // exit code

std::string OldKey(int i) { return absl::StrCat("old", i); }
std::string OldValue(int i) { return std::string(10 + i * 37 % 900, 'o'); }
std::string NewKey(int i) { return absl::StrCat("new", i); }
std::string NewValue(int i) {
  return std::string(100 + i * 331 % 6000, static_cast<char>('a' + i % 26));
}

enum class WriteState : uint8_t { kNotBegun, kBegun, kAcknowledged };
enum class Ending : uint8_t { kNone, kDone, kRefused, kThrown };

// What a child tells; read after its end.
struct Report {
  std::array<std::atomic<WriteState>, kWrites> writes = {};
  std::atomic<Ending> ending{Ending::kNone};
  std::atomic<uint64_t> failures{0};  // of memory
  std::array<char, 400> bad = {};     // what was wrong, if anything was

  void Bad(const std::string& what) {
    if (bad[0] == 0) std::strncpy(bad.data(), what.c_str(), bad.size() - 1);
  }
};

Options OptionsFor(ReadMode mode) {
  Options options;
  options.create_if_missing = true;
  options.automatic_merges = false;
  options.memtable_bytes = uint64_t{64} << 10;
  options.provider.read_mode = mode;
  options.provider.io_engine = IoEngine::kPreadv;
  options.provider.cache_bytes = uint64_t{256} << 10;
  return options;
}

std::unique_ptr<DB> MustOpen(const std::string& path) {
  auto db = DB::Open(OptionsFor(ReadMode::kPread), path);
  QUIRE_CHECK(db.ok());
  return *std::move(db);
}

// Two runs; with `open`, a copy of it with a third part still in the log.
void MakeBase(const std::string& path, const std::string& open) {
  const std::unique_ptr<DB> db = MustOpen(path);
  for (int i = 0; i < kOldKeys; ++i) {
    if (i == kOldKeys / 3 || i == 2 * kOldKeys / 3) {
      QUIRE_CHECK(db->FlushMemtables().ok());
    }
    QUIRE_CHECK(
        db->Put({.sync = i + 1 == kOldKeys}, OldKey(i), OldValue(i)).ok());
  }
  std::filesystem::copy(path, open);
  std::filesystem::remove(open + "/LOCK");
  QUIRE_CHECK(db->Close().ok());
}

// One life of the database in a child process.
class Life {
 public:
  Life(const MemoryPart& part, std::string path, Report& report)
      : part_(part), path_(std::move(path)), report_(report) {}

  void Run(uint64_t nth) {
    const bool opens = part_.step == MemoryStep::kOpen ||
                       part_.step == MemoryStep::kOpenReadOnly ||
                       part_.step == MemoryStep::kRecover;
    if (!opens) Open();
    if (part_.step == MemoryStep::kMerge) Write();
    FailMemory(nth, part_.sticky);
    try {
      Step();
      if (report_.ending == Ending::kNone) report_.ending = Ending::kDone;
    } catch (const std::bad_alloc&) {
      report_.ending = Ending::kThrown;
    }
    report_.failures = MemoryFailures();
    RestoreMemory();
    if (db_ != nullptr && part_.step != MemoryStep::kClose) Look();
    // The destructor closes.
    db_.reset();
  }

 private:
  void Open() {
    Options options = OptionsFor(part_.mode);
    if (part_.step == MemoryStep::kOpenReadOnly) {
      options.read_only = true;
      options.create_if_missing = false;
    }
    auto db = DB::Open(options, path_);
    Note(db.status());
    if (db.ok()) db_ = *std::move(db);
  }

  // An error that is told is an answer.
  void Note(const absl::Status& status) {
    if (!status.ok()) report_.ending = Ending::kRefused;
  }

  void Step() {
    switch (part_.step) {
      case MemoryStep::kOpen:
      case MemoryStep::kOpenReadOnly:
      case MemoryStep::kRecover:
        return Open();
      case MemoryStep::kPut:
        return Write();
      case MemoryStep::kGet:
        return Get();
      case MemoryStep::kScan:
        return Scan();
      case MemoryStep::kMerge:
        Note(db_->FlushMemtables());
        return Note(db_->CompactRange({}));
      case MemoryStep::kCheckpoint:
        return Note(db_->Checkpoint(path_ + "-checkpoint"));
      case MemoryStep::kClose:
        Note(db_->Put({}, NewKey(0), NewValue(0)));
        return Note(db_->Close());
    }
  }

  void Write() {
    for (int i = 0; i < kWrites; ++i) {
      report_.writes[i] = WriteState::kBegun;
      const absl::Status status =
          db_->Put({.sync = i % 3 == 0}, NewKey(i), NewValue(i));
      Note(status);
      if (status.ok()) report_.writes[i] = WriteState::kAcknowledged;
    }
  }

  void Judge(const std::string& read, int i, const absl::Status& status,
             std::string_view value) {
    if (!status.ok()) {
      Note(status);
      if (absl::IsNotFound(status) || absl::IsDataLoss(status)) {
        report_.Bad(
            absl::StrCat(read, " of ", OldKey(i), ": ", status.ToString()));
      }
    } else if (value != OldValue(i)) {
      report_.Bad(absl::StrCat(read, " of ", OldKey(i), ": wrong"));
    }
  }

  void Get() {
    std::string value;
    std::vector<std::string> own;
    for (int i = 0; i < kOldKeys; ++i) {
      own.push_back(OldKey(i));
      const absl::Status status = db_->Get({}, own.back(), &value);
      Judge("Get", i, status, value);
    }
    const std::vector<std::string_view> keys(own.begin(), own.end());
    std::vector<PinnedValue> values(keys.size());
    std::vector<absl::Status> statuses(keys.size());
    db_->MultiGet({}, keys, values, statuses);
    for (int i = 0; i < kOldKeys; ++i) {
      Judge("MultiGet", i, statuses[i], values[i].value());
    }
  }

  void Scan() {
    ReadOptions options;
    options.prefix = "old";
    const auto it = db_->NewIterator(options);
    int seen = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next(), ++seen) {
      const int i = std::atoi(std::string(it->key().substr(3)).c_str());
      const auto value = it->value();
      Judge("scan", i, value.status(), value.ok() ? *value : "");
    }
    Note(it->status());
    if (it->status().ok() && seen != kOldKeys) report_.Bad("scan: ends early");
    for (it->SeekToLast(); it->Valid(); it->Prev()) --seen;
    Note(it->status());
    if (it->status().ok() && seen > 0) report_.Bad("scan: ends early");
  }

  // With memory back: what was acknowledged can be read, and a write is made or
  // refused.
  void Look() {
    std::string value;
    for (int i = 0; i < kOldKeys; ++i) {
      const absl::Status status = db_->Get({}, OldKey(i), &value);
      if (!status.ok() || value != OldValue(i)) {
        report_.Bad(absl::StrCat("afterwards: Get of ", OldKey(i), ": ",
                                 status.ToString()));
      }
    }
    for (int i = 0; i < kWrites; ++i) {
      if (report_.writes[i] != WriteState::kAcknowledged) continue;
      const absl::Status status = db_->Get({}, NewKey(i), &value);
      if (!status.ok() || value != NewValue(i)) {
        report_.Bad(absl::StrCat("afterwards: Get of ", NewKey(i), ": ",
                                 status.ToString()));
      }
    }
    if (part_.step == MemoryStep::kOpenReadOnly) return;
    db_->Put({.sync = true}, "afterwards", "").IgnoreError();
  }

  const MemoryPart& part_;
  const std::string path_;
  Report& report_;
  std::unique_ptr<DB> db_;
};

// Opens what a child has left and compares.
std::string CheckLeft(const std::string& path, const Report& report) {
  auto db = DB::Open(OptionsFor(ReadMode::kPread), path);
  if (!db.ok()) return absl::StrCat("reopening: ", db.status().ToString());
  std::string value;
  for (int i = 0; i < kOldKeys; ++i) {
    const absl::Status status = (*db)->Get({}, OldKey(i), &value);
    if (!status.ok() || value != OldValue(i)) {
      return absl::StrCat("reopened: Get of ", OldKey(i), ": ",
                          status.ToString());
    }
  }
  for (int i = 0; i < kWrites; ++i) {
    const WriteState state = report.writes[i];
    const absl::Status status = (*db)->Get({}, NewKey(i), &value);
    const bool right =
        status.ok()
            ? value == NewValue(i) && (state != WriteState::kNotBegun || i == 0)
            : absl::IsNotFound(status) && state != WriteState::kAcknowledged;
    if (!right) {
      return absl::StrCat("reopened: Get of ", NewKey(i), ": ",
                          status.ToString());
    }
  }
  const absl::Status closed = (*db)->Close();
  return closed.ok() ? "" : absl::StrCat("closing: ", closed.ToString());
}

// The terminate handler. An exception that left a noexcept function or a thread
// is current here; but where that function has something to clean up, GCC ends
// the process before it makes it so. It is still under way then, and what it is
// can only be told by what was thrown on this thread.
[[noreturn]] void EndByBadAlloc() {
  if (std::current_exception() == nullptr) {
    if (std::uncaught_exceptions() > 0 && MemoryThrownHere()) {
      _exit(kEndedByBadAlloc);
    }
  } else {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      _exit(kEndedByBadAlloc);
    } catch (...) {
    }
  }
  std::abort();
}

// One child. Returns whether a request failed in it.
bool RunPoint(const MemoryPart& part, const std::string& base,
              const std::string& path, uint64_t nth, MemoryOutcomes& outcomes) {
  std::filesystem::remove_all(path);
  std::filesystem::remove_all(path + "-checkpoint");
  std::filesystem::copy(base, path);
  const SharedMemory<Report> report;
  const pid_t child = fork();
  QUIRE_CHECK(child >= 0);
  if (child == 0) {
    std::set_terminate(EndByBadAlloc);
    alarm(kSecondsToLive);
    Life(part, path, *report).Run(nth);
    _exit(0);
  }
  int status = 0;
  QUIRE_CHECK(waitpid(child, &status, 0) == child);
  const bool ended =
      WIFEXITED(status) && WEXITSTATUS(status) == kEndedByBadAlloc;
  std::string bad = report->bad.data();
  if (WIFSIGNALED(status) && bad.empty()) {
    bad = WTERMSIG(status) == SIGALRM
              ? "no end"
              : absl::StrCat("signal ", WTERMSIG(status));
  }
  if (bad.empty()) bad = CheckLeft(path, *report);
  if (!bad.empty()) {
    outcomes.failures.push_back(absl::StrCat(
        MemoryStepName(part.step),
        part.sticky ? " from request " : " at request ", nth, ": ", bad));
  }
  if (!ended && !WIFSIGNALED(status) && report->failures == 0) return false;
  ++outcomes.points;
  if (ended) {
    ++outcomes.ended;
  } else if (report->ending == Ending::kDone) {
    ++outcomes.done;
  } else if (report->ending == Ending::kRefused) {
    ++outcomes.refused;
  } else if (report->ending == Ending::kThrown) {
    ++outcomes.thrown;
  }
  return true;
}

}  // namespace

const char* MemoryStepName(MemoryStep step) {
  switch (step) {
    case MemoryStep::kOpen:
      return "open";
    case MemoryStep::kOpenReadOnly:
      return "open_read_only";
    case MemoryStep::kRecover:
      return "recover";
    case MemoryStep::kPut:
      return "put";
    case MemoryStep::kGet:
      return "get";
    case MemoryStep::kScan:
      return "scan";
    case MemoryStep::kMerge:
      return "merge";
    case MemoryStep::kCheckpoint:
      return "checkpoint";
    case MemoryStep::kClose:
      return "close";
  }
  return "";
}

std::vector<MemoryStep> AllMemorySteps() {
  return {MemoryStep::kOpen,  MemoryStep::kOpenReadOnly, MemoryStep::kRecover,
          MemoryStep::kPut,   MemoryStep::kGet,          MemoryStep::kScan,
          MemoryStep::kMerge, MemoryStep::kCheckpoint,   MemoryStep::kClose};
}

void MemoryOutcomes::Add(const MemoryOutcomes& other) {
  points += other.points;
  done += other.done;
  refused += other.refused;
  thrown += other.thrown;
  ended += other.ended;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

MemoryOutcomes RunOutOfMemory(const MemoryPart& part,
                              const std::string& directory) {
  const std::string closed = directory + "/closed";
  const std::string open = directory + "/open";
  std::filesystem::remove_all(closed);
  std::filesystem::remove_all(open);
  // In a child: a database has threads.
  const pid_t child = fork();
  QUIRE_CHECK(child >= 0);
  if (child == 0) {
    MakeBase(closed, open);
    _exit(0);
  }
  int status = 0;
  QUIRE_CHECK(waitpid(child, &status, 0) == child && status == 0);
  MemoryOutcomes outcomes;
  const std::string& base = part.step == MemoryStep::kRecover ? open : closed;
  for (uint64_t nth = part.first;; nth += part.stride) {
    if (!RunPoint(part, base, directory + "/db", nth, outcomes)) break;
  }
  return outcomes;
}

}  // namespace quire::testing
