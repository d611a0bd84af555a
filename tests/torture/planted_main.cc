// Runs the programmes with a bug planted until one of them sees it.
//
//   planted --bug=NAME [--seconds=N]
//
// Prints one line: "PROGRAMME STATES FAILURE" of the programme that saw it,
// after how many states or faults in all; or "- STATES" if none did.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/torture/crash_programmes.h"
#include "tests/torture/driver.h"
#include "tests/torture/fault_programmes.h"
#include "tests/torture/ledger.h"
#include "tests/torture/planted_bug.h"
#include "tests/torture/planted_pages.h"
#include "tests/torture/programme.h"
#include "tools/flags.h"

namespace quire::torture {
namespace {

using Clock = std::chrono::steady_clock;

// A few seeds of a programme at a time, spread over those that there are.
struct Turn {
  Programme programme;
  uint64_t seeds_at_a_time;
  uint64_t stride;
  uint64_t cleared = 0;  // bits that no seed has
};

// What was tried, whatever it is called.
uint64_t Sum(const Outcome& outcome) {
  uint64_t sum = 0;
  for (const auto& [name, count] : outcome.counts) sum += count;
  return sum;
}

void Hunt(uint64_t seconds) {
  // NthOperations has 32 cases of each life one behind the other: read mode,
  // fault, once or from then on. Seeds 41 apart are of different lives and mix
  // them. Bit 3 stands for interrupted and short
  // calls, which the file system with bugs never sees. Eight seeds have the
  // other faults, once and from then on, and each read mode, twice each.
  std::vector<Turn> turns = {
      {CrashSequences(), 40, 211}, {NthOperations(), 8, 41, 8},
      {CrashLives(), 6, 1},        {RottenLogs(), 1, 1},
      {ChangingPages(), 1, 1},     {CrashRecoveries(), 4, 1}};
  const Clock::time_point deadline =
      Clock::now() + std::chrono::seconds(seconds);
  uint64_t states = 0;
  for (uint64_t round = 0; Clock::now() < deadline; ++round) {
    for (const Turn& turn : turns) {
      // In processes of their own: a death is a sign too.
      Programme part = turn.programme;
      part.seed_count = turn.seeds_at_a_time;
      part.run = [&](uint64_t seed, Outcome& outcome) {
        const uint64_t number = round * turn.seeds_at_a_time + seed;
        const uint64_t all = turn.programme.seed_count;
        const uint64_t spread = number * turn.stride & ~turn.cleared;
        turn.programme.run(all == 0 ? spread : spread % all, outcome);
      };
      const RunResult result = RunProgramme(part, {}, deadline, 1);
      states += Sum(result.outcome);
      if (result.outcome.failures.empty()) continue;
      std::printf("%s %llu %s\n", part.name.c_str(),
                  static_cast<unsigned long long>(states),
                  result.outcome.failures.front().c_str());
      return;
    }
  }
  std::printf("- %llu\n", static_cast<unsigned long long>(states));
}

int Main(int argc, char** argv) {
  std::optional<std::string> bug;
  uint64_t seconds = 120;
  tools::FlagSet flags;
  flags.AddText("bug", "NAME", "what to plant; without it, nothing", &bug);
  flags.AddNumber("seconds", "N", "how long to look for it; default 120",
                  &seconds);
  const auto rest =
      flags.Parse(std::vector<std::string>(argv + 1, argv + argc));
  if (!rest.ok() || !rest->empty()) {
    std::fprintf(stderr, "planted: bad arguments\n%s", flags.Help().c_str());
    return 2;
  }
  PlantBug(bug.value_or(""));
  Hunt(seconds);
  return 0;
}

}  // namespace
}  // namespace quire::torture

int main(int argc, char** argv) { return quire::torture::Main(argc, argv); }
