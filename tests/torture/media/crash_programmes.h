// Writing processes that are crashed, and what is left judged.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_CRASH_PROGRAMMES_H_
#define QUIRE_TESTS_TORTURE_MEDIA_CRASH_PROGRAMMES_H_

#include <vector>

#include "tests/torture/programme.h"

namespace quire::torture {

// fuse_cuts, kills, ext4_cuts, xfs_cuts.
std::vector<Programme> CrashProgrammes();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_CRASH_PROGRAMMES_H_
