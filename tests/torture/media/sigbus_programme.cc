#include "tests/torture/media/sigbus_programme.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
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

constexpr size_t kPage = 4096;
constexpr size_t kThreads = 4;
constexpr uint64_t kFailures = 10000;  // in one seed
constexpr uint64_t kForeignFaults = 100;
constexpr uint64_t kKeys = 500;
constexpr std::chrono::minutes kPatience{4};

std::string Key(uint64_t number) { return absl::StrCat("key", number); }
std::string Value(uint64_t number) {
  return absl::StrCat(number, std::string(3000, 'v'));
}

struct Findings {
  // Each is a count for itself.
  std::atomic<uint64_t> signals{0};
  std::atomic<uint64_t> foreign{0};
  std::atomic<uint64_t> errors{0};  // of reads, by a signal
  std::atomic<bool> complained{false};
  std::array<char, 2000> wrong{};

  void Complain(const std::string& text) {
    if (complained.exchange(true)) return;
    std::memcpy(wrong.data(), text.data(),
                std::min(text.size(), wrong.size() - 1));
  }
};

// --- Handlers ----------------------------------------------------------------

// For the handlers; set before they are.
Findings* findings = nullptr;
struct sigaction library_action = {};
thread_local sigjmp_buf foreign_resume;
thread_local bool foreign_expected = false;
thread_local volatile sig_atomic_t signalled = 0;

// The application's, set before the library's: what the library passes on.
void HandleForeign(int, siginfo_t*, void*) {
  if (!foreign_expected) _exit(9);  // a fault of the library's
  ++findings->foreign;
  siglongjmp(foreign_resume, 1);
}

// Set after the library's, as an application may that passes on all it gets.
void CountAndPassOn(int number, siginfo_t* info, void* context) {
  ++findings->signals;
  signalled = 1;
  library_action.sa_sigaction(number, info, context);
}

void Install(void (*handler)(int, siginfo_t*, void*), struct sigaction* old) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  QUIRE_CHECK(sigaction(SIGBUS, &action, old) == 0);
}

// False if touching it was a fault, which the application's handler saw.
bool CanTouch(const volatile char* page) {
  if (sigsetjmp(foreign_resume, 1) != 0) return false;
  static_cast<void>(page[0]);
  return true;
}

// Touches a page of its own that can't be read.
void MeetForeignFaults() {
  const int fd = memfd_create("empty", MFD_CLOEXEC);
  QUIRE_CHECK(fd >= 0);
  void* const page = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
  QUIRE_CHECK(page != MAP_FAILED);
  foreign_expected = true;
  for (uint64_t i = 0; i < kForeignFaults; ++i) {
    QUIRE_CHECK(!CanTouch(static_cast<const char*>(page)));
  }
  munmap(page, kPage);
  close(fd);
}

// --- Readers -----------------------------------------------------------------

absl::Status Fill(const std::string& path) {
  Options options;
  options.create_if_missing = true;
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
  if (!db.ok()) return db.status();
  for (uint64_t i = 0; i < kKeys; ++i) {
    QUIRE_RETURN_IF_ERROR((*db)->Put({}, Key(i), Value(i)));
  }
  return (*db)->Close();
}

void ReadUntilEnough(DB& db, uint64_t seed, size_t thread) {
  std::mt19937_64 random = SeededRandom({.seed = seed}, thread);
  std::string value;
  while (findings->errors < kFailures && !findings->complained) {
    const uint64_t number = random() % kKeys;
    signalled = 0;
    const absl::Status status = db.Get({}, Key(number), &value);
    if (status.ok() && value == Value(number)) continue;
    if (signalled != 0) ++findings->errors;
    if (!(absl::IsUnavailable(status) || absl::IsDataLoss(status)) ||
        !absl::StrContains(status.message(), ".seg")) {
      findings->Complain(absl::StrCat(
          "Get: ", status.ok() ? "wrong value" : status.ToString()));
    }
  }
}

// Cuts all segments off behind their first page.
void CutShort(const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".seg") {
      QUIRE_CHECK(truncate(entry.path().c_str(), kPage) == 0);
    }
  }
}

// The process that meets the storm. With a `disk`, its reads fail.
int MeetTheStorm(const std::string& path, uint64_t seed, FuseDisk* disk) {
  struct sigaction before = {};
  Install(HandleForeign, &before);
  if (before.sa_handler != SIG_DFL) {
    findings->Complain("a handler was there before the application's");
    return 0;
  }
  Options options;
  options.provider.read_mode = ReadMode::kMmap;
  options.provider.read_mode_policy = ProviderPolicy::kRequire;
  const absl::Status filled = Fill(path);
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
  std::string value;
  if (!filled.ok() || !db.ok() || !(*db)->Get({}, Key(0), &value).ok()) {
    findings->Complain(absl::StrCat("before the storm: ", filled.ToString(),
                                    ", ", db.status().ToString()));
    return 0;
  }
  Install(CountAndPassOn, &library_action);
  // A new open drops what the page cache has.
  if (disk != nullptr) {
    db->reset();
    db = DB::Open(options, path);
    QUIRE_CHECK(db.ok());
    DiskFault fault = {.op = DiskOp::kRead};
    fault.set_path_contains(".seg");
    disk->Inject(fault);
  } else {
    CutShort(path);
  }
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { ReadUntilEnough(**db, seed, i); });
  }
  threads.emplace_back(MeetForeignFaults);
  for (std::thread& thread : threads) thread.join();
  if (disk == nullptr) return 0;
  disk->ClearFaults();
  for (uint64_t i = 0; i < kKeys; ++i) {
    const absl::Status status = (*db)->Get({}, Key(i), &value);
    if (status.ok() && value == Value(i)) continue;
    findings->Complain("after the storm: " + status.ToString());
  }
  return 0;
}

std::string WhatIsWrong(ChildProcess& process) {
  if (!process.WaitFor(kPatience)) return "reading hangs";
  if (findings->complained) return findings->wrong.data();
  if (!process.HowItFailed().empty()) return process.HowItFailed();
  if (findings->errors < kFailures) return "too few faults came";
  if (findings->foreign != kForeignFaults) {
    return absl::StrCat("the application's handler saw ",
                        findings->foreign.load(), " of its own ",
                        kForeignFaults, " faults");
  }
  return "";
}

void RunStorm(uint64_t seed, Outcome& outcome) {
  const testing::TempDirectory directory;
  std::unique_ptr<FuseDisk> disk;
  if (seed % 2 == 0) {
    disk = std::make_unique<FuseDisk>(directory.path(), Naming::kStrict);
    if (!disk->failure().empty()) {
      outcome.skipped = disk->failure();
      return;
    }
  }
  const testing::SharedMemory<Findings> shared;
  findings = &*shared;
  ChildProcess process(
      [&] { return MeetTheStorm(directory.File("db"), seed, disk.get()); });
  const std::string wrong = WhatIsWrong(process);
  if (!wrong.empty()) {
    outcome.failures.push_back(
        absl::StrCat("--programme=sigbus_storm --seeds=", seed, ": ", wrong));
  }
  outcome.counts["SIGBUS signals"] += findings->signals;
  outcome.counts["reads that failed"] += findings->errors;
  outcome.counts["faults of the application's own"] += findings->foreign;
}

}  // namespace

Programme SigbusProgramme() {
  Programme programme;
  programme.name = "sigbus_storm";
  programme.description = "four threads meet faults under mapped files";
  programme.bars = {{"reads that failed", 100000}};
  programme.run = RunStorm;
  return programme;
}

}  // namespace quire::torture
