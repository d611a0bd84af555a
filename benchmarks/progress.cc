#include "benchmarks/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_format.h"

namespace quire::benchmarks {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTerminalInterval{200};
constexpr std::chrono::seconds kLogInterval{10};
constexpr std::chrono::milliseconds kLookInterval{50};

}  // namespace

Progress::Progress(std::string label, uint64_t total)
    : label_(std::move(label)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) != 0),
      last_look_(steady_clock::now()),
      last_print_(last_look_) {}

Progress::~Progress() {
  if (terminal_ && printed_) std::fputs("\r\033[K", stderr);
}

void Progress::Look(uint64_t done) {
  const steady_clock::time_point now = steady_clock::now();
  // Doubled or halved until looks are 50 to 200 ms apart.
  if (now - last_look_ < kLookInterval) {
    step_ *= 2;
  } else if (now - last_look_ > 4 * kLookInterval) {
    step_ = std::max<uint64_t>(1, step_ / 2);
  }
  next_look_ = done + step_;
  last_look_ = now;
  const auto interval =
      terminal_ ? steady_clock::duration(kTerminalInterval) : kLogInterval;
  if (now - last_print_ < interval) return;
  last_print_ = now;
  printed_ = true;
  std::string line = absl::StrFormat("... %s: %d", label_, done);
  if (total_ != 0) {
    absl::StrAppendFormat(&line, " of %d (%d%%)", total_, done * 100 / total_);
  }
  line = terminal_ ? "\r" + line + "\033[K" : line + "\n";
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace quire::benchmarks
