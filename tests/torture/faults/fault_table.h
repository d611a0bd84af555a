// What stores make of one fault: each cell of the table is measured, in child
// processes on a FUSE disk.

#ifndef QUIRE_TESTS_TORTURE_FAULTS_FAULT_TABLE_H_
#define QUIRE_TESTS_TORTURE_FAULTS_FAULT_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/torture/faults/store.h"

namespace quire::torture {

// What came of the trials of one fault.
class Tally {
 public:
  // One trial: "right", "error", "refused", ... `lost` counts entries that were
  // missing or wrong without a word.
  void Add(const std::string& outcome, uint64_t lost = 0);

  // "error 12, right 4"; "-" if nothing was tried.
  std::string Text() const;

  // Whether each trial gave what was stored or an error: nobody died, nothing
  // was wrong or missing without a word.
  bool clean() const { return clean_; }

 private:
  struct Outcomes {
    uint64_t trials = 0;
    uint64_t lost_most = 0;
  };

  std::map<std::string, Outcomes> outcomes_;
  bool clean_ = true;
};

// A fault, as a row of the table.
struct FaultRow {
  std::string name;
  // Tries it `trials` times, each in another place.
  std::function<Tally(const Subject& subject, uint64_t trials)> run;
};

const std::vector<FaultRow>& FaultRows();

// Why nothing can be measured here; empty if it can.
std::string WhyNoFaultTable();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_FAULTS_FAULT_TABLE_H_
