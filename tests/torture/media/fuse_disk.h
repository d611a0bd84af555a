// A mounted file system in memory whose operations fail on order and whose
// power can be cut: real system calls, O_DIRECT, io_uring and mappings meet
// real errors.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_FUSE_DISK_H_
#define QUIRE_TESTS_TORTURE_MEDIA_FUSE_DISK_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "tests/torture/media/disk_fault.h"
#include "tests/torture/media/fuse_orders.h"
#include "tests/torture/media/platter.h"

namespace quire::torture {

// Served by a process of its own, which unmounts and ends when this object, or
// the process that made it, is gone. Needs FUSE: look at failure() and skip the
// test, with it as the reason, where it isn't empty. Make it while the process
// has one thread. Not thread-safe.
class FuseDisk {
 public:
  // `mount_point` is an empty directory; the disk is empty.
  FuseDisk(const std::string& mount_point, Naming naming);
  ~FuseDisk();
  FuseDisk(const FuseDisk&) = delete;
  FuseDisk& operator=(const FuseDisk&) = delete;

  // Why there is no disk; empty if there is one.
  const std::string& failure() const { return failure_; }

  const std::string& path() const { return mount_point_; }

  // Arms one more fault.
  void Inject(const DiskFault& fault);

  // Disarms all faults.
  void ClearFaults();

  // From the `after`-th change from now on (1 is the next), or at once (0),
  // every operation fails with EIO and nothing changes any more.
  void PowerOff(uint64_t after);

  // What survives a cut at this moment, or at that of PowerOff, is all there
  // is; the power is on again. Files that were open stay dead.
  void Cut(const PowerCut& cut);

  // Whether files opened from now on bypass the page cache and can't be mapped.
  void SetDirectIo(bool on);

  FuseReply Counts();

 private:
  FuseReply Obey(const FuseOrder& order);

  const std::string mount_point_;
  std::string failure_;
  int socket_ = -1;
  pid_t server_ = -1;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_FUSE_DISK_H_
