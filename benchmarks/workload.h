// The benchmarks of db_bench: what each name does, for one thread.
#ifndef QUIRE_BENCHMARKS_WORKLOAD_H_
#define QUIRE_BENCHMARKS_WORKLOAD_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/op_stats.h"
#include "benchmarks/random.h"
#include "kv/db.h"

namespace quire::benchmarks {

// What the threads of one benchmark share. Set before they start.
struct WorkloadContext {
  DB* db = nullptr;
  std::string db_path;
  uint64_t key_count = 0;  // random keys are below this
  uint64_t num = 0;        // writes, deletes or opens of each thread
  uint64_t reads = 0;      // reads of each thread
  size_t value_size = 0;
  size_t key_prefix = 0;
  uint64_t entries_per_batch = 1;
  uint64_t keys_per_multiget = 1;
  WriteOptions write_options;
  // If not zero, each thread works this long instead of counting.
  std::chrono::duration<double> duration{0};
  // Closes the database and opens it again, changing `db`.
  std::function<absl::Status()> reopen;
  // Threads that still read. Relaxed: no data is passed by it.
  std::atomic<uint64_t> readers_left{0};
};

// What belongs to one thread.
struct WorkloadThread {
  uint64_t index;  // from 0
  Random random;
  ValuePool values;
  OpStats stats;
};

using WorkloadFunction = absl::Status (*)(WorkloadContext&, WorkloadThread&);

struct Workload {
  std::string_view name;
  std::string_view meaning;
  WorkloadFunction run;  // nullptr: `name` is LevelDB's and isn't offered;
                         // `meaning` says why
  bool fresh_database = false;  // runs on an empty database
  // `num` and `reads` are divided by these; at least 1 is left.
  uint64_t num_divisor = 1;
  uint64_t reads_divisor = 1;
  size_t value_size = 0;           // 0: as asked for by the flag
  uint64_t entries_per_batch = 1;  // unless the flag says otherwise
  bool synced = false;             // waits for the device
  bool single_threaded = false;  // takes one thread however many are asked for
  bool writer_beside = false;    // one thread more, which writes
  bool prints = false;           // prints something and times nothing
};

// All benchmarks that have a name here, LevelDB's in its order, then others.
std::span<const Workload> Workloads();

// nullptr if there is no such name.
const Workload* FindWorkload(std::string_view name);

// Counts a thread's operations down, or its time.
class OpBudget {
 public:
  OpBudget(const WorkloadContext& context, uint64_t ops)
      : ops_(ops), timed_(context.duration.count() > 0) {
    if (timed_) {
      deadline_ = Clock::now() +
                  std::chrono::duration_cast<Clock::duration>(context.duration);
    }
  }

  // Whether `count` more operations may be done; they are taken off. The last
  // of a count may be more than were left.
  bool Take(uint64_t count = 1) {
    if (timed_) {
      // Looks at the clock at every sixteenth call.
      return ++calls_ % 16 != 0 || Clock::now() < deadline_;
    }
    if (ops_ == 0) return false;
    ops_ -= count < ops_ ? count : ops_;
    return true;
  }

  // Whether it ends by the clock.
  bool timed() const { return timed_; }

 private:
  using Clock = std::chrono::steady_clock;

  uint64_t ops_;
  const bool timed_;
  uint64_t calls_ = 0;
  Clock::time_point deadline_;
};

// The functions behind the names.

absl::Status WriteSequential(WorkloadContext& context, WorkloadThread& thread);
absl::Status WriteRandom(WorkloadContext& context, WorkloadThread& thread);
absl::Status SyncDevice(WorkloadContext& context, WorkloadThread& thread);
absl::Status DeleteSequential(WorkloadContext& context, WorkloadThread& thread);
absl::Status DeleteRandom(WorkloadContext& context, WorkloadThread& thread);
absl::Status ReadSequential(WorkloadContext& context, WorkloadThread& thread);
absl::Status ReadReverse(WorkloadContext& context, WorkloadThread& thread);
absl::Status ReadRandom(WorkloadContext& context, WorkloadThread& thread);
absl::Status ReadMissing(WorkloadContext& context, WorkloadThread& thread);
absl::Status ReadHot(WorkloadContext& context, WorkloadThread& thread);
absl::Status MultiReadRandom(WorkloadContext& context, WorkloadThread& thread);
absl::Status SeekRandom(WorkloadContext& context, WorkloadThread& thread);
absl::Status SeekOrdered(WorkloadContext& context, WorkloadThread& thread);
absl::Status ReadWhileWriting(WorkloadContext& context, WorkloadThread& thread);
absl::Status OpenRepeatedly(WorkloadContext& context, WorkloadThread& thread);
absl::Status Compact(WorkloadContext& context, WorkloadThread& thread);
absl::Status ChecksumXxh3(WorkloadContext& context, WorkloadThread& thread);
absl::Status PrintStats(WorkloadContext& context, WorkloadThread& thread);
absl::Status PrintRuns(WorkloadContext& context, WorkloadThread& thread);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_WORKLOAD_H_
