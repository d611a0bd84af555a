// Running out of memory, everywhere, as a torture programme.
#ifndef QUIRE_TESTS_MEMORY_MEMORY_PROGRAMME_H_
#define QUIRE_TESTS_MEMORY_MEMORY_PROGRAMME_H_

#include "tests/torture/programme.h"

namespace quire::testing {

// Each request for memory of each step (out_of_memory.h), in the four read
// modes, failing alone and with all after it. A seed is every 16th request of
// one step in one mode: two parts.
torture::Programme MemoryProgramme();

}  // namespace quire::testing

#endif  // QUIRE_TESTS_MEMORY_MEMORY_PROGRAMME_H_
