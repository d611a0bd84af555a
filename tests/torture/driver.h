// Runs programmes, seed after seed, in child processes.

#ifndef QUIRE_TESTS_TORTURE_DRIVER_H_
#define QUIRE_TESTS_TORTURE_DRIVER_H_

#include <chrono>
#include <cstdint>

#include "tests/torture/ledger.h"
#include "tests/torture/programme.h"

namespace quire::torture {

struct RunResult {
  SeedSet seeds;  // that were run
  uint64_t seconds = 0;
  Outcome outcome;
};

// Runs the seeds of `programme` that `done` doesn't have, in order, in `jobs`
// processes at a time, until `deadline` or until there are no more. A seed
// whose process dies, or that takes longer than the programme says, is a
// failure, and others go on. Must be called by a process of one thread.
RunResult RunProgramme(const Programme& programme, const SeedSet& done,
                       std::chrono::steady_clock::time_point deadline,
                       int jobs);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_DRIVER_H_
