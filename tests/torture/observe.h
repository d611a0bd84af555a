// Reads a whole small database in every way, and compares the ways.
#ifndef QUIRE_TESTS_TORTURE_OBSERVE_H_
#define QUIRE_TESTS_TORTURE_OBSERVE_H_

#include <set>
#include <string>
#include <vector>

#include "kv/db.h"
#include "tests/torture/history.h"

namespace quire::torture {

struct ObserveOptions {
  // Whether reads may fail: with an error that names a file.
  bool errors_allowed = false;
  // Also MultiGet and a scan in reverse.
  bool thorough = false;
  const Snapshot* snapshot = nullptr;
};

// Reads `keys` and all that scans show. Adds to `failures` what no database may
// do: errors where none are allowed or that name no file, ways of reading that
// disagree, keys out of order.
Observed Observe(DB& db, const std::set<std::string>& keys,
                 const ObserveOptions& options,
                 std::vector<std::string>& failures);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_OBSERVE_H_
