// Seeds for tests that use random numbers.

#ifndef QUIRE_TESTS_TESTING_SEED_H_
#define QUIRE_TESTS_TESTING_SEED_H_

#include <cstdint>

namespace quire::testing {

// The seed for this test: the environment variable QUIRE_TEST_SEED where it is
// set (decimal, or hexadecimal after 0x), else a fixed number, so that a plain
// run repeats itself. The call is recorded as the property `seed` of the
// running test, and a failed assertion in the scope of a SCOPED_TRACE can show
// it:
//
//   const uint64_t seed = TestSeed();
//   SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
//
// Prints `QUIRE_TEST_SEED=n` to standard output. Fails the test, and returns
// the fixed number, if the variable isn't a number. Call it inside a test.
uint64_t TestSeed();

// How often a test repeats itself with other random numbers: the environment
// variable QUIRE_TEST_RUNS where it is set, else `standard`. Fails the test,
// and returns `standard`, if the variable isn't a number above 0.
uint64_t TestRuns(uint64_t standard);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_SEED_H_
