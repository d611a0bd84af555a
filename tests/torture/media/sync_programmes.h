// Syncs and writes that fail: the writer must refuse to go on, and what a
// reader was shown must stay.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_SYNC_PROGRAMMES_H_
#define QUIRE_TESTS_TORTURE_MEDIA_SYNC_PROGRAMMES_H_

#include <vector>

#include "tests/torture/programme.h"

namespace quire::torture {

// failed_syncs, failed_writes, ext4_block_failures, xfs_block_failures.
std::vector<Programme> SyncProgrammes();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_SYNC_PROGRAMMES_H_
