#include "benchmarks/compare/thread_scaling.h"

#include <algorithm>
#include <barrier>
#include <memory>
#include <thread>
#include <vector>

#include "base/status_macros.h"
#include "benchmarks/random.h"

namespace quire::benchmarks {
namespace {

// About what a record takes beside its value.
constexpr uint64_t kRecordOverheadBytes = 40;
constexpr uint64_t kPageBytes = 4096;

// The first of the keys that a pattern reads, and how many there are.
struct KeyRange {
  uint64_t first = 0;
  uint64_t count = 0;
};

KeyRange RangeOf(KeyPattern pattern, const KeySpace& keys, uint64_t round) {
  if (pattern == KeyPattern::kUniform) return {0, keys.num()};
  const uint64_t count =
      pattern == KeyPattern::kOneKey
          ? 1
          : std::clamp<uint64_t>(
                kPageBytes / (keys.value_bytes() + kRecordOverheadBytes), 1,
                keys.num());
  return {keys.ReadRandom(round).Uniform(keys.num() - count + 1), count};
}

}  // namespace

double SumOverThreads(size_t threads,
                      absl::FunctionRef<double(size_t thread)> work) {
  std::vector<double> results(threads);
  std::barrier start(static_cast<std::ptrdiff_t>(threads));
  {
    std::vector<std::jthread> running;
    for (size_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        start.arrive_and_wait();
        results[i] = work(i);
      });
    }
  }
  double sum = 0;
  for (const double result : results) sum += result;
  return sum;
}

absl::StatusOr<double> ReadsPerSecond(Engine& engine, const KeySpace& keys,
                                      size_t threads, GetKind kind,
                                      KeyPattern pattern, double seconds,
                                      uint64_t round) {
  const KeyRange range = RangeOf(pattern, keys, round);
  std::vector<std::unique_ptr<Reader>> readers(threads);
  for (std::unique_ptr<Reader>& reader : readers) {
    QUIRE_ASSIGN_OR_RETURN(reader, engine.NewReader());
  }
  std::vector<absl::Status> statuses(threads);
  const double sum = SumOverThreads(threads, [&](size_t thread) {
    const LoopPlan plan = {
        .reader = *readers[thread], .keys = keys, .seconds = seconds};
    Random random(StreamSeed(keys.ReadRandom(round).Next(), thread));
    const absl::StatusOr<LoopTime> time = TimeGets(
        plan, kind, [&] { return range.first + random.Uniform(range.count); });
    statuses[thread] = time.status();
    return time.ok() ? 1e9 / time->ns_per_key() : 0.0;
  });
  for (const absl::Status& status : statuses) QUIRE_RETURN_IF_ERROR(status);
  return sum;
}

}  // namespace quire::benchmarks
