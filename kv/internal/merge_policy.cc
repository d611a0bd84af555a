#include "kv/internal/merge_policy.h"

#include <algorithm>
#include <numeric>

namespace quire::kv_internal {
namespace {

double SpareShare(uint64_t table_bytes, uint64_t weight, double least) {
  return std::clamp(kSpareTables * static_cast<double>(table_bytes) /
                        static_cast<double>(std::max<uint64_t>(weight, 1)),
                    least, kMostSpareShare);
}

double DeadPart(const SegmentUse& segment) {
  return static_cast<double>(segment.length - segment.live_bytes) /
         static_cast<double>(segment.length);
}

// Newer runs, taken together.
struct Newer {
  uint64_t weight = 0;
  double obsoletes = 0;

  void Add(const MergeCandidate& run) {
    weight += run.weight;
    obsoletes += run.Obsoletes();
  }
};

// Whether `newer` must join `run`.
bool IsDue(const Newer& newer, const MergeCandidate& run, bool is_oldest) {
  const auto weight = static_cast<double>(run.weight);
  if (static_cast<double>(newer.weight) >= kJoinShare * weight) return true;
  return is_oldest &&
         newer.obsoletes >=
             SpareShare(run.table_bytes, run.weight, kLeastJoinShare) * weight;
}

// Chooses segments while their lengths fit into a budget.
class RewriteChoice {
 public:
  RewriteChoice(std::span<const SegmentUse> segments, uint64_t budget)
      : segments_(segments), budget_(budget), chosen_(segments.size()) {
    for (size_t i = 0; i < segments.size(); ++i) {
      if (segments[i].live_bytes == 0) chosen_[i] = true;
    }
  }

  bool chosen(size_t i) const { return chosen_[i]; }
  const std::vector<bool>& result() const { return chosen_; }

  // False if the budget does not allow it. The first is always allowed, or a
  // segment larger than the budget would stay for good.
  bool Choose(size_t i) {
    if (used_ > 0 && segments_[i].length > budget_ - used_) return false;
    used_ = std::min(used_ + segments_[i].length, budget_);
    chosen_[i] = true;
    return true;
  }

 private:
  const std::span<const SegmentUse> segments_;
  const uint64_t budget_;
  uint64_t used_ = 0;
  std::vector<bool> chosen_;
};

// Segments with the most dead bytes in proportion, until few enough are left.
void ChooseDead(std::span<const SegmentUse> segments, double dead_share,
                RewriteChoice& choice) {
  uint64_t live = 0;
  uint64_t dead = 0;
  std::vector<size_t> order;
  for (size_t i = 0; i < segments.size(); ++i) {
    live += segments[i].live_bytes;
    if (choice.chosen(i)) continue;
    dead += segments[i].length - segments[i].live_bytes;
    order.push_back(i);
  }
  const auto allowed =
      static_cast<uint64_t>(static_cast<double>(live) * dead_share);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return DeadPart(segments[a]) > DeadPart(segments[b]);
  });
  for (const size_t i : order) {
    if (dead <= allowed) return;
    if (choice.Choose(i)) dead -= segments[i].length - segments[i].live_bytes;
  }
}

// The oldest segments that stay, as far as most of each is idle tombstones and
// dead bytes.
void ChooseIdle(std::span<const SegmentUse> segments, RewriteChoice& choice) {
  std::vector<size_t> order(segments.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return segments[a].first_sequence < segments[b].first_sequence;
  });
  for (const size_t i : order) {
    if (choice.chosen(i)) continue;
    const SegmentUse& segment = segments[i];
    const uint64_t kept = segment.live_bytes - segment.idle_tombstone_bytes;
    if (kept > segment.length / 2 || segment.idle_tombstone_bytes == 0) return;
    if (!choice.Choose(i)) return;
  }
}

}  // namespace

double DeadShare(uint64_t table_bytes, uint64_t live_bytes) {
  return SpareShare(table_bytes, table_bytes + live_bytes, kLeastDeadShare);
}

std::optional<MergeRange> ChooseMerge(std::span<const MergeCandidate> runs) {
  for (size_t first = 0; first < runs.size(); ++first) {
    if (runs[first].busy) continue;
    Newer newer;
    newer.Add(runs[first]);
    std::optional<MergeRange> due;
    for (size_t i = first + 1; i < runs.size() && !runs[i].busy; ++i) {
      if (IsDue(newer, runs[i], i + 1 == runs.size())) {
        due = MergeRange{.first = first, .count = i - first + 1};
      }
      newer.Add(runs[i]);
    }
    if (due.has_value()) return due;
    // Older runs follow one another as they would without the newest.
  }
  return std::nullopt;
}

std::vector<bool> ChooseRewrites(std::span<const SegmentUse> segments,
                                 double dead_share, bool drops_tombstones,
                                 uint64_t budget) {
  RewriteChoice choice(segments, budget);
  ChooseDead(segments, dead_share, choice);
  if (drops_tombstones) ChooseIdle(segments, choice);
  return choice.result();
}

uint64_t TombstoneHorizon(std::span<const SegmentUse> segments,
                          const std::vector<bool>& rewritten,
                          bool drops_tombstones) {
  if (!drops_tombstones) return 0;
  uint64_t horizon = UINT64_MAX;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (!rewritten[i]) horizon = std::min(horizon, segments[i].first_sequence);
  }
  return horizon;
}

}  // namespace quire::kv_internal
