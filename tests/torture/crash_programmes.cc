#include "tests/torture/crash_programmes.h"

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "kv/db.h"
#include "tests/torture/crash_check.h"
#include "tests/torture/crash_model.h"
#include "tests/torture/dice.h"
#include "tests/torture/disk_image.h"
#include "tests/torture/history.h"
#include "tests/torture/memory_disk.h"
#include "tests/torture/observe.h"
#include "tests/torture/planted_bug.h"
#include "tests/torture/session.h"

namespace quire::torture {
namespace {

constexpr std::array kAlphabet = {
    Step::kPut,       Step::kPutSync,    Step::kDelete, Step::kBatch,
    Step::kBatchSync, Step::kLarge,      Step::kSync,   Step::kFlush,
    Step::kCompact,   Step::kCheckpoint, Step::kReopen};
constexpr uint64_t kLetters = kAlphabet.size();
constexpr uint64_t kSequences =
    kLetters + kLetters * kLetters + kLetters * kLetters * kLetters;

// What a process needs to make and open small databases quickly.
void MakeQuick() {
  // Else each of a database's buffers costs the clearing of 2 MiB.
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

std::vector<Step> SequenceOf(uint64_t number) {
  std::vector<Step> steps;
  for (uint64_t length = 1, count = kLetters;; ++length, count *= kLetters) {
    if (number >= count) {
      number -= count;
      continue;
    }
    for (; length > 0; --length, number /= kLetters) {
      steps.push_back(kAlphabet[number % kLetters]);
    }
    return steps;
  }
}

SessionOptions OptionsOf(uint64_t seed, Dice& dice) {
  static constexpr std::array kModes = {
      io::ReadMode::kPread, io::ReadMode::kBuffered, io::ReadMode::kMmap,
      io::ReadMode::kDirect};
  SessionOptions options;
  options.read_mode = kModes[seed % kModes.size()];
  if (dice.OneIn(2)) options.io_engine = io::IoEngine::kIoUring;
  options.automatic_merges = dice.OneIn(2);
  options.seed = seed;
  return options;
}

// A database with two runs, older versions, tombstones and a log that was
// recovered; closed.
struct Prepared {
  DiskImage image;
  State state;
};
const Prepared& PreparedDatabase() {
  static const Prepared* const prepared = [] {
    MemoryDisk disk;
    Session session(disk, {.seed = 1}, [] { return size_t{0}; });
    QUIRE_CHECK(session.Open());
    for (const Step step : {Step::kBatchSync, Step::kPut, Step::kLarge,
                            Step::kFlush, Step::kDelete, Step::kBatch,
                            Step::kFlush, Step::kPutSync, Step::kReopen}) {
      session.Do(step);
    }
    session.Drop();
    QUIRE_CHECK(session.failures().empty());
    return new Prepared{disk.Image(), session.history().last_state()};
  }();
  return *prepared;
}

// A life that was lived, and its crashes.
class Life {
 public:
  Life(std::string programme, uint64_t seed, bool prepared, Outcome& outcome)
      : programme_(std::move(programme)),
        seed_(seed),
        outcome_(outcome),
        dice_(MixBits(seed)),
        options_(OptionsOf(seed, dice_)),
        disk_(prepared ? PreparedDatabase().image : DiskImage()),
        planted_(disk_),
        session_(
            planted_.front(), options_, [this] { return disk_.tape_size(); },
            prepared ? PreparedDatabase().state : State()) {
    // Files that other modes than pread can work on cost more.
    expose_ = options_.read_mode == io::ReadMode::kMmap || dice_.OneIn(8);
    disk_.expose_descriptors(expose_);
    disk_.StartTape();
  }

  // Lives the steps; the crashes are those of the last `crashed` of them.
  void Live(std::span<const Step> steps, size_t crashed) {
    for (size_t i = 0; i < steps.size(); ++i) {
      if (i + crashed == steps.size()) first_ = disk_.tape_size();
      absl::StrAppend(&text_, i > 0 ? "," : "", StepName(steps[i]));
      session_.Do(steps[i]);
    }
    tape_ = disk_.TakeTape();
    highest_inode_ = HighestInode(tape_);
    session_.Drop();
    for (const std::string& failure : session_.failures()) Fail("", failure);
    ++outcome_.counts["lives"];
  }

  // `some`: of the tearings of a boundary, each with this likelihood.
  void Crash(uint64_t one_in, int depth) {
    for (const Naming naming : {Naming::kStrict, Naming::kJournal}) {
      CrashModel model(tape_, naming);
      for (size_t position = 0; position <= tape_.ops.size(); ++position) {
        if (position >= first_) {
          for (const Tearing& tearing : Tearings()) {
            // What has a choice is made three times.
            for (int draw = 0; draw < 3; ++draw) {
              if (!dice_.OneIn(one_in)) continue;
              CrashAt(model, position, tearing, naming, depth);
              if (outcome_.failures.size() >= 5) return;
            }
          }
        }
        if (position < tape_.ops.size()) model.Apply(tape_.ops[position]);
      }
    }
  }

 private:
  void Fail(const std::string& where, const std::string& failure) {
    outcome_.failures.push_back(absl::StrCat("--programme=", programme_,
                                             " --seeds=", seed_, ": ", text_,
                                             where, ": ", failure));
  }

  void CrashAt(const CrashModel& model, size_t position, const Tearing& tearing,
               Naming naming, int depth) {
    const bool death = &tearing == &Tearings().front();
    const History& history = session_.history();
    const History::Bounds later = history.AfterPowerLoss(position);
    const History::Bounds bounds = death ? history.AfterDeath(position) : later;
    uint64_t fingerprint = 0;
    DiskImage image = model.Cut(tearing, dice_.Next(), &fingerprint);
    if (death) NumberFrom(highest_inode_, image);
    if (!seen_.insert({fingerprint, bounds.lower, bounds.upper}).second) {
      return;
    }
    uint64_t crashes = 0;
    uint64_t faults = 0;
    const CrashCheckOptions options = {
        .session = options_,
        .expose_descriptors = expose_,
        .depth = depth == 0 ? 0 : 1 + static_cast<int>(dice_.Below(depth)),
        .disk = death ? &model : nullptr,
        .seed = dice_.Next(),
        .faults = &faults};
    for (const std::string& failure :
         CheckCrash(image,
                    {.history = history,
                    .bounds = bounds,
                    .later_bounds = later,
                    .checkpoints = session_.checkpoints(),
                    .position = position},
                    options, &crashes)) {
      Fail(absl::StrCat("; crash at ", position, " of ", tape_.ops.size(), ", ",
                        tearing.name,
                        naming == Naming::kStrict ? ", strict" : ", journal"),
           failure);
    }
    ++outcome_.counts["crash states"];
    if (depth == 0) return;
    outcome_.counts["crashes during recovery"] += crashes;
    outcome_.counts["faults during recovery"] += faults;
  }

  const std::string programme_;
  const uint64_t seed_;
  Outcome& outcome_;
  Dice dice_;
  const SessionOptions options_;
  bool expose_ = false;
  MemoryDisk disk_;
  PlantedFileSystem planted_;
  Session session_;
  std::string text_;
  size_t first_ = 0;
  DiskTape tape_;
  uint64_t highest_inode_ = 0;
  std::set<std::tuple<uint64_t, size_t, size_t>> seen_;
};

void RunSequence(uint64_t seed, Outcome& outcome) {
  MakeQuick();
  Life life("crash_sequences", seed, seed >= kSequences, outcome);
  const std::vector<Step> steps = SequenceOf(seed % kSequences);
  life.Live(steps, 1);
  life.Crash(1, 0);
}

// A large old run, and small ones that are merged beside it.
std::vector<Step> StepsOfMerges(Dice& dice) {
  std::vector<Step> steps(6, Step::kFill);
  steps.push_back(Step::kCompact);
  for (int i = 0; i < 6; ++i) {
    steps.push_back(dice.OneIn(2) ? Step::kDelete : Step::kPut);
    if (dice.OneIn(2)) steps.push_back(Step::kDelete);
    steps.push_back(Step::kFlush);
    steps.push_back(Step::kRead);
  }
  return steps;
}

std::vector<Step> RandomSteps(uint64_t seed) {
  Dice dice(MixBits(seed + 99));
  if (seed % 16 == 7) return StepsOfMerges(dice);
  std::vector<Step> steps;
  const uint64_t count = 4 + dice.Below(16);
  while (steps.size() < count) {
    // Reopen twice as often.
    steps.push_back(dice.OneIn(12)
                        ? Step::kReopen
                        : static_cast<Step>(dice.Below(
                              static_cast<uint64_t>(Step::kFill) + 1)));
  }
  return steps;
}

void RunLife(uint64_t seed, Outcome& outcome) {
  MakeQuick();
  Life life("crash_lives", seed, seed % 3 == 0, outcome);
  const std::vector<Step> steps = RandomSteps(seed);
  life.Live(steps, steps.size());
  life.Crash(6, 0);
}

void RunRecovery(uint64_t seed, Outcome& outcome) {
  MakeQuick();
  Life life("crash_recoveries", seed, seed % 3 == 0, outcome);
  const std::vector<Step> steps = RandomSteps(seed + 1'000'000);
  life.Live(steps, steps.size());
  life.Crash(8, 3);
}

// Flips a bit of each byte of the log of `image` in turn.
void RotEachByte(uint64_t seed, const SessionOptions& options,
                 const DiskImage& image, const History& history,
                 Outcome& outcome) {
  const auto log = std::find_if(
      image.files.rbegin(), image.files.rend(),
      [](const auto& file) { return file.first.ends_with(".seg"); });
  QUIRE_CHECK(log != image.files.rend());
  for (size_t at = 0; at < log->second->size(); ++at) {
    // Of the header page only what is in use.
    if (at == 100) at = 4080;
    auto bytes = std::make_shared<Bytes>(*log->second);
    (*bytes)[at] ^= std::byte{1} << (seed + at) % 8;
    DiskImage rotten = image;
    rotten.files[log->first] = bytes;
    MemoryDisk disk(rotten);
    PlantedFileSystem planted(disk);
    std::vector<std::string> failures;
    const absl::StatusOr<std::unique_ptr<DB>> db =
        DB::Open(DatabaseOptions(options, planted.front()), kDatabasePath);
    ++outcome.counts["bits flipped"];
    if (db.ok()) {
      const Observed observed =
          Observe(**db, history.keys(), {.errors_allowed = true}, failures);
      if (const auto wrong =
              history.Explain(observed, history.AfterPowerLoss(0))) {
        failures.push_back(*wrong);
      }
    } else if (db.status().message().find(log->first) ==
               absl::string_view::npos) {
      failures.push_back(db.status().ToString());
    }
    for (const std::string& failure : failures) {
      outcome.failures.push_back(
          absl::StrCat("--programme=rotten_logs --seeds=", seed, ": ",
                       log->first, " at ", at, ": ", failure));
    }
    if (outcome.failures.size() >= 5) return;
  }
}

void RunRottenLog(uint64_t seed, Outcome& outcome) {
  MakeQuick();
  Dice dice(MixBits(seed + 7));
  const SessionOptions options = {.seed = seed};
  MemoryDisk disk;
  PlantedFileSystem planted(disk);
  Session session(planted.front(), options, [] { return size_t{0}; });
  if (dice.OneIn(2)) {
    session.Do(Step::kBatch);
    session.Do(Step::kFlush);
  }
  for (uint64_t i = 1 + dice.Below(4); i > 0; --i) {
    session.Do(dice.OneIn(2) ? Step::kPutSync : Step::kBatchSync);
  }
  // Says that all before is durable.
  session.Do(Step::kPut);
  const DiskImage image = disk.Image();
  session.Drop();
  outcome.failures = session.failures();
  RotEachByte(seed, options, image, session.history(), outcome);
}

}  // namespace

Programme CrashSequences() {
  return {.name = "crash_sequences",
          .description =
              "all sequences of up to three steps, a crash at each "
              "boundary, torn in every way",
          .bars = {{"lives", 2 * kSequences}},
          .seed_count = 2 * kSequences,
          .run = RunSequence};
}

Programme CrashLives() {
  return {.name = "crash_lives",
          .description = "random lives, crashes at each boundary",
          .bars = {{"crash states", 200'000}},
          .run = RunLife};
}

Programme CrashRecoveries() {
  return {.name = "crash_recoveries",
          .description =
              "random lives, crashes, and crashes and faults while recovering "
              "from them, up to three more",
          .bars = {{"crashes during recovery", 20'000},
                   {"faults during recovery", 10'000}},
          .run = RunRecovery};
}

Programme RottenLogs() {
  return {.name = "rotten_logs",
          .description =
              "each byte of an unclosed log that was synced is "
              "damaged",
          .bars = {{"bits flipped", 20'000}},
          .run = RunRottenLog};
}

}  // namespace quire::torture
