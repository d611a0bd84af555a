#include "tests/torture/fault_programmes.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "io/mmap_page_provider.h"
#include "io/open_provider.h"
#include "io/posix_file_system.h"
#include "tests/torture/crash_check.h"
#include "tests/torture/crash_model.h"
#include "tests/torture/dice.h"
#include "tests/torture/memory_disk.h"
#include "tests/torture/observe.h"
#include "tests/torture/planted_bug.h"
#include "tests/torture/session.h"
#include "tests/torture/syscall_faults.h"
#include "tests/torture/touch_faults.h"

namespace quire::torture {
namespace {

enum class FaultKind : uint8_t { kIoError, kNoSpace, kInterrupted, kShort };

constexpr std::array kModes = {io::ReadMode::kPread, io::ReadMode::kBuffered,
                               io::ReadMode::kMmap, io::ReadMode::kDirect};
constexpr std::array kKinds = {FaultKind::kIoError, FaultKind::kNoSpace,
                               FaultKind::kInterrupted, FaultKind::kShort};
constexpr std::array kKindNames = {"EIO", "no space", "interrupted", "short"};

// How many operations a life has differs a little with the timing of the
// background threads: so many in a row that no life comes to are the end.
constexpr int kMissesToEnd = 4;

constexpr size_t kMaxFailures = 5;

// What a seed stands for.
struct Case {
  uint64_t seed = 0;
  io::ReadMode mode = io::ReadMode::kPread;
  FaultKind kind = FaultKind::kIoError;
  bool sticky = false;
  std::vector<Step> steps = {};
  int start = 0;  // 0: no database, 1: a closed one, 2: one that was killed
  bool automatic_merges = false;
  // Other than kPreadv under mmap only: elsewhere the simulated disk has no
  // descriptors, and every read is a ReadAt.
  io::IoEngine io_engine = io::IoEngine::kPreadv;

  SessionOptions session() const {
    return {.read_mode = mode,
            .io_engine = io_engine,
            .automatic_merges = automatic_merges,
            .seed = seed / 32};
  }
  std::string Describe(const char* counted, uint64_t nth) const;
};

std::string Case::Describe(const char* counted, uint64_t nth) const {
  std::string text =
      absl::StrCat("--programme=nth_operations --seeds=", seed, ": from start ",
                   start, automatic_merges ? " with merges: " : ": ");
  for (size_t i = 0; i < steps.size(); ++i) {
    absl::StrAppend(&text, i > 0 ? "," : "", StepName(steps[i]));
  }
  absl::StrAppend(&text, "; ", io::ReadModeName(mode), ", ",
                  io::IoEngineName(io_engine), ", ",
                  kKindNames[static_cast<size_t>(kind)],
                  sticky ? " from " : " at ", counted, " ", nth, ": ");
  return text;
}

Case CaseOf(uint64_t seed) {
  Case result = {.seed = seed};
  result.mode = kModes[seed % 4];
  result.kind = kKinds[seed / 4 % 4];
  result.sticky = seed / 16 % 2 == 1;
  const uint64_t scenario = seed / 32;
  result.start = static_cast<int>(scenario % 3);
  result.automatic_merges = scenario / 3 % 2 == 1;
  Dice dice(MixBits(scenario + 5));
  static constexpr std::array kCommon = {
      Step::kPut,       Step::kPutSync, Step::kDelete, Step::kBatch,
      Step::kBatchSync, Step::kLarge,   Step::kSync,   Step::kFlush,
      Step::kSnapshot,  Step::kRelease, Step::kRead};
  const auto some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      result.steps.push_back(kCommon[dice.Below(kCommon.size())]);
    }
  };
  some(4);
  result.steps.push_back(Step::kFlush);
  some(2);
  if (dice.OneIn(3)) result.steps.push_back(Step::kFill);
  result.steps.push_back(Step::kFlush);
  result.steps.push_back(Step::kRead);
  result.steps.push_back(Step::kCompact);
  some(2);
  result.steps.push_back(Step::kCheckpoint);
  result.steps.push_back(Step::kPutSync);
  result.steps.push_back(Step::kReopen);
  // Two that the last log holds, most often.
  result.steps.push_back(Step::kPut);
  some(2);
  result.steps.push_back(Step::kPut);
  result.steps.push_back(Step::kRead);
  const bool on_disk =
      result.kind == FaultKind::kIoError || result.kind == FaultKind::kNoSpace;
  if (on_disk && result.mode == io::ReadMode::kMmap && dice.OneIn(2)) {
    result.io_engine = io::IoEngine::kIoUring;
  }
  return result;
}

