// Faults under mapped files, many at a time.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_SIGBUS_PROGRAMME_H_
#define QUIRE_TESTS_TORTURE_MEDIA_SIGBUS_PROGRAMME_H_

#include "tests/torture/programme.h"

namespace quire::torture {

// sigbus_storm: four threads read a mapped database whose pages can't be read
// (even seeds: a FUSE disk that fails; odd seeds: files that were cut short),
// while another meets faults of its own, which must reach the handler that the
// application had set before.
Programme SigbusProgramme();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_SIGBUS_PROGRAMME_H_
