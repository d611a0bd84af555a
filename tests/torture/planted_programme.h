// Whether the other programmes see bugs.
#ifndef QUIRE_TESTS_TORTURE_PLANTED_PROGRAMME_H_
#define QUIRE_TESTS_TORTURE_PLANTED_PROGRAMME_H_

#include "tests/torture/programme.h"

namespace quire::torture {

// A seed is a bug of planted_bug.h: the program `planted`, which stands beside
// this one, runs with it until a programme sees it. The counts say which one
// did, and after how many states. The last seed is the control: no bug, for as
// long as a bug may take, and nothing may be seen.
Programme PlantedBugsAreSeen();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_PLANTED_PROGRAMME_H_
