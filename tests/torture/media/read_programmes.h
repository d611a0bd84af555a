// Reads that fail while a database is read: each is right or says what failed,
// and no process dies of it.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_READ_PROGRAMMES_H_
#define QUIRE_TESTS_TORTURE_MEDIA_READ_PROGRAMMES_H_

#include <vector>

#include "tests/torture/programme.h"

namespace quire::torture {

// read_faults.
std::vector<Programme> ReadProgrammes();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_READ_PROGRAMMES_H_
