#include <cstdio>
#include <string>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/workload.h"
#include "kv/stats.h"
#include "xxhash.h"

namespace quire::benchmarks {

absl::Status OpenRepeatedly(WorkloadContext& context, WorkloadThread& thread) {
  OpBudget budget(context, context.num);
  while (budget.Take()) {
    QUIRE_RETURN_IF_ERROR(context.reopen());
    thread.stats.FinishedOps();
  }
  return absl::OkStatus();
}

absl::Status Compact(WorkloadContext& context, WorkloadThread& thread) {
  QUIRE_RETURN_IF_ERROR(context.db->CompactRange({}));
  thread.stats.FinishedOps();
  return absl::OkStatus();
}

absl::Status ChecksumXxh3(WorkloadContext& context, WorkloadThread& thread) {
  constexpr size_t kBytes = 4096;
  constexpr uint64_t kTotalBytes = uint64_t{500} << 20;
  const std::string data(kBytes, 'x');
  uint64_t checksum = 0;
  OpBudget budget(context, kTotalBytes / kBytes);
  while (budget.Take()) {
    // Seeded by the one before, so that no call can be left out.
    checksum = XXH3_64bits_withSeed(data.data(), data.size(), checksum);
    thread.stats.AddBytes(kBytes);
    thread.stats.FinishedOps();
  }
  thread.stats.AddMessage(
      absl::StrFormat("(4K per op; checksum %016x)", checksum));
  return absl::OkStatus();
}

absl::Status PrintStats(WorkloadContext& context, WorkloadThread&) {
  std::printf("\n%s\n", StatsToText(context.db->GetStats()).c_str());
  return absl::OkStatus();
}

absl::Status PrintRuns(WorkloadContext& context, WorkloadThread&) {
  std::printf(
      "\n%s\n",
      context.db->GetProperty("quire.runs").value_or("(failed)").c_str());
  return absl::OkStatus();
}

}  // namespace quire::benchmarks
