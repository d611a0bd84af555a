// Recovering logs in memory, and comparing what comes out.

#ifndef QUIRE_TESTS_KV_TEST_RECOVERY_H_
#define QUIRE_TESTS_KV_TEST_RECOVERY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "kv/internal/database_state.h"
#include "kv/internal/log_recovery.h"
#include "tests/kv/test_log.h"

namespace quire::kv_internal {

using Files = std::map<uint64_t, std::vector<std::byte>>;

struct Outcome {
  absl::StatusOr<RecoveryPlan> plan;
  std::vector<Entry> visited;
};

// RecoverLog over `files`, which stand in the directory /db.
Outcome Recover(const DatabaseState& state, const Files& files);

// Three unsealed segments; groups of several kinds; synced here and there.
TestLog SomeLog();

// Expects that the first `kept_groups` groups of `log`, and no others, were
// kept, or, if that is empty, that the log was refused with DataLoss naming the
// place. Returns whether it was refused.
bool Check(const TestLog& log, const Outcome& outcome,
           std::optional<size_t> kept_groups);

}  // namespace quire::kv_internal

#endif  // QUIRE_TESTS_KV_TEST_RECOVERY_H_
