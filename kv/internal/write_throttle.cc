#include "kv/internal/write_throttle.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_format.h"

namespace quire::kv_internal {
namespace {

// Sleeping shorter costs more than it is worth.
constexpr std::chrono::milliseconds kShortestSleep{1};

// Most of what was slept too long that is given back.
constexpr std::chrono::milliseconds kLargestCredit{5};

}  // namespace

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
  SetEngaged();
}

void WriteThrottle::UpdateMemtables(const std::optional<RunMaking>& making) {
  base::MutexLock lock(mu_);
  making_ = making;
  SetEngaged();
}

void WriteThrottle::SetEngaged() {
  const bool merging_is_behind = MergingIsBehind(0) && Pressure(load_) > 0;
  engaged_.store(merging_is_behind || making_.has_value(),
                 std::memory_order_relaxed);
  changed_.NotifyAll();
}

bool WriteThrottle::MergingIsBehind(double pressure) const {
  return (merging_.ok() || absl::IsResourceExhausted(merging_)) &&
         Pressure(load_) >= pressure;
}

WriteThrottle::Clock::duration WriteThrottle::MergeDelay(uint64_t bytes) const {
  if (!MergingIsBehind(0)) return Clock::duration::zero();
  const double pressure = Pressure(load_);
  if (pressure <= 0) return Clock::duration::zero();
  if (pressure >= 1) return Clock::duration::max();
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(static_cast<double>(bytes) /
                                    RateFor(pressure)));
}

WriteThrottle::Clock::duration WriteThrottle::MemtableDelay(
    uint64_t bytes, uint64_t room, Clock::time_point now) const {
  if (!making_.has_value()) return Clock::duration::zero();
  if (bytes >= room) return Clock::duration::max();
  // A run that takes longer than the one before is thought to take a quarter
  // longer than it has taken yet: so as the room shrinks, the rate does.
  const Clock::duration left = std::max(making_->start + making_->usual - now,
                                        (now - making_->start) / 4);
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(left) * static_cast<double>(bytes) /
      static_cast<double>(room));
}

absl::Status WriteThrottle::Admit(uint64_t bytes, uint64_t room) {
  if (!engaged()) return absl::OkStatus();
  base::MutexLock lock(mu_);
  if (MergingIsBehind(1) && !merging_.ok()) return merging_;
  while (MergingIsBehind(kStop)) {
    if (!merging_.ok()) return merging_;
    changed_.Wait(mu_);
  }
  const Clock::time_point start = Clock::now();
  const Clock::duration delay =
      std::max(MergeDelay(bytes), MemtableDelay(bytes, room, start));
  const Clock::duration longest = kLongestDelay * (1 + (bytes >> 20));
  owed_ = std::min(owed_ + std::min(delay, longest), longest);
  if (owed_ < kShortestSleep) return absl::OkStatus();
  Clock::time_point now = start;
  while (engaged() && now < start + owed_) {
    changed_.WaitFor(mu_, start + owed_ - now);
    now = Clock::now();
  }
  owed_ = std::max<Clock::duration>(start + owed_ - now, -kLargestCredit);
  return absl::OkStatus();
}

std::string WriteThrottle::Describe() const {
  base::MutexLock lock(mu_);
  const double pressure = Pressure(load_);
  if (pressure > 0 && MergingIsBehind(0)) {
    const std::string load =
        absl::StrFormat("%d runs, %.0f %% of the oldest to be merged",
                        load_.run_count, 100 * load_.backlog);
    if (pressure >= kStop) return "stopped: " + load;
    if (pressure >= 1) return "slowed to the utmost: " + load;
    return absl::StrFormat("slowed to %.0f bytes/s: %s", RateFor(pressure),
                           load);
  }
  if (making_.has_value()) return "slowed: every memtable waits for its run";
  return "free";
}

}  // namespace quire::kv_internal