// The state that a case starts from, by its number.
struct Start {
  DiskImage image;
  State state;
};
const Start& StartOf(int number) {
  static const auto* const starts = [] {
    auto* const made = new std::array<Start, 3>;
    MemoryDisk disk;
    Session session(disk, {.seed = 2}, [] { return size_t{0}; });
    for (const Step step :
         {Step::kBatchSync, Step::kPut, Step::kLarge, Step::kFlush,
          Step::kDelete, Step::kBatch, Step::kFlush, Step::kReopen}) {
      session.Do(step);
    }
    (*made)[1] = {disk.Image(), session.history().last_state()};
    // The one that is closed is opened again, and killed.
    for (const Step step : {Step::kPutSync, Step::kDelete, Step::kBatch}) {
      session.Do(step);
    }
    (*made)[2] = {disk.Image(), session.history().last_state()};
    session.Drop();
    QUIRE_CHECK(session.failures().empty());
    return made;
  }();
  return (*starts)[static_cast<size_t>(number)];
}

const std::set<FileOp>& OperationsWithoutSpace() {
  static const auto* const operations = new std::set<FileOp>{
      FileOp::kCreate, FileOp::kWrite,           FileOp::kSync,
      FileOp::kClose,  FileOp::kRename,          FileOp::kLink,
      FileOp::kCopy,   FileOp::kCreateDirectory, FileOp::kSyncDirectory};
  return *operations;
}

// Where a fault is.
enum class Place : uint8_t { kFileSystem, kTouch };

// One life with one fault, on a simulated disk.
class FaultyLife {
 public:
  FaultyLife(const Case& what, Place place, uint64_t nth)
      : case_(what),
        place_(place),
        nth_(nth),
        dice_(MixBits(what.seed * 1'000'003 + nth)),
        disk_(StartOf(what.start).image),
        touches_(disk_),
        planted_(disk_),
        session_(
            planted_.front(), Options(), [this] { return disk_.tape_size(); },
            StartOf(what.start).state) {
    // Reads by descriptor go past the disk's faults; mmap can't do without.
    disk_.expose_descriptors(what.mode == io::ReadMode::kMmap);
    disk_.StartTape();
  }

  // How many operations failed.
  uint64_t Run() {
    Arm();
    session_.set_errors_allowed(true);
    for (const Step step : case_.steps) session_.Do(step);
    const uint64_t failed =
        place_ == Place::kTouch ? touches_.Disarm() : disk_.Disarm();
    session_.set_errors_allowed(false);
    if (session_.db() != nullptr) session_.Do(Step::kRead);
    const size_t died = disk_.tape_size();
    const DiskImage image = disk_.Image();
    CheckImage("death", image, session_.history(),
               session_.history().AfterDeath(died), died);
    GoOn(died);
    for (const std::string& failure : session_.failures()) Fail(failure);
    return failed;
  }

  const std::vector<std::string>& failures() const { return failures_; }

 private:
  SessionOptions Options() {
    SessionOptions options = case_.session();
    if (place_ == Place::kTouch) {
      options.provider_factory = [this](io::FileSystem& file_system,
                                        const std::string&)
          -> absl::StatusOr<std::unique_ptr<io::PageProvider>> {
        return touches_.Wrap(io::NewMmapPageProvider({}, file_system));
      };
    }
    return options;
  }

