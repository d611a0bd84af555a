// A database on a simulated disk that is used step by step, with its history.
#ifndef QUIRE_TESTS_TORTURE_SESSION_H_
#define QUIRE_TESTS_TORTURE_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "io/file_system.h"
#include "kv/db.h"
#include "kv/options.h"
#include "tests/torture/dice.h"
#include "tests/torture/history.h"

namespace quire::torture {

enum class Step : uint8_t {
  kPut,
  kPutSync,
  kDelete,
  kDeleteSync,
  kBatch,
  kBatchSync,
  kLarge,  // a value of more than a page
  kSync,
  kFlush,       // the memtables become runs
  kCompact,     // all runs become one
  kCheckpoint,  // into a new directory
  kReopen,
  kSnapshot,  // taken; it is read again at every later read
  kRelease,   // of the snapshot
  kRead,      // everything
  kFill,      // more than a memtable holds
};
const char* StepName(Step step);

struct SessionOptions {
  io::ReadMode read_mode = io::ReadMode::kPread;
  io::IoEngine io_engine = io::IoEngine::kPreadv;
  bool automatic_merges = false;
  uint64_t seed = 0;
  // Stands before kDatabasePath and the paths of checkpoints.
  std::string root = "";
  // As in Options.
  std::function<absl::StatusOr<std::unique_ptr<io::PageProvider>>(
      io::FileSystem&, const std::string& directory)>
      provider_factory = nullptr;
};

// Options with little memory.
Options DatabaseOptions(const SessionOptions& options,
                        io::FileSystem& file_system);

inline constexpr const char* kDatabasePath = "/db";

// A checkpoint that was begun: what it may hold if it can be opened.
struct Checkpoint {
  std::string path;
  size_t begun = 0;            // position on the tape
  std::optional<size_t> done;  // where it was acknowledged, if it was
  size_t batches = 0;          // that it holds
};

// Writes from one thread, so that the state is known at each moment.
class Session {
 public:
  // `position` tells how far the disk's tape is. What `base` says is in the
  // database already.
  Session(io::FileSystem& file_system, const SessionOptions& options,
          std::function<size_t()> position, State base = {});
  ~Session() { Drop(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // From now on calls may fail; a write that does is unknown.
  void set_errors_allowed(bool allowed) {
    errors_allowed_ = allowed;
    if (allowed) merging_may_halt_ = true;
  }

  // Opens the database, creating it if need be. False if it can't be.
  bool Open();
  void Do(Step step);

  // Gives the database up; nothing is recorded of that.
  void Drop();

  const History& history() const { return history_; }
  const std::vector<Checkpoint>& checkpoints() const { return checkpoints_; }
  const std::vector<std::string>& failures() const { return failures_; }
  DB* db() { return db_.get(); }

 private:
  // Blocks until no merge is under way; notes an error that can't be.
  void WaitForMerges();
  std::string SomeKey() { return SomeKeys()[dice_.Below(SomeKeys().size())]; }
  static std::span<const std::string> SomeKeys();
  std::string NewValue(size_t bytes);
  void Write(History::Batch batch, bool sync);
  // Notes a call's result. True if it is OK.
  bool Check(const char* what, const absl::Status& status);
  void Barrier(const char* what, const absl::Status& status);
  void Close();
  void MakeCheckpoint();
  void Read();
  void CheckState(const char* what, const Snapshot* snapshot, size_t batches);

  io::FileSystem& file_system_;
  const SessionOptions options_;
  const std::function<size_t()> position_;
  Dice dice_;
  bool errors_allowed_ = false;
  // Errors were allowed at some time since the open.
  bool merging_may_halt_ = false;
  History history_;
  std::vector<Checkpoint> checkpoints_;
  std::vector<std::string> failures_;
  uint64_t values_ = 0;
  std::unique_ptr<DB> db_;
  std::unique_ptr<const Snapshot> snapshot_;
  size_t snapshot_batches_ = 0;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_SESSION_H_
