// What one thread of a benchmark did, and how long that took.
#ifndef QUIRE_BENCHMARKS_OP_STATS_H_
#define QUIRE_BENCHMARKS_OP_STATS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "benchmarks/histogram.h"
#include "benchmarks/progress.h"

namespace quire::benchmarks {

// Not thread-safe: each thread has one; they are merged when all have ended.
class OpStats {
 public:
  // `histogram`: record how long each operation took, which costs a look at the
  // clock for each.
  explicit OpStats(bool histogram);

  // From here on progress is shown as `label`, out of `total` operations (0:
  // unknown). For one thread of a benchmark.
  void ShowProgress(std::string label, uint64_t total);

  // The timed part begins, with everything at zero, or ends.
  void Start();
  void Stop();

  // `count` operations are done, all by one call: it is one entry of the
  // histogram.
  void FinishedOps(uint64_t count = 1) {
    if (histogram_ != nullptr) RecordDuration();
    ops_ += count;
    if (progress_ != nullptr) progress_->Update(ops_);
  }

  void AddBytes(uint64_t bytes) { bytes_ += bytes; }

  // `asked` keys were looked for and `found` of them were there. Shown even if
  // both are zero.
  void AddFound(uint64_t found, uint64_t asked) {
    lookups_ = true;
    found_ += found;
    asked_ += asked;
  }

  // A remark behind the result; several are parted by a space.
  void AddMessage(const std::string& message);

  // Adds what `other` did. The remark is that of the first that has one.
  void Merge(const OpStats& other);

  uint64_t ops() const { return ops_; }
  uint64_t bytes() const { return bytes_; }
  bool lookups() const { return lookups_; }
  uint64_t found() const { return found_; }
  uint64_t asked() const { return asked_; }
  const std::string& message() const { return message_; }
  // nullptr if none was asked for.
  const Histogram* histogram() const { return histogram_.get(); }

  // Sum of the threads' own times; and from the first start to the last stop.
  double thread_seconds() const { return thread_seconds_; }
  double wall_seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  void RecordDuration();

  std::unique_ptr<Histogram> histogram_;
  std::unique_ptr<Progress> progress_;
  uint64_t ops_ = 0;
  uint64_t bytes_ = 0;
  bool lookups_ = false;
  uint64_t found_ = 0;
  uint64_t asked_ = 0;
  std::string message_;
  double thread_seconds_ = 0;
  Clock::time_point start_;
  Clock::time_point stop_;
  Clock::time_point last_op_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_OP_STATS_H_
