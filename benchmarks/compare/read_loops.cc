#include "benchmarks/compare/read_loops.h"

#include <time.h>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/stopwatch.h"

namespace quire::benchmarks {
namespace {

// Gets between two looks at the clock.
constexpr size_t kBlockKeys = 64;

double ProcessCpuSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

// Times the parts of a loop.
class LoopClock {
 public:
  explicit LoopClock(const LoopPlan& plan) : plan_(plan) {}

  void Start() {
    if (plan_.with_cpu) cpu_start_ = ProcessCpuSeconds();
    watch_.Start();
  }
  void Stop() {
    watch_.Stop();
    if (plan_.with_cpu) cpu_ += ProcessCpuSeconds() - cpu_start_;
  }
  bool done() const { return watch_.seconds() >= plan_.seconds; }
  LoopTime Result(uint64_t keys) const {
    return {.keys = keys, .seconds = watch_.seconds(), .cpu_seconds = cpu_};
  }

 private:
  const LoopPlan& plan_;
  Stopwatch watch_;
  double cpu_start_ = 0;
  double cpu_ = 0;
};

// Keys, and what a reader found for them.
struct Block {
  explicit Block(size_t size)
      : numbers(size),
        texts(size),
        keys(size),
        sums(size),
        found_storage(std::make_unique<bool[]>(size)),
        found(found_storage.get(), size) {}

  void SetKeys(GetKind kind, NumberSource next) {
    for (size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = next();
      texts[i] = buffer.Set(numbers[i]);
      if (kind == GetKind::kAbsent) texts[i].back() = 'x';
      keys[i] = texts[i];
    }
  }

  absl::Status Check(const LoopPlan& plan, bool present) {
    QUIRE_RETURN_IF_ERROR(plan.reader.status());
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (found[i] == present &&
          (!present || sums[i] == plan.keys.SumOfValue(numbers[i], &scratch))) {
        continue;
      }
      return absl::DataLossError(absl::StrCat(
          "key ", texts[i], " doesn't have the value that was written"));
    }
    return absl::OkStatus();
  }

  std::vector<uint64_t> numbers;
  std::vector<std::string> texts;
  std::vector<std::string_view> keys;
  std::vector<uint64_t> sums;
  const std::unique_ptr<bool[]> found_storage;
  const std::span<bool> found;
  KeyBuffer buffer;
  std::string scratch;
};

}  // namespace

absl::StatusOr<LoopTime> TimeGets(const LoopPlan& plan, GetKind kind,
                                  NumberSource next) {
  Block block(kBlockKeys);
  LoopClock clock(plan);
  uint64_t done = 0;
  do {
    block.SetKeys(kind, next);
    clock.Start();
    if (kind == GetKind::kCopy) {
      for (size_t i = 0; i < kBlockKeys; ++i) {
        block.found[i] = plan.reader.GetCopy(block.keys[i], &block.sums[i]);
      }
    } else {
      for (size_t i = 0; i < kBlockKeys; ++i) {
        block.found[i] = plan.reader.Get(block.keys[i], &block.sums[i]);
      }
    }
    clock.Stop();
    QUIRE_RETURN_IF_ERROR(block.Check(plan, kind != GetKind::kAbsent));
    done += kBlockKeys;
  } while (!clock.done());
  return clock.Result(done);
}

absl::StatusOr<LoopTime> TimeMultiGets(const LoopPlan& plan, size_t batch,
                                       NumberSource next) {
  Block block(batch);
  LoopClock clock(plan);
  uint64_t done = 0;
  do {
    block.SetKeys(GetKind::kPlain, next);
    clock.Start();
    plan.reader.MultiGet(block.keys, block.sums, block.found);
    clock.Stop();
    QUIRE_RETURN_IF_ERROR(block.Check(plan, true));
    done += batch;
  } while (!clock.done());
  return clock.Result(done);
}

absl::StatusOr<LoopTime> TimeAsyncReads(const LoopPlan& plan, size_t depth,
                                        NumberSource next) {
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<AsyncReads> reads,
                         plan.reader.NewAsyncReads(depth));
  if (reads == nullptr)
    return absl::UnimplementedError("no asynchronous reads");
  std::vector<uint64_t> numbers(depth);
  std::vector<KeyBuffer> buffers(depth);
  std::vector<std::string_view> keys(depth);
  std::vector<AsyncReads::Answer> answers(depth);
  std::string scratch;
  LoopClock clock(plan);
  uint64_t done = 0;
  size_t wanted = depth;  // so many keys are to be asked for
  do {
    clock.Start();
    for (size_t i = 0; i < wanted; ++i) {
      numbers[i] = next();
      keys[i] = buffers[i].Set(numbers[i]);
    }
    reads->Submit(std::span(keys).first(wanted),
                  std::span(numbers).first(wanted));
    wanted = reads->Poll(depth / 2, answers);
    for (size_t i = 0; i < wanted; ++i) {
      const AsyncReads::Answer& answer = answers[i];
      if (answer.found &&
          answer.sum == plan.keys.SumOfValue(answer.tag, &scratch)) {
        continue;
      }
      return absl::DataLossError(absl::StrCat(
          "key number ", answer.tag, " doesn't have the value written"));
    }
    clock.Stop();
    done += wanted;
  } while (!clock.done());
  return clock.Result(done);
}

absl::StatusOr<LoopTime> TimeScan(const LoopPlan& plan, ScanOrder order,
                                  const ScanSums& expected) {
  LoopClock clock(plan);
  clock.Start();
  QUIRE_ASSIGN_OR_RETURN(const ScanSums sums, plan.reader.Scan(order));
  clock.Stop();
  if (sums != expected) {
    return absl::DataLossError("a scan found other entries than were written");
  }
  return clock.Result(sums.entries);
}

absl::Status ReadAll(Reader& reader, const KeySpace& keys) {
  const LoopPlan plan = {.reader = reader, .keys = keys, .seconds = 0};
  uint64_t number = 0;
  while (number < keys.num()) {
    const auto next = [&] { return std::min(number++, keys.num() - 1); };
    QUIRE_RETURN_IF_ERROR(TimeMultiGets(plan, kBlockKeys, next).status());
  }
  return absl::OkStatus();
}

}  // namespace quire::benchmarks