  void Arm() {
    if (place_ == Place::kTouch) {
      touches_.Arm(nth_, case_.sticky);
      return;
    }
    OperationFault fault = {.nth = nth_, .sticky = case_.sticky, .error = EIO};
    fault.seed = dice_.Next();
    fault.may_apply = true;
    if (case_.kind == FaultKind::kNoSpace) {
      fault.error = ENOSPC;
      fault.kinds = OperationsWithoutSpace();
      fault.may_apply = false;
    }
    disk_.Arm(fault);
  }

  // The database is closed, opened and read, without faults; then the power
  // goes.
  void GoOn(size_t died) {
    session_.Drop();
    if (!session_.Open()) return;
    std::vector<std::string> failures;
    const Observed observed =
        Observe(*session_.db(), session_.history().keys(), {}, failures);
    for (const std::string& failure : failures) {
      Fail(absl::StrCat("reopened: ", failure));
    }
    if (const auto wrong = session_.history().Explain(
            observed, session_.history().AfterDeath(died))) {
      Fail(absl::StrCat("reopened: ", *wrong));
    }
    const DiskTape tape = disk_.TakeTape();
    const Naming naming = dice_.OneIn(2) ? Naming::kStrict : Naming::kJournal;
    CrashModel model(tape, naming);
    for (size_t i = 0; i <= tape.ops.size(); ++i) {
      if (i == died) {
        Cut("power loss", model, session_.history(),
            session_.history().AfterPowerLoss(died), died);
      }
      if (i < tape.ops.size()) model.Apply(tape.ops[i]);
    }
    State state;
    for (const auto& [key, value] : observed.values) {
      if (value.has_value()) state[key] = *value;
    }
    Cut("power loss after reopening", model, History(state), {0, 0},
        tape.ops.size());
  }

  void Cut(const char* when, const CrashModel& model, const History& history,
           History::Bounds bounds, size_t position) {
    const Tearing& tearing = Tearings()[1 + dice_.Below(Tearings().size() - 1)];
    uint64_t fingerprint = 0;
    CheckImage(absl::StrCat(when, ", ", tearing.name),
               model.Cut(tearing, dice_.Next(), &fingerprint), history, bounds,
               position);
  }

  void CheckImage(const std::string& when, const DiskImage& image,
                  const History& history, History::Bounds bounds,
                  size_t position) {
    static const auto* const none = new std::vector<Checkpoint>;
    uint64_t states = 0;
    for (const std::string& failure : CheckCrash(
             image,
             {.history = history,
             .bounds = bounds,
             .later_bounds = bounds,
             .checkpoints = history.batch_count() > 0 ? session_.checkpoints()
                                                      : *none,
             .position = position},
             {.session = {.seed = case_.seed}, .seed = dice_.Next()},
             &states)) {
      Fail(absl::StrCat(when, ": ", failure));
    }
  }

  void Fail(const std::string& text) {
    failures_.push_back(absl::StrCat(
        case_.Describe(place_ == Place::kTouch ? "touch" : "operation", nth_),
        text));
  }

  const Case& case_;
  const Place place_;
  const uint64_t nth_;
  Dice dice_;
  MemoryDisk disk_;
  TouchFaults touches_;
  PlantedFileSystem planted_;
  Session session_;
  std::vector<std::string> failures_;
};

// Calls `run` with each `stride`th number from 1 on, until nothing fails any
// more. It gives how many operations failed.
template <typename Run>
void ForEachNth(const Case& what, uint64_t stride, Outcome& outcome, Run run) {
  int misses = 0;
  for (uint64_t nth = 1; misses < kMissesToEnd; nth += stride) {
    const uint64_t failed = run(nth);
    if (outcome.failures.size() >= kMaxFailures) return;
    misses = failed == 0 ? misses + 1 : 0;
    if (failed == 0) continue;
    ++outcome.counts[absl::StrCat("faults, ", io::ReadModeName(what.mode))];
    outcome.counts["operations that failed"] += failed;
  }
}

