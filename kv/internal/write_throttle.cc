#include "kv/internal/write_throttle.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_format.h"

namespace quire::kv_internal {

double WriteThrottle::Pressure(const Load& load) {
  const double by_runs = (static_cast<double>(load.run_count) - kSlowRuns) /
                         (kMostRuns - kSlowRuns);
  const double by_backlog =
      (load.backlog - kSlowBacklog) / (kMostBacklog - kSlowBacklog);
  return std::max({by_runs, by_backlog, 0.0});
}

double WriteThrottle::RateFor(double pressure) {
  return kFastestRate - (kFastestRate - kSlowestRate) * pressure;
}

void WriteThrottle::Update(const Load& load, const absl::Status& merging) {
  base::MutexLock lock(mu_);
  load_ = load;
  merging_ = merging;
  const bool can_wait = merging.ok() || absl::IsResourceExhausted(merging);
  engaged_.store(can_wait && Pressure(load) > 0, std::memory_order_relaxed);
  changed_.NotifyAll();
}

absl::Status WriteThrottle::Admit(uint64_t bytes) {
  if (!engaged()) return absl::OkStatus();
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  base::MutexLock lock(mu_);
  while (engaged()) {
    const double pressure = Pressure(load_);
    if (pressure >= 1) {
      if (!merging_.ok()) return merging_;
      changed_.Wait(mu_);
      continue;
    }
    // As things stand now: a change may shorten the time, or prolong it.
    const std::chrono::duration<double> time(static_cast<double>(bytes) /
                                             RateFor(pressure));
    const Clock::duration left =
        start + std::chrono::duration_cast<Clock::duration>(time) -
        Clock::now();
    if (left <= Clock::duration::zero()) break;
    changed_.WaitFor(mu_, std::chrono::ceil<std::chrono::milliseconds>(left));
  }
  return absl::OkStatus();
}

std::string WriteThrottle::Describe() const {
  base::MutexLock lock(mu_);
  if (!engaged()) return "free";
  const double pressure = Pressure(load_);
  const std::string load =
      absl::StrFormat("%d runs, %.0f %% of the oldest to be merged",
                      load_.run_count, 100 * load_.backlog);
  if (pressure >= 1) return "stopped: " + load;
  return absl::StrFormat("slowed to %.0f bytes/s: %s", RateFor(pressure), load);
}

}  // namespace quire::kv_internal
