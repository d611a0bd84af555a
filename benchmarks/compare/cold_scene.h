// Reads of data several times as large as memory.
#ifndef QUIRE_BENCHMARKS_COMPARE_COLD_SCENE_H_
#define QUIRE_BENCHMARKS_COMPARE_COLD_SCENE_H_

#include <span>

#include "absl/status/status.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/options.h"
#include "benchmarks/compare/results.h"
#include "benchmarks/compare/scenes.h"
#include "benchmarks/compare/stores.h"

namespace quire::benchmarks {

// Loads what isn't there yet, starts a process for each of `contenders` with a
// quarter of the data's size as its memory, and reads round by round, in turn;
// fio, the limit, is one of those that take turns. Leaves a note instead where
// memory can't be limited, where there is no fio, and for a contender that
// fails: the others go on.
absl::Status RunColdScene(const Scene& scene, const CompareOptions& options,
                          std::span<const Contender> contenders, Stores& stores,
                          Results* results);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_COLD_SCENE_H_