void RunOnDisk(const Case& what, Place place, uint64_t stride,
               Outcome& outcome) {
  ForEachNth(what, stride, outcome, [&](uint64_t nth) {
    FaultyLife life(what, place, nth);
    const uint64_t failed = life.Run();
    outcome.failures.insert(outcome.failures.end(), life.failures().begin(),
                            life.failures().end());
    return failed;
  });
}

// Lets `folder` have these files and directories only.
void MakeFolder(const std::string& folder, const DiskImage& image) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  for (const std::string& path : image.directories) {
    std::filesystem::create_directory(folder + path);
  }
  for (const auto& [path, bytes] : image.files) {
    std::ofstream file(folder + path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes->data()),
               static_cast<std::streamsize>(bytes->size()));
    file.close();
    QUIRE_CHECK(file.good());
  }
}

// The same on files of the real file system: interruptions and short transfers
// are no errors to anybody above.
void RunOnFiles(const Case& what, uint64_t stride, Outcome& outcome) {
  const std::string root = absl::StrCat("/dev/shm/quire-torture-", getpid());
  const Start& start = StartOf(what.start);
  SessionOptions options = what.session();
  options.root = root;
  ForEachNth(what, stride, outcome, [&](uint64_t nth) {
    MakeFolder(root, start.image);
    Session session(
        io::PosixFileSystem(), options, [] { return size_t{0}; }, start.state);
    ArmSyscallFaults(what.kind == FaultKind::kShort
                         ? SyscallFault::kShort
                         : SyscallFault::kInterrupted,
                     nth, what.sticky);
    for (const Step step : what.steps) session.Do(step);
    session.Do(Step::kReopen);
    const uint64_t met = DisarmSyscallFaults();
    session.Do(Step::kRead);
    session.Drop();
    for (const std::string& failure : session.failures()) {
      outcome.failures.push_back(
          absl::StrCat(what.Describe("call", nth), failure));
    }
    return met;
  });
  std::filesystem::remove_all(root);
}

// A life has some forty threads of databases. The C library keeps 40 MiB of
// their stacks for the next ones; others it maps and unmaps.
void ShrinkStacks() {
  pthread_attr_t attributes;
  QUIRE_CHECK(pthread_getattr_default_np(&attributes) == 0);
  QUIRE_CHECK(pthread_attr_setstacksize(&attributes, 1 << 20) == 0);
  QUIRE_CHECK(pthread_setattr_default_np(&attributes) == 0);
  pthread_attr_destroy(&attributes);
}

}  // namespace

void RunEveryNth(uint64_t seed, uint64_t stride, Outcome& outcome) {
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  ShrinkStacks();
  const Case what = CaseOf(seed);
  if (what.kind == FaultKind::kInterrupted || what.kind == FaultKind::kShort) {
    RunOnFiles(what, stride, outcome);
    return;
  }
  RunOnDisk(what, Place::kFileSystem, stride, outcome);
  if (what.mode == io::ReadMode::kMmap && what.kind == FaultKind::kIoError) {
    RunOnDisk(what, Place::kTouch, stride, outcome);
  }
}

Programme NthOperations() {
  Programme programme = {
      .name = "nth_operations",
      .description =
          "the nth operation of a database's life fails, for all n, "
          "in all read modes",
      .run = [](uint64_t seed, Outcome& outcome) {
        RunEveryNth(seed, /*stride=*/1, outcome);
      }};
  for (const io::ReadMode mode : kModes) {
    programme.bars[absl::StrCat("faults, ", io::ReadModeName(mode))] = 50'000;
  }
  return programme;
}

}  // namespace quire::torture
