// Runs for tests: made of what a TestMemtable holds.

#ifndef QUIRE_TESTS_KV_TEST_RUN_H_
#define QUIRE_TESTS_KV_TEST_RUN_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "io/page_provider.h"
#include "kv/internal/run.h"
#include "kv/internal/table_builder.h"
#include "tests/kv/test_memtable.h"

namespace quire::kv_internal {

// Writes the memtable's image as the segment `number` in `directory`, and a
// table over all of its entries, as `change` leaves each; then opens both.
// Fails the test, and returns nullptr, if that fails.
std::shared_ptr<Run> MakeTestRun(
    io::PageProvider& provider, const std::string& directory, uint64_t number,
    const TestMemtable& memtable,
    absl::FunctionRef<void(TableEntry&)> change = [](TableEntry&) {});

}  // namespace quire::kv_internal

#endif  // QUIRE_TESTS_KV_TEST_RUN_H_
