// Several threads that read at the same time.
#ifndef QUIRE_BENCHMARKS_COMPARE_THREAD_SCALING_H_
#define QUIRE_BENCHMARKS_COMPARE_THREAD_SCALING_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/key_space.h"
#include "benchmarks/compare/read_loops.h"

namespace quire::benchmarks {

// Which keys the threads read.
enum class KeyPattern : uint8_t {
  kUniform,
  kOneKey,
  kOnePage,  // neighbouring keys whose records are about 4 KiB
};

// Keys a second of `threads` threads together, each with a reader of its own,
// for `seconds`: the sum of what each did in the time of its calls. The first
// error of a thread.
absl::StatusOr<double> ReadsPerSecond(Engine& engine, const KeySpace& keys,
                                      size_t threads, GetKind kind,
                                      KeyPattern pattern, double seconds,
                                      uint64_t round);

// The sum of what `work(thread)` returns, called on as many threads at once.
double SumOverThreads(size_t threads,
                      absl::FunctionRef<double(size_t thread)> work);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_THREAD_SCALING_H_
