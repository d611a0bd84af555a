// Progress of a long phase, on standard error.
#ifndef QUIRE_BENCHMARKS_PROGRESS_H_
#define QUIRE_BENCHMARKS_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <string>

namespace quire::benchmarks {

// Rewrites one line five times a second where standard error is a terminal;
// elsewhere prints a line every ten seconds. Not thread-safe.
class Progress {
 public:
  // `total` is what `done` ends at; 0 if unknown.
  Progress(std::string label, uint64_t total);

  // Removes the line from the terminal.
  ~Progress();

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Says how much is done. May stand in a timed loop: looks at the clock once
  // in a hundred milliseconds or so, else costs a comparison.
  void Update(uint64_t done) {
    if (done >= next_look_) [[unlikely]]
      Look(done);
  }

 private:
  void Look(uint64_t done);

  const std::string label_;
  const uint64_t total_;
  const bool terminal_;
  uint64_t next_look_ = 1;
  uint64_t step_ = 1;
  std::chrono::steady_clock::time_point last_look_;
  std::chrono::steady_clock::time_point last_print_;
  bool printed_ = false;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_PROGRESS_H_
