#include "benchmarks/compare/comparison_table.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "benchmarks/growth_report.h"

namespace quire::benchmarks {
namespace {

constexpr WorkloadInfo kWorkloads[kWorkloadCount] = {
    {"load_ns", "load, random order, ns/key"},
    {"get_ns", "Get, hot, ns"},
    {"absent_ns", "Get, absent keys, ns"},
    {"multiget_ns", "MultiGet, hot, ns/key"},
    {"scan_forward_ns", "scan forward, ns/entry"},
    {"scan_reverse_ns", "scan in reverse, ns/entry"},
};

constexpr int kTitleWidth = 28;

// The contender with the smallest median among Quire's or among the peers;
// nullptr if there is none.
const ContenderResult* Best(std::span<const ContenderResult> results,
                            bool is_peer, Workload workload) {
  const ContenderResult* best = nullptr;
  for (const ContenderResult& result : results) {
    if (result.contender->is_peer != is_peer) continue;
    if (best == nullptr || result.Median(workload) < best->Median(workload)) {
      best = &result;
    }
  }
  return best;
}

int WidthOf(const ContenderResult& result) {
  return static_cast<int>(
      std::max<size_t>(std::strlen(result.contender->name), 6) + 2);
}

}  // namespace

const WorkloadInfo& GetWorkloadInfo(Workload workload) {
  return kWorkloads[static_cast<size_t>(workload)];
}

double ContenderResult::Median(Workload workload) const {
  return MedianOf(samples[static_cast<size_t>(workload)]);
}

std::string ComparisonTable(std::span<const ContenderResult> results) {
  std::string titles = absl::StrFormat("%-*s", kTitleWidth, "");
  for (const ContenderResult& result : results) {
    absl::StrAppendFormat(&titles, "%*s", WidthOf(result),
                          result.contender->name);
  }
  std::string lost;
  std::string won;
  for (size_t i = 0; i < kWorkloadCount; ++i) {
    const auto workload = static_cast<Workload>(i);
    std::string line =
        absl::StrFormat("%-*s", kTitleWidth, GetWorkloadInfo(workload).title);
    for (const ContenderResult& result : results) {
      absl::StrAppendFormat(&line, "%*.0f", WidthOf(result),
                            result.Median(workload));
    }
    const ContenderResult* const own = Best(results, false, workload);
    const ContenderResult* const peer = Best(results, true, workload);
    if (own == nullptr || peer == nullptr) {
      won += line + "\n";
      continue;
    }
    const double ratio = peer->Median(workload) / own->Median(workload);
    absl::StrAppendFormat(&line, "  %5.2f x %s\n", ratio,
                          peer->contender->name);
    if (ratio < 1) {
      absl::StrAppendFormat(&lost, "%s", line);
    } else {
      won += line;
    }
  }
  if (!lost.empty()) {
    lost = "A peer is faster:\n" + lost + "Quire is faster:\n";
  }
  return titles + "  best peer / best of quire\n" + lost + won;
}

}  // namespace quire::benchmarks
