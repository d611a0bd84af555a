// Reads with everything in memory.
#ifndef QUIRE_BENCHMARKS_COMPARE_HOT_SCENE_H_
#define QUIRE_BENCHMARKS_COMPARE_HOT_SCENE_H_

#include <span>

#include "absl/status/status.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/options.h"
#include "benchmarks/compare/results.h"
#include "benchmarks/compare/scenes.h"
#include "benchmarks/compare/stores.h"

namespace quire::benchmarks {

// Loads what isn't there yet, opens each of `contenders` with memory for
// everything, and reads round by round, in turn: nobody is always the first,
// and all read the same keys. The memory floor is one of those that take turns.
// Errors name the contender.
absl::Status RunHotScene(const Scene& scene, const CompareOptions& options,
                         std::span<const Contender> contenders, Stores& stores,
                         Results* results);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_HOT_SCENE_H_
