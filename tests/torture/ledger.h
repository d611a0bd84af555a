// The torture programme's memory: what was run, for which state of the code,
// and what came of it. A JSON file in the source tree.

#ifndef QUIRE_TESTS_TORTURE_LEDGER_H_
#define QUIRE_TESTS_TORTURE_LEDGER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/torture/programme.h"

namespace quire::torture {

// A set of seeds, kept as disjoint ranges [first, second) in order.
class SeedSet {
 public:
  void Add(uint64_t begin, uint64_t end);
  bool Contains(uint64_t seed) const;
  // The lowest seed that isn't in the set.
  uint64_t FirstMissing() const;
  uint64_t size() const;
  const std::map<uint64_t, uint64_t>& ranges() const { return ranges_; }

 private:
  std::map<uint64_t, uint64_t> ranges_;
};

// All runs of one programme over one state of the code.
struct LedgerEntry {
  std::string programme;
  // A hash of the sources that decide what the programme finds.
  std::string revision;
  // The commit that was checked out at the last run, and whether files differed
  // from it at any.
  std::string commit;
  bool dirty = false;
  SeedSet seeds;
  uint64_t seconds = 0;  // of running, over all processes
  Outcome outcome;
};

// Not thread-safe.
class Ledger {
 public:
  // An empty one if there is no such file; DataLoss if it is no ledger.
  static absl::StatusOr<Ledger> Load(const std::string& path);

  // Replaces the file at `path`.
  absl::Status Save(const std::string& path) const;

  // The entry, made if need be.
  LedgerEntry& Entry(const std::string& programme, const std::string& revision);

  // nullptr if there is none.
  const LedgerEntry* Find(const std::string& programme,
                          const std::string& revision) const;

  const std::vector<LedgerEntry>& entries() const { return entries_; }

 private:
  std::vector<LedgerEntry> entries_;
};

// The totals of the entries of `revision`, one line a programme and bar, for
// people, and whether anything failed. A bar that isn't reached yet, or seeds
// that are still to be run where there is an end of them, are no failure, but
// the text says so.
struct LedgerReport {
  std::string text;
  bool failed = false;
};
LedgerReport ReportOn(const Ledger& ledger,
                      const std::vector<Programme>& programmes,
                      const std::string& revision);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_LEDGER_H_
