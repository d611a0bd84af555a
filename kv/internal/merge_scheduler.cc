#include "kv/internal/merge_scheduler.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/merge_policy.h"

namespace quire::kv_internal {
namespace {

constexpr int kThreads = 2;

// Before merging goes on after a merge that found no space.
constexpr std::chrono::milliseconds kRetryDelay{500};

// The run as the policy sees it; nothing if the manifest no longer names it.
std::optional<MergeCandidate> CandidateOf(const Run& run,
                                          const DatabaseState& state) {
  const auto found = std::find_if(
      state.runs.begin(), state.runs.end(),
      [&](const RunState& r) { return r.table_number == run.number(); });
  if (found == state.runs.end()) return std::nullopt;
  MergeCandidate candidate = {.weight = found->table_length,
                              .table_bytes = found->table_length,
                              .overwriting = run.overwriting()};
  for (const uint64_t number : found->segments) {
    const SegmentState& segment = state.segments.at(number);
    candidate.weight += segment.length - segment.garbage_bytes;
  }
  return candidate;
}

// Bytes of segments that were not written in the order of their keys.
uint64_t LogBytes(const DatabaseState& state) {
  uint64_t bytes = 0;
  for (const auto& [number, segment] : state.segments) {
    if (segment.table_number != 0 && segment.origin == SegmentOrigin::kLog) {
      bytes += segment.length;
    }
  }
  return bytes;
}

}  // namespace

MergeScheduler::MergeScheduler(DatabaseCore& core)
    : core_(core), limiter_(core.options.merge_bytes_per_second) {
  {
    base::MutexLock lock(mu_);
    UpdateThrottle();
  }
  threads_.reserve(kThreads);
  try {
    for (int i = 0; i < kThreads; ++i) {
      threads_.emplace_back([this] { Loop(); });
    }
  } catch (...) {
    Stop();  // a thread that runs can't be destroyed
    throw;
  }
}

MergeScheduler::~MergeScheduler() { Stop(); }

void MergeScheduler::Stop() {
  {
    base::MutexLock lock(mu_);
    stop_ = true;
    for (auto& [number, active] : active_) active.control->Cancel();
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void MergeScheduler::Wake() {
  base::MutexLock lock(mu_);
  try {
    UpdateThrottle();
  } catch (const std::bad_alloc&) {
    // The threads do it again.
  }
  changed_.NotifyAll();
}

absl::Status MergeScheduler::error() const {
  base::MutexLock lock(mu_);
  return halted_.ok() ? no_space_ : halted_;
}

absl::Status MergeScheduler::WaitUntilIdle() {
  base::MutexLock lock(mu_);
  // There may be space by now: only merges that begin from here on count.
  const uint64_t first = next_active_;
  retry_at_ = Clock::time_point::min();
  changed_.NotifyAll();
  while (!stop_ && IsBusyOrDue()) {
    if (!no_space_.ok() && no_space_active_ >= first) {
      return halted_.ok() ? no_space_ : halted_;
    }
    changed_.Wait(mu_);
  }
  return halted_;
}

std::string MergeScheduler::Describe() const {
  base::MutexLock lock(mu_);
  std::string text;
  for (const auto& [number, active] : active_) {
    // Every entry is looked at twice.
    absl::StrAppend(&text, active.runs.size(), " runs, ", active.entries,
                    " entries, ",
                    100 * active.control->entries_done() /
                        std::max<uint64_t>(2 * active.entries, 1),
                    " % done\n");
  }
  return text;
}

bool MergeScheduler::IsBusy(uint64_t run) const {
  if (unmergeable_.contains(run)) return true;
  return std::any_of(active_.begin(), active_.end(), [&](const auto& active) {
    return active.second.runs.contains(run);
  });
}

std::optional<MergeJob> MergeScheduler::Pick() const {
  if (!core_.options.automatic_merges || compactions_waiting_ > 0 ||
      !core_.write_error.Check().ok()) {
    return std::nullopt;
  }
  // The view first: what it has, the manifest has, unless a merge is replacing
  // it right now.
  const HeldView view = core_.views.Hold();
  const DatabaseState state = core_.catalog->state();
  std::vector<MergeCandidate> candidates;
  for (const auto& run : view->runs) {
    const std::optional<MergeCandidate> candidate = CandidateOf(*run, state);
    candidates.push_back(candidate.value_or(MergeCandidate()));
    candidates.back().busy = !candidate.has_value() || IsBusy(run->number());
  }
  const std::optional<MergeRange> due = ChooseMerge(candidates);
  if (!due.has_value()) return std::nullopt;
  MergeJob job;
  const auto first = view->runs.begin() + static_cast<ptrdiff_t>(due->first);
  job.runs.assign(first, first + static_cast<ptrdiff_t>(due->count));
  job.includes_oldest = due->first + due->count == view->runs.size();
  return job;
}

bool MergeScheduler::IsBusyOrDue() const {
  return !active_.empty() || Pick().has_value();
}

absl::Status MergeScheduler::RunJob(const MergeJob& job, bool requested,
                                    MergeControl::Observer observer) {
  const uint64_t number = next_active_++;
  Active active;
  for (const auto& run : job.runs) {
    active.runs.insert(run->number());
    active.entries += run->table().entry_count();
  }
  active.control =
      std::make_unique<MergeControl>(limiter_, std::move(observer));
  MergeControl& control = *active.control;
  active_.emplace(number, std::move(active));
  mu_.Unlock();
  absl::Status status;
  try {
    status = MergeRuns(core_, job, control);
  } catch (const std::bad_alloc&) {
    status = core_.write_error.SetNoMemory();
  }
  mu_.Lock();
  active_.erase(number);
  changed_.NotifyAll();
  if (!absl::IsResourceExhausted(status)) {
    NoteOutcome(job, status);
  } else if (!requested) {  // else the caller is told, who may not ask again
    no_space_ = status;
    no_space_active_ = number;
    retry_at_ = Clock::now() + kRetryDelay;
  }
  UpdateThrottle();
  return status;
}

void MergeScheduler::NoteOutcome(const MergeJob& job,
                                 const absl::Status& status) {
  if (absl::IsCancelled(status)) return;
  no_space_ = absl::OkStatus();
  if (status.ok()) {
    // A compaction may have come to its end where a merge did not.
    for (const auto& run : job.runs) unmergeable_.erase(run->number());
    if (unmergeable_.empty()) halted_ = absl::OkStatus();
  } else {
    if (halted_.ok()) halted_ = status;
    for (const auto& run : job.runs) unmergeable_.insert(run->number());
  }
}

void MergeScheduler::UpdateThrottle() {
  WriteThrottle::Load load;
  {
    const HeldView view = core_.views.Hold();
    const DatabaseState state = core_.catalog->state();
    double obsoleted = 0;
    MergeCandidate oldest;
    for (const auto& run : view->runs) {
      obsoleted += oldest.Obsoletes();
      oldest = CandidateOf(*run, state).value_or(MergeCandidate());
    }
    load.run_count = view->runs.size();
    load.backlog =
        obsoleted / static_cast<double>(std::max(
                        oldest.weight, 4 * core_.options.memtable_bytes));
  }
  const bool busy_or_due = IsBusyOrDue();
  if (!busy_or_due) no_space_ = absl::OkStatus();
  // Whoever waits for merges while writes are refused had better be told.
  absl::Status merging = core_.write_error.Check();
  if (merging.ok()) {
    merging = busy_or_due ? no_space_
                          : absl::FailedPreconditionError("no merge is due");
  }
  core_.throttle.Update(load, merging);
}

void MergeScheduler::Loop() {
  base::MutexLock lock(mu_);
  while (!stop_) {
    try {
      RunNext();
    } catch (const std::bad_alloc&) {
      if (!stop_) changed_.WaitFor(mu_, kRetryDelay);
    }
  }
}

void MergeScheduler::RunNext() {
  // Whoever changed something may have had no memory to say so.
  UpdateThrottle();
  if (Clock::now() < retry_at_) {
    changed_.WaitUntil(mu_, retry_at_);
    return;
  }
  const std::optional<MergeJob> job = Pick();
  if (!job.has_value()) {
    changed_.Wait(mu_);
    return;
  }
  RunJob(*job, /*requested=*/false, nullptr).IgnoreError();
}

absl::Status MergeScheduler::CompactOnce(const CompactOptions& options,
                                         int pass, int pass_count,
                                         MergeJob::Rewrite rewrite) {
  base::MutexLock lock(mu_);
  ++compactions_waiting_;
  while (!stop_ && !active_.empty()) changed_.Wait(mu_);
  --compactions_waiting_;
  changed_.NotifyAll();  // what is due had to stand back
  if (stop_) return absl::CancelledError("the database is being closed");
  MergeJob job;
  uint64_t entries = 0;
  {
    const HeldView view = core_.views.Hold();
    job.runs = view->runs;
  }
  if (job.runs.empty()) return absl::OkStatus();
  for (const auto& run : job.runs) entries += run->table().entry_count();
  job.includes_oldest = true;
  job.rewrite = rewrite;
  if (options.begin.has_value() || options.end.has_value()) {
    job.rewrite_range = KeyRange{options.begin.value_or(""), options.end};
  }
  MergeControl::Observer observer;
  if (options.progress != nullptr) {
    observer = [&](uint64_t done) {
      const double share =
          static_cast<double>(done) /
          static_cast<double>(std::max<uint64_t>(2 * entries, 1));
      return options.progress((pass + std::min(share, 1.0)) / pass_count);
    };
  }
  return RunJob(job, /*requested=*/true, std::move(observer));
}

absl::Status MergeScheduler::CompactRange(const CompactOptions& options) {
  if (options.begin.has_value() || options.end.has_value()) {
    return CompactOnce(options, 0, 1, MergeJob::Rewrite::kGarbage);
  }
  // Segments of the log are first brought into order, as many at a time as fit
  // into memory; then the ordered ones become one order.
  const auto log_passes =
      static_cast<int>(LogBytes(core_.catalog->state()) / kRewriteMemoryBytes);
  for (int pass = 0; pass < log_passes; ++pass) {
    QUIRE_RETURN_IF_ERROR(
        CompactOnce(options, pass, log_passes + 1, MergeJob::Rewrite::kLogs));
  }
  return CompactOnce(options, log_passes, log_passes + 1,
                     MergeJob::Rewrite::kEverything);
}

}  // namespace quire::kv_internal
