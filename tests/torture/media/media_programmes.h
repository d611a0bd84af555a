// All programmes of this folder.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_MEDIA_PROGRAMMES_H_
#define QUIRE_TESTS_TORTURE_MEDIA_MEDIA_PROGRAMMES_H_

#include <vector>

#include "tests/torture/programme.h"

namespace quire::torture {

std::vector<Programme> MediaProgrammes();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_MEDIA_PROGRAMMES_H_
