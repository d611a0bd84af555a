// A database that is used at random, beside a model of what it holds.

#ifndef QUIRE_TESTS_KV_METAMORPHIC_LIFE_H_
#define QUIRE_TESTS_KV_METAMORPHIC_LIFE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/db.h"
#include "kv/options.h"
#include "kv/pinned_value.h"
#include "tests/kv/metamorphic_model.h"

namespace quire::testing {

// How often each operation was done, and "merge" of all kinds.
using OperationCounts = std::map<std::string, uint64_t>;

// One life: some hundred operations that follow from the seed. Every state that
// is read must be the model's; anything else fails the running test. (Merges
// and runs are made on threads of their own: when they happen differs between
// two lives of one seed.)
class Life {
 public:
  // Uses files in the empty directory `directory`.
  Life(uint64_t seed, const std::string& directory);
  ~Life();
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  // Lives until the end or the first failure. Adds to `counts`.
  void Run(OperationCounts& counts);

  // The last operations, for people.
  std::string History() const;

 private:
  // An operation, done `weight` times as often as one of weight 1.
  struct Operation {
    uint64_t weight;
    const char* name;
    void (Life::*run)();
  };

  // A snapshot and what it should see.
  struct Held {
    std::unique_ptr<const Snapshot> snapshot;
    State state;
  };

  // A pinned value and what it should be.
  struct Pinned {
    PinnedValue value;
    std::string_view expected;
  };

  static const std::vector<Operation>& Operations();

  // Writes.
  void Put();
  void PutLarge();
  void Delete();
  void WriteBatchOfSome();
  void WriteBurst();
  void Sync();

  // Reads.
  void Get();
  void MultiGet();
  void GetPinned();
  void CheckPins();
  void ReadAll();
  void NewIterator();
  void MoveIterators();
  void EndIterators();

  // Snapshots.
  void TakeSnapshot();
  void ReleaseSnapshot();
  void ReadSnapshot();

  // What goes on behind.
  void FlushMemtables();
  void WaitForMerges();
  void Compact();
  void CompactSomeRange();
  void CompactAndCancel();

  // The whole database.
  void Checkpoint();
  void GoOnWithACheckpoint();
  void RepairToACopy();
  void Reopen();
  void CloseWhileInUse();
  void CopyAsAKillLeavesIt();

  // A read-only database beside the writer.
  void OpenReader();
  void RefreshReader();
  void ReadReader();

  std::string NewPath() const;
  void Open(const Options& options);
  Options SomeOptions();
  // Lets go of the database and all that reads it.
  void Close();
  void CloseReader();
  void LetGoOfReads();
  // The state that `options` read after having been given a snapshot, or not.
  const State& RandomState(ReadOptions& options);
  void OpenAndCompare(const std::string& path, bool writable);
  void Apply(const std::string& key, std::optional<std::string_view> value);
  void CountMerges();

  const std::string directory_;
  Dice dice_;
  const KeyPool pool_;
  std::vector<std::string> history_;
  OperationCounts counts_;
  mutable uint64_t paths_ = 0;

  std::string path_;
  Options options_;
  State model_;
  std::unique_ptr<DB> db_;
  std::vector<Held> snapshots_;
  std::vector<Pinned> pins_;
  std::vector<std::unique_ptr<CheckedIterator>> iterators_;

  State reader_state_;
  std::unique_ptr<DB> reader_;
  std::vector<Held> reader_snapshots_;
  std::vector<std::unique_ptr<CheckedIterator>> reader_iterators_;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_KV_METAMORPHIC_LIFE_H_
