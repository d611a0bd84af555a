// Adds up the time of the parts of a loop that are to be timed.
#ifndef QUIRE_BENCHMARKS_STOPWATCH_H_
#define QUIRE_BENCHMARKS_STOPWATCH_H_

#include <chrono>

namespace quire::benchmarks {

// Stopped at first. Not thread-safe.
class Stopwatch {
 public:
  void Start() { start_ = Clock::now(); }
  void Stop() { total_ += Clock::now() - start_; }

  double seconds() const {
    return std::chrono::duration<double>(total_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point start_;
  Clock::duration total_{0};
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_STOPWATCH_H_
