#include "tests/torture/crash_check.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
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
          const CrashCheckOptions& options, uint64_t* crashes)
      : promise_(promise),
        options_(options),
        crashes_(crashes),
        dice_(MixBits(options.seed + 1234)),
        disk_(image),
        planted_(disk_) {
    for (const auto& [path, inode] : image.inodes) {
      highest_inode_ = std::max(highest_inode_, inode);
    }
  }

  std::vector<std::string> Run() {
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
    const int error = ArmFault();
    absl::StatusOr<std::unique_ptr<DB>> db =
        DB::Open(DefaultOptions(), kDatabasePath);
    const bool met = error != 0 && disk_.Disarm() > 0;
    if (met) ++*options_.faults;
    if (!db.ok()) {
      if (!met || !Names(db.status(), error)) {
        Fail(absl::StrCat("open: ", db.status().ToString()));
      } else if (dice_.OneIn(2)) {
        DieAndOpenAgain();
      } else {
        CrashAgain(SIZE_MAX, {});
      }
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

  // Lets some operation of the opening fail, or none. The errno, or 0.
  int ArmFault() {
    if (options_.faults == nullptr || options_.depth == 0 || dice_.OneIn(2)) {
      return 0;
    }
    OperationFault fault = {.nth = 1 + dice_.Below(1 + dice_.Below(60)),
                            .sticky = dice_.OneIn(4),
                            .error = EIO,
                            .may_apply = true,
                            .seed = dice_.Next()};
    if (dice_.OneIn(3)) {
      fault.error = ENOSPC;
      fault.may_apply = false;
      fault.kinds = {
          FileOp::kCreate, FileOp::kWrite,           FileOp::kSync,
          FileOp::kClose,  FileOp::kRename,          FileOp::kLink,
          FileOp::kCopy,   FileOp::kCreateDirectory, FileOp::kSyncDirectory};
      fault.nth = 1 + dice_.Below(16);
    }
    disk_.Arm(fault);
    return fault.error;
  }

  static bool Names(const absl::Status& status, int error) {
    return absl::StrContains(status.message(), error == EIO ? "EIO" : "ENOSPC");
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

  // The disk after the first `count` operations of `tape`.
  CrashModel ModelAt(const DiskTape& tape, size_t count) {
    CrashModel model =
        options_.disk != nullptr
            ? *options_.disk
            : CrashModel(tape,
                         dice_.OneIn(2) ? Naming::kStrict : Naming::kJournal);
    for (size_t i = 0; i < count; ++i) model.Apply(tape.ops[i]);
    return model;
  }

  // The next process finds all that this one left, durable or not.
  void DieAndOpenAgain() {
    ++*crashes_;
    DiskImage image = disk_.Image();
    const DiskTape tape = disk_.TakeTape();
    NumberFrom(std::max(highest_inode_, HighestInode(tape)), image);
    const CrashModel model = ModelAt(tape, tape.ops.size());
    CrashCheckOptions options = options_;
    --options.depth;
    options.disk = &model;
    options.seed = dice_.Next();
    for (const std::string& failure :
         CheckCrash(image, promise_, options, crashes_)) {
      Fail(absl::StrCat("opened again: ", failure));
    }
  }

  // A power loss while the database was being opened, or later.
  void CrashAgain(size_t opened, State state) {
    const DiskTape tape = disk_.TakeTape();
    const size_t position = dice_.Below(tape.ops.size() + 1);
    const CrashModel model = ModelAt(tape, position);
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
    if (!was_open) ++*crashes_;
    const CrashPromise promise = {
        .history = was_open ? seen : promise_.history,
        .bounds = was_open ? History::Bounds{0, 0} : promise_.later_bounds,
        .later_bounds =
            was_open ? History::Bounds{0, 0} : promise_.later_bounds,
        .checkpoints = *no_checkpoints};
    for (const std::string& failure :
         CheckCrash(image, promise, options, crashes_)) {
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
  uint64_t* const crashes_;
  Dice dice_;
  MemoryDisk disk_;
  PlantedFileSystem planted_;
  uint64_t highest_inode_ = 0;  // before this disk
  std::vector<std::string> failures_;
};

}  // namespace

uint64_t HighestInode(const DiskTape& tape) {
  uint64_t highest = tape.nodes.empty() ? 0 : tape.nodes.rbegin()->first;
  for (const DiskOp& op : tape.ops) {
    for (const DiskOp::NameChange& change : op.changes) {
      highest = std::max(highest, change.inode);
    }
  }
  return highest;
}

void NumberFrom(uint64_t inode, DiskImage& image) {
  // Of a path that no file has: only its number counts.
  image.inodes[""] = inode;
}

std::vector<std::string> CheckCrash(const DiskImage& image,
                                    const CrashPromise& promise,
                                    const CrashCheckOptions& options,
                                    uint64_t* crashes) {
  return Checker(image, promise, options, crashes).Run();
}

}  // namespace quire::torture
