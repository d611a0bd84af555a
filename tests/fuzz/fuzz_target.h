// What a fuzz target offers: to libFuzzer, and to the program that replays its
// corpus (replay_main.cc).
#ifndef QUIRE_TESTS_FUZZ_FUZZ_TARGET_H_
#define QUIRE_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>

// Ends the process if an input makes the code under test break a promise;
// returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Changes data[0, size) in place and returns the new size, at most `max_size`.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned int seed);

// libFuzzer's own mutation.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

#endif  // QUIRE_TESTS_FUZZ_FUZZ_TARGET_H_
