// The list of all programmes.

#ifndef QUIRE_TESTS_TORTURE_PROGRAMMES_H_
#define QUIRE_TESTS_TORTURE_PROGRAMMES_H_

#include <vector>

#include "tests/torture/programme.h"

namespace quire::torture {

// In the order in which they are run and reported. README.md says how to add
// one.
const std::vector<Programme>& Programmes();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_PROGRAMMES_H_
