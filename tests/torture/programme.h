// A part of the torture programme: something that can be run for one seed after
// the other, and counts what it tried and what went wrong.

#ifndef QUIRE_TESTS_TORTURE_PROGRAMME_H_
#define QUIRE_TESTS_TORTURE_PROGRAMME_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace quire::torture {

// What some seeds came to. Counts of several seeds are added up.
struct Outcome {
  // How often each thing was tried, by a name for people: "crash states".
  std::map<std::string, uint64_t> counts;
  // One text for each broken promise, beginning with how to see it again.
  std::vector<std::string> failures;
  // Why nothing could be tried on this machine; empty if it could.
  std::string skipped;

  void Add(const Outcome& other) {
    for (const auto& [name, count] : other.counts) counts[name] += count;
    failures.insert(failures.end(), other.failures.begin(),
                    other.failures.end());
    if (skipped.empty()) skipped = other.skipped;
  }
};

struct Programme {
  std::string name;         // as --programme takes it
  std::string description;  // one line
  // What the counts have to reach over all runs: name and least number.
  std::map<std::string, uint64_t> bars = {};
  // Seeds 0 to seed_count - 1 are all there are; 0: there is no end of them.
  uint64_t seed_count = 0;
  // Runs one seed. It is run in a process of its own kind (see driver.h), in
  // which other seeds ran before, on the only thread; a death or a hang there
  // is a failure of the seed. Should end within some seconds, since a run stops
  // between seeds only; what begins to do the same things whenever it is given
  // the same seed can be replayed.
  std::function<void(uint64_t seed, Outcome& outcome)> run;
  // A seed that takes longer than this hangs.
  uint64_t seconds_max = 300;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_PROGRAMME_H_
