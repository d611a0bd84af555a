// What was written to a database, what was acknowledged, and what a reader may
// therefore find.
#ifndef QUIRE_TESTS_TORTURE_HISTORY_H_
#define QUIRE_TESTS_TORTURE_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace quire::torture {

using State = std::map<std::string, std::string>;

// What reads gave: each key's value, or that there is none, or that it can't be
// read.
struct Observed {
  std::map<std::string, std::optional<std::string>> values;
  std::set<std::string> unreadable;
};

// One writer's batches, in order. A position is a place on the disk's tape.
class History {
 public:
  using Batch = std::vector<std::pair<std::string, std::optional<std::string>>>;

  // How many batches there must be, and how many there may be.
  struct Bounds {
    size_t lower = 0;
    size_t upper = 0;
  };

  // The state before the first batch.
  explicit History(State base = {});

  // A batch is handed to the database ...
  void Begin(Batch batch, size_t position);
  // ... and acknowledged, or fails: it may then be there or not, for good.
  void Acknowledge(size_t position);
  void Fail(size_t position);
  // Every batch that has been acknowledged is durable.
  void BecomeDurable(size_t position);

  // What a reader may find if all stops when the tape is at `position`: after a
  // power loss, or after the death of the process alone.
  Bounds AfterPowerLoss(size_t position) const;
  Bounds AfterDeath(size_t position) const;
  // What a reader finds now.
  Bounds Now() const { return {batches_.size(), batches_.size()}; }

  size_t batch_count() const { return batches_.size(); }
  size_t unknown_count() const;
  // With all batches.
  const State& last_state() const { return states_.back(); }

  // All keys ever written, and some that never were.
  const std::set<std::string>& keys() const { return keys_; }

  // Nothing if `observed` is a state that the bounds allow; else what is wrong.
  std::optional<std::string> Explain(const Observed& observed,
                                     Bounds bounds) const;

 private:
  struct Entry {
    Batch batch;
    bool unknown = false;
  };
  struct Mark {
    size_t position = 0;
    size_t begun = 0;
    size_t acknowledged = 0;
    size_t durable = 0;
  };

  void AddMark(size_t position);
  const Mark& At(size_t position) const;
  bool Search(const Observed& observed, Bounds bounds, size_t index,
              const State& state) const;

  const State base_;
  std::vector<Entry> batches_;
  std::vector<State> states_;  // after so many batches, unknown ones included
  std::vector<Mark> marks_;
  std::set<std::string> keys_;
  Mark now_;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_HISTORY_H_
