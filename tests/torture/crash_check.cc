#include "tests/torture/crash_check.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "kv/db.h"
#include "tests/torture/crash_model.h"
#include "tests/torture/dice.h"
#include "tests/torture/memory_disk.h"
#include "tests/torture/observe.h"
#include "tests/torture/planted_bug.h"

namespace quire::torture {
namespace {

class Checker {
 public:
  Checker(const DiskImage& image, const CrashPromise& promise,
          const CrashCheckOptions& options, uint64_t* states)
      : promise_(promise),
        options_(options),
        states_(states),
        dice_(MixBits(options.seed + 1234)),
        disk_(image),
        planted_(disk_) {}

  std::vector<std::string> Run() {
    ++*states_;
    disk_.expose_descriptors(options_.expose_descriptors);
    if (options_.depth > 0) disk_.StartTape();
    if (dice_.OneIn(16)) CheckReadOnly();
    CheckOpen();
    for (const Checkpoint& checkpoint : promise_.checkpoints) {
      if (checkpoint.begun < promise_.position) CheckCheckpoint(checkpoint);
    }
    return std::move(failures_);
  }

 private:
  void Fail(std::string text) { failures_.push_back(std::move(text)); }

  Options DefaultOptions() {
    return DatabaseOptions(options_.session, planted_.front());
  }

  // What is in `db`; adds a failure if that is no state of `history`.
  Observed Read(const char* what, DB& db, const History& history,
                History::Bounds bounds) {
    std::vector<std::string> failures;
    Observed observed =
        Observe(db, history.keys(), {.thorough = dice_.OneIn(4)}, failures);
    if (const auto wrong = history.Explain(observed, bounds)) {
      failures.push_back(*wrong);
    }
    for (const std::string& failure : failures) {
      Fail(absl::StrCat(what, ": ", failure));
    }
    return observed;
  }

  void CheckReadOnly() {
    Options options = DefaultOptions();
    options.create_if_missing = false;
    options.read_only = true;
    const absl::StatusOr<std::unique_ptr<DB>> db =
        DB::Open(options, kDatabasePath);
    if (db.ok()) {
      Read("read-only", **db, promise_.history, promise_.bounds);
    } else if (promise_.bounds.lower > 0 || !absl::IsNotFound(db.status())) {
      Fail(absl::StrCat("read-only open: ", db.status().ToString()));
    }
  }

  void CheckOpen() {
    absl::StatusOr<std::unique_ptr<DB>> db =
        DB::Open(DefaultOptions(), kDatabasePath);
    if (!db.ok()) {
      Fail(absl::StrCat("open: ", db.status().ToString()));
      return;
    }
    const size_t opened = disk_.tape_size();
    const Observed observed =
        Read("recovered", **db, promise_.history, promise_.bounds);
    if (!failures_.empty()) return;
    State state;
    for (const auto& [key, value] : observed.values) {
      if (value.has_value()) state[key] = *value;
    }
    if (options_.depth > 0) {
      CrashAgain(opened, state);
    } else if (dice_.OneIn(4)) {
      LiveOn(*std::move(db), std::move(state));
    }
  }

  void LiveOn(std::unique_ptr<DB> db, State state) {
    if (const absl::Status put = db->Put({.sync = true}, "zz", "behind");
        !put.ok()) {
      Fail(absl::StrCat("put after recovery: ", put.ToString()));
      return;
    }
    state["zz"] = "behind";
    if (dice_.OneIn(2)) {
      if (const absl::Status closed = db->Close(); !closed.ok()) {
        Fail(absl::StrCat("close after recovery: ", closed.ToString()));
        return;
      }
      db.reset();
    }
    // Else the process dies here.
    MemoryDisk disk(disk_.Image());
    PlantedFileSystem planted(disk);
    absl::StatusOr<std::unique_ptr<DB>> again = DB::Open(
        DatabaseOptions(options_.session, planted.front()), kDatabasePath);
    if (!again.ok()) {
      Fail(absl::StrCat("second open: ", again.status().ToString()));
      return;
    }
    Read("second open", **again, History(std::move(state)), {0, 0});
  }

  // A power loss while the database was being opened, or later.
  void CrashAgain(size_t opened, State state) {
    const DiskTape tape = disk_.TakeTape();
    const size_t position = dice_.Below(tape.ops.size() + 1);
    CrashModel model =
        options_.disk != nullptr
            ? *options_.disk
            : CrashModel(tape,
                         dice_.OneIn(2) ? Naming::kStrict : Naming::kJournal);
    for (size_t i = 0; i < position; ++i) model.Apply(tape.ops[i]);
    const Tearing& tearing = Tearings()[dice_.Below(Tearings().size())];
    uint64_t fingerprint = 0;
    const DiskImage image = model.Cut(tearing, dice_.Next(), &fingerprint);
    CrashCheckOptions options = options_;
    --options.depth;
    options.disk = nullptr;
    options.seed = dice_.Next();
    // What was seen by a reader stays.
    const History seen(std::move(state));
    static const auto* const no_checkpoints = new std::vector<Checkpoint>;
    const bool was_open = position >= opened;
    const CrashPromise promise = {
        .history = was_open ? seen : promise_.history,
        .bounds = was_open ? History::Bounds{0, 0} : promise_.later_bounds,
        .later_bounds =
            was_open ? History::Bounds{0, 0} : promise_.later_bounds,
        .checkpoints = *no_checkpoints};
    for (const std::string& failure :
         CheckCrash(image, promise, options, states_)) {
      Fail(absl::StrCat("then at ", position, " of ", tape.ops.size(),
                        was_open ? " (open)" : "", ", ", tearing.name, ": ",
                        failure));
    }
  }

  void CheckCheckpoint(const Checkpoint& checkpoint) {
    Options options = DefaultOptions();
    options.create_if_missing = false;
    const absl::StatusOr<std::unique_ptr<DB>> db =
        DB::Open(options, checkpoint.path);
    if (db.ok()) {
      Read("checkpoint", **db, promise_.history,
           {checkpoint.batches, checkpoint.batches});
    } else if (checkpoint.done.has_value() &&
               *checkpoint.done <= promise_.position) {
      Fail(absl::StrCat("open of a checkpoint: ", db.status().ToString()));
    }
  }

  const CrashPromise& promise_;
  const CrashCheckOptions& options_;
  uint64_t* const states_;
  Dice dice_;
  MemoryDisk disk_;
  PlantedFileSystem planted_;
  std::vector<std::string> failures_;
};

}  // namespace

std::vector<std::string> CheckCrash(const DiskImage& image,
                                    const CrashPromise& promise,
                                    const CrashCheckOptions& options,
                                    uint64_t* states) {
  return Checker(image, promise, options, states).Run();
}

}  // namespace quire::torture
