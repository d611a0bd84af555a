// What a database does when one request for memory, or all from one on, fail.
#ifndef QUIRE_TESTS_MEMORY_OUT_OF_MEMORY_H_
#define QUIRE_TESTS_MEMORY_OUT_OF_MEMORY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kv/options.h"

namespace quire::testing {

// What runs out of memory.
enum class MemoryStep : uint8_t {
  kOpen,          // for writing, cleanly closed
  kOpenReadOnly,  // the same, read-only
  kRecover,       // for writing, with a log to replay
  kPut,           // writes of all kinds, over several memtables
  kGet,           // Get and MultiGet
  kScan,          // both directions
  kMerge,         // runs made and merged
  kCheckpoint,
  kClose,
};
const char* MemoryStepName(MemoryStep step);
std::vector<MemoryStep> AllMemorySteps();

// How the runs of a step ended.
struct MemoryOutcomes {
  uint64_t points = 0;   // runs in which a request failed
  uint64_t done = 0;     // of these: every call did what it is for
  uint64_t refused = 0;  // calls returned errors
  uint64_t thrown = 0;   // std::bad_alloc came out of a call
  uint64_t ended = 0;    // the process ended: nobody caught std::bad_alloc
  // What must not be, a line each: wrong or missing values, an acknowledged
  // write lost, a crash, a run that came to no end.
  std::vector<std::string> failures;

  void Add(const MemoryOutcomes& other);
};

struct MemoryPart {
  MemoryStep step = MemoryStep::kOpen;
  ReadMode mode = ReadMode::kMmap;
  bool sticky = false;
  // Every which request fails; from which one on.
  uint64_t stride = 1;
  uint64_t first = 1;
};

// Runs the step in child processes, each on a fresh copy of a small database,
// with the first request for memory failing, then with the next, until one run
// meets no failure. After each, what can still be asked is checked in the
// child, with memory back; then the database is opened again and must hold each
// write that was acknowledged, and no other than those begun. Works in
// `directory`. REQUIRES: the process has one thread.
MemoryOutcomes RunOutOfMemory(const MemoryPart& part,
                              const std::string& directory);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_MEMORY_OUT_OF_MEMORY_H_
