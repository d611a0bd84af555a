// What a plain program loses where writes of blocks fail: the measure for what
// a database can promise there.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_APPEND_CONTROL_H_
#define QUIRE_TESTS_TORTURE_MEDIA_APPEND_CONTROL_H_

#include <vector>

#include "tests/torture/programme.h"

namespace quire::torture {

// ext4_append_control, xfs_append_control: three threads append records to
// files of their own and sync each; the faults are those of
// ext4_block_failures and xfs_block_failures. They count and never fail.
std::vector<Programme> AppendControls();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_APPEND_CONTROL_H_
