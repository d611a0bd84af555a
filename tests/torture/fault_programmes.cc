#include "tests/torture/fault_programmes.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
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

// What a seed stands for.
struct Case {
  uint64_t seed = 0;
  io::ReadMode mode = io::ReadMode::kPread;
  FaultKind kind = FaultKind::kIoError;
  bool sticky = false;
  std::vector<Step> steps = {};
  int start = 0;  // 0: no database, 1: a closed one, 2: one that was killed

  const char* kind_name() const {
    return kKindNames[static_cast<size_t>(kind)];
  }
};

Case CaseOf(uint64_t seed) {
  Case result = {.seed = seed};
  result.mode = kModes[seed % 4];
  result.kind = kKinds[seed / 4 % 4];
  result.sticky = seed / 16 % 2 == 1;
  const uint64_t scenario = seed / 32;
  result.start = static_cast<int>(scenario % 3);
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
  some(2);
  result.steps.push_back(Step::kRead);
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
    SessionOptions options = {.read_mode = case_.mode,
                              .io_engine = dice_.OneIn(2)
                                               ? io::IoEngine::kPreadv
                                               : io::IoEngine::kIoUring,
                              .automatic_merges = dice_.OneIn(2),
                              .seed = case_.seed / 32};
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
    std::string steps;
    for (const Step step : case_.steps) {
      absl::StrAppend(&steps, steps.empty() ? "" : ",", StepName(step));
    }
    failures_.push_back(absl::StrCat(
        "--programme=nth_operations --seeds=", case_.seed, ": from start ",
        case_.start, ": ", steps, "; ", io::ReadModeName(case_.mode), ", ",
        case_.kind_name(), case_.sticky ? " from" : " at",
        place_ == Place::kTouch ? " touch " : " operation ", nth_, ": ", text));
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

void RunOnDisk(const Case& what, Place place, Outcome& outcome) {
  for (uint64_t nth = 1;; ++nth) {
    FaultyLife life(what, place, nth);
    const uint64_t failed = life.Run();
    outcome.failures.insert(outcome.failures.end(), life.failures().begin(),
                            life.failures().end());
    if (failed == 0 || outcome.failures.size() >= 5) return;
    ++outcome.counts[absl::StrCat("faults, ", io::ReadModeName(what.mode))];
    outcome.counts["operations that failed"] += failed;
  }
}

// The same on files of the real file system: interruptions and short transfers
// are no errors to anybody above.
void RunOnFiles(const Case& what, Outcome& outcome) {
  namespace fs = std::filesystem;
  const std::string root = absl::StrCat("/dev/shm/quire-torture-", getpid());
  for (uint64_t nth = 1;; ++nth) {
    fs::remove_all(root);
    fs::create_directory(root);
    Dice dice(MixBits(what.seed * 1'000'003 + nth));
    Session session(io::PosixFileSystem(),
                    {.read_mode = what.mode,
                     .automatic_merges = dice.OneIn(2),
                     .seed = what.seed / 32,
                     .root = root},
                    [] { return size_t{0}; });
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
      outcome.failures.push_back(absl::StrCat(
          "--programme=nth_operations --seeds=", what.seed, ": ",
          io::ReadModeName(what.mode), ", ", what.kind_name(),
          what.sticky ? " from" : " at", " call ", nth, ": ", failure));
    }
    if (met == 0 || outcome.failures.size() >= 5) break;
    ++outcome.counts[absl::StrCat("faults, ", io::ReadModeName(what.mode))];
    outcome.counts["operations that failed"] += met;
  }
  fs::remove_all(root);
}

void RunCase(uint64_t seed, Outcome& outcome) {
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  const Case what = CaseOf(seed);
  if (what.kind == FaultKind::kInterrupted || what.kind == FaultKind::kShort) {
    RunOnFiles(what, outcome);
    return;
  }
  RunOnDisk(what, Place::kFileSystem, outcome);
  if (what.mode == io::ReadMode::kMmap && what.kind == FaultKind::kIoError) {
    RunOnDisk(what, Place::kTouch, outcome);
  }
}

}  // namespace

Programme NthOperations() {
  Programme programme = {
      .name = "nth_operations",
      .description =
          "the nth operation of a database's life fails, for all n, "
          "in all read modes",
      .run = RunCase};
  for (const io::ReadMode mode : kModes) {
    programme.bars[absl::StrCat("faults, ", io::ReadModeName(mode))] = 50'000;
  }
  return programme;
}

}  // namespace quire::torture
