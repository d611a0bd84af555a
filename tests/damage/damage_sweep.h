// Runs the check of damaged images in child processes, so that a death is seen
// and counted and the sweep goes on.
#ifndef QUIRE_TESTS_DAMAGE_DAMAGE_SWEEP_H_
#define QUIRE_TESTS_DAMAGE_DAMAGE_SWEEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/damage/damage.h"
#include "tests/damage/image_check.h"
#include "tests/damage/small_database.h"

namespace quire::testing {

struct SweepPart {
  DamageKind kind = DamageKind::kFlip;
  HowOpened how;
  // The images begin, begin + stride ... below end (or the list's size).
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  uint64_t stride = 1;
  // Child processes at a time; each takes every nth of these images.
  int processes = 1;
};

struct SweepResult {
  Answers answers;
  uint64_t deaths = 0;
  // One line for each death and for each bad answer, the first few of a
  // process.
  std::vector<std::string> failures;
};

// Images are made in directories below `scratch`, which must exist; best in
// memory (/dev/shm). REQUIRES: the process has one thread.
SweepResult RunSweep(const SmallDatabase& database, const SweepPart& part,
                     const std::string& scratch);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_DAMAGE_DAMAGE_SWEEP_H_
