// One operation fails, whichever it is.
#ifndef QUIRE_TESTS_TORTURE_FAULT_PROGRAMMES_H_
#define QUIRE_TESTS_TORTURE_FAULT_PROGRAMMES_H_

#include <cstdint>

#include "tests/torture/programme.h"

namespace quire::torture {

// Lives of a database in which the nth operation fails, for n from 1 until
// nothing fails any more: through open, recovery, put, get, scan, merge,
// checkpoint, close; in all read modes; EIO, no space, interrupted, short; once
// and from then on. Then everything acknowledged is there: at once, after the
// death of the process, after a power loss, after closing and opening again.
Programme NthOperations();

// A part of a seed of it: each `stride`th operation, from the first on.
void RunEveryNth(uint64_t seed, uint64_t stride, Outcome& outcome);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_FAULT_PROGRAMMES_H_
