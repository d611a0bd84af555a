// The process behind a FuseDisk.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_FUSE_SERVER_H_
#define QUIRE_TESTS_TORTURE_MEDIA_FUSE_SERVER_H_

#include <string>

#include "tests/torture/media/platter.h"

namespace quire::torture {

// Mounts an empty platter on `mount_point`, greets through `socket`, serves the
// kernel and takes orders until the other end of the socket is closed; then
// unmounts, whoever still uses it, and ends the process. For a process of its
// own, with one thread.
[[noreturn]] void ServeFuseDisk(const std::string& mount_point, Naming naming,
                                int socket);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_FUSE_SERVER_H_
