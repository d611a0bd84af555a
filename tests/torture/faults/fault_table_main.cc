// `./dev faults`: prints what Quire and its peers make of one fault.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/torture/faults/fault_table.h"
#include "tests/torture/faults/peer_subjects.h"
#include "tests/torture/faults/quire_subjects.h"

namespace quire::torture {
namespace {

constexpr uint64_t kTrials = 16;

int Main() {
  const std::string why_not = WhyNoFaultTable();
  if (!why_not.empty()) {
    std::fprintf(stderr, "faults: nothing can be measured: %s\n",
                 why_not.c_str());
    return 1;
  }
  std::vector<Subject> subjects = QuireSubjects();
  for (const auto& some : {LevelDbSubjects(), RocksDbSubjects(), LmdbSubjects(),
                           SqliteSubjects()}) {
    subjects.insert(subjects.end(), some.begin(), some.end());
  }
  std::string head = "| fault |";
  std::string rule = "|---|";
  for (const Subject& subject : subjects) {
    head += " " + subject.name + " |";
    rule += "---|";
  }
  std::printf("%s\n%s\n", head.c_str(), rule.c_str());
  for (const FaultRow& row : FaultRows()) {
    std::printf("| %s |", row.name.c_str());
    for (const Subject& subject : subjects) {
      const Tally tally = row.run(subject, kTrials);
      std::printf(tally.clean() ? " %s |" : " **%s** |", tally.Text().c_str());
      std::fflush(stdout);
    }
    std::printf("\n");
  }
  return 0;
}

}  // namespace
}  // namespace quire::torture

int main() { return quire::torture::Main(); }
