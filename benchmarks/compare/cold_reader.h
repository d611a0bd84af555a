// One contender that reads with little memory: a process of its own, and its
// side of the questions.
#ifndef QUIRE_BENCHMARKS_COMPARE_COLD_READER_H_
#define QUIRE_BENCHMARKS_COMPARE_COLD_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "benchmarks/compare/child_process.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/key_space.h"
#include "benchmarks/compare/memory_cgroup.h"

namespace quire::benchmarks {

// The argument that makes the program a reader, see ColdReaderMain.
inline constexpr char kColdReaderWord[] = "cold-reader";

// What one loop of reads did.
struct ColdTime {
  uint64_t keys = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // of the process
  uint64_t device_reads = 0;
  uint64_t device_bytes = 0;
  uint64_t records_read = 0;  // Engine::RecordsRead; 0 where it can't be told
};

// How keys are read.
struct ColdReads {
  enum class Way : uint8_t { kGet, kMultiGet, kAsync, kScan };
  Way way = Way::kGet;
  size_t depth = 1;    // keys of one MultiGet, or under way
  bool zipf = false;   // 0.99, spread; else uniform
  double seconds = 0;  // a scan reads everything
  uint64_t round = 0;  // the same keys in the same round for everyone
};

// Share of the Gets of zipfian keys that found their record in memory, alone
// and beside a scan of everything: a thread that has to wait for a read gives
// up the processor, which the kernel counts.
struct HitRatios {
  double alone = 0;
  double beside_scan = 0;
};

// The parent's side: a child in a control group of its own. Not thread-safe.
class ColdReader {
 public:
  // FailedPrecondition, saying why, if memory can't be limited.
  static absl::StatusOr<std::unique_ptr<ColdReader>> Start(
      const Contender& contender, const std::string& directory,
      const KeySpace& keys, uint64_t memory_bytes);

  absl::StatusOr<ColdTime> Read(const ColdReads& reads);
  absl::StatusOr<HitRatios> ReadBesideScan(double seconds, uint64_t round);

 private:
  ColdReader(std::unique_ptr<MemoryCgroup> group,
             std::unique_ptr<ChildProcess> child)
      : group_(std::move(group)), child_(std::move(child)) {}

  const std::unique_ptr<MemoryCgroup> group_;  // outlives the child
  const std::unique_ptr<ChildProcess> child_;
};

// The child's side: opens one of `contenders` as it is told to, and answers
// until there are no more questions. Returns what the process shall end with.
int ColdReaderMain(std::span<const Contender> contenders);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_COLD_READER_H_
