// A file system mounted for a test.

#ifndef QUIRE_TESTS_TESTING_SCOPED_MOUNT_H_
#define QUIRE_TESTS_TESTING_SCOPED_MOUNT_H_

#include <string>

namespace quire::testing {

// Mounts a new file system of `type` ("tmpfs", "ramfs") on `directory` with
// `options` ("size=8M"); unmounted at destruction. Needs privileges: look at
// failure() and skip the test, with it as the reason, where it isn't empty.
class ScopedMount {
 public:
  ScopedMount(const std::string& type, const std::string& directory,
              const std::string& options = "");
  ~ScopedMount();
  ScopedMount(const ScopedMount&) = delete;
  ScopedMount& operator=(const ScopedMount&) = delete;

  // Why there is no mount; empty if there is one.
  const std::string& failure() const { return failure_; }

  // Makes the mount read-only. REQUIRES: failure().empty().
  void MakeReadOnly();

 private:
  const std::string directory_;
  std::string failure_;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_SCOPED_MOUNT_H_
