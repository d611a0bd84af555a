#include "tests/testing/scoped_mount.h"

#include <sys/mount.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace quire::testing {

ScopedMount::ScopedMount(const std::string& type, const std::string& directory,
                         const std::string& options)
    : directory_(directory) {
  if (mount("none", directory.c_str(), type.c_str(), 0, options.c_str()) != 0) {
    failure_ = "mounting a " + type + " was refused: " + strerrordesc_np(errno);
  }
}

ScopedMount::~ScopedMount() {
  // Detached rather than unmounted: a child process may still be dying in it.
  if (failure_.empty()) umount2(directory_.c_str(), MNT_DETACH);
}

void ScopedMount::MakeReadOnly() {
  QUIRE_CHECK(failure_.empty());
  QUIRE_CHECK(mount("none", directory_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY,
                    nullptr) == 0);
}

}  // namespace quire::testing
