// Mutations for files that are mostly zeros.
#ifndef QUIRE_TESTS_FUZZ_MUTATE_H_
#define QUIRE_TESTS_FUZZ_MUTATE_H_

#include <cstddef>
#include <cstdint>

namespace quire::testing {

// Three times in four mutates, by LLVMFuzzerMutate, a few bytes at a place that
// isn't all zeros, and keeps the size; else all of it. Returns the new size.
// Only for binaries that libFuzzer is linked into.
size_t MutateUsedBytes(uint8_t* data, size_t size, size_t max_size,
                       unsigned int seed);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_FUZZ_MUTATE_H_
