// Writing.
#ifndef QUIRE_BENCHMARKS_COMPARE_WRITE_SCENE_H_
#define QUIRE_BENCHMARKS_COMPARE_WRITE_SCENE_H_

#include <span>

#include "absl/status/status.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/options.h"
#include "benchmarks/compare/results.h"
#include "benchmarks/compare/scenes.h"
#include "benchmarks/compare/stores.h"

namespace quire::benchmarks {

// Fills new databases, round by round, in turn, with a quarter of the stores'
// keys; the time goes from the open until what is due in the background is done
// and the database is closed. Then overwrites one of Quire for
// options.sustained_seconds and notes the longest call. Columns are the folders
// of `contenders`: how it is read afterwards makes no difference.
absl::Status RunWriteScene(const Scene& scene, const CompareOptions& options,
                           std::span<const Contender> contenders,
                           Stores& stores, Results* results);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_WRITE_SCENE_H_
