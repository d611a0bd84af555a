#include "tests/testing/failing_disk.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "tests/testing/loop_device.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

constexpr off_t kImageBytes = 32 << 20;

std::string Because(const std::string& what) {
  return what + ": " + strerrordesc_np(errno);
}

}  // namespace

FailingDisk::FailingDisk(const std::string& directory, std::string_view bytes)
    : image_(directory + "/image"), mount_point_(directory + "/mount") {
  QUIRE_CHECK(mkdir(mount_point_.c_str(), 0700) == 0);
  WriteFile(image_, "");
  QUIRE_CHECK(truncate(image_.c_str(), kImageBytes) == 0);
  const std::string format =
      "PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F -b 4096 -m 0 -O ^has_journal "
      "'" +
      image_ + "' >/dev/null 2>&1";
  if (std::system(format.c_str()) != 0) {
    failure_ = "mkfs.ext4 failed or isn't installed";
    return;
  }
  if (!Mount(0)) return;
  WriteFile(file(), bytes);
  Unmount(0);  // which writes everything, and empties the page cache
  Mount(MS_RDONLY);
}

FailingDisk::~FailingDisk() {
  // Detached: the file may still be open.
  Unmount(MNT_DETACH);
}

bool FailingDisk::Mount(unsigned long flags) {
  std::string device;
  const int loop = AttachLoopDevice(image_, device);
  if (loop < 0) {
    failure_ = Because("no loop device is to be had");
    return false;
  }
  mounted_ =
      mount(device.c_str(), mount_point_.c_str(), "ext4", flags, "") == 0;
  if (!mounted_) failure_ = Because("mounting ext4 was refused");
  close(loop);
  return mounted_;
}

void FailingDisk::Unmount(int flags) {
  if (mounted_) QUIRE_CHECK(umount2(mount_point_.c_str(), flags) == 0);
  mounted_ = false;
}

bool FailingDisk::FailFrom(uint64_t offset) {
  QUIRE_CHECK(mounted_);
  const int fd = open(file().c_str(), O_RDONLY | O_CLOEXEC);
  QUIRE_CHECK(fd >= 0);
  union {
    fiemap map;
    char space[sizeof(fiemap) + sizeof(fiemap_extent)];
  } request = {};
  request.map.fm_start = 0;
  request.map.fm_length = FIEMAP_MAX_OFFSET;
  request.map.fm_extent_count = 1;
  const bool mapped = ioctl(fd, FS_IOC_FIEMAP, &request.map) == 0;
  struct stat status;
  QUIRE_CHECK(fstat(fd, &status) == 0);
  close(fd);
  const fiemap_extent& extent = request.map.fm_extents[0];
  if (!mapped || request.map.fm_mapped_extents != 1 ||
      extent.fe_length < static_cast<uint64_t>(status.st_size)) {
    return false;
  }
  // A loop device reports an I/O error where its file ends.
  return truncate(image_.c_str(),
                  static_cast<off_t>(extent.fe_physical + offset)) == 0;
}

}  // namespace quire::testing
