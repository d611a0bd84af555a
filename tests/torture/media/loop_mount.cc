#include "tests/torture/media/loop_mount.h"

#include <fcntl.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/testing/loop_device.h"

namespace quire::torture {
namespace {

// EXT4_IOC_SHUTDOWN, which is XFS_IOC_GOINGDOWN too, and its flag for "without
// writing the journal".
constexpr unsigned long kShutdown = _IOR('X', 125, uint32_t);
constexpr uint32_t kWithoutJournal = 2;

// Small, so that making one is cheap; xfs refuses less than 300 MiB. Both are
// holes, mostly.
off_t ImageBytes(DiskFormat format) {
  return format == DiskFormat::kExt4 ? 64 << 20 : 320 << 20;
}

std::string FormatCommand(DiskFormat format, const std::string& image) {
  const std::string command = format == DiskFormat::kExt4
                                  ? "mkfs.ext4 -q -F -m 0 -J size=4"
                                  : "mkfs.xfs -q -f";
  return "PATH=$PATH:/usr/sbin:/sbin " + command + " '" + image +
         "' >/dev/null 2>&1";
}

}  // namespace

const char* DiskFormatName(DiskFormat format) {
  return format == DiskFormat::kExt4 ? "ext4" : "xfs";
}

bool IsLoopMount(const std::string& directory) {
  struct stat here;
  struct stat parent;
  struct stat root;
  return stat(directory.c_str(), &here) == 0 &&
         stat((directory + "/..").c_str(), &parent) == 0 &&
         stat("/", &root) == 0 && major(here.st_dev) == LOOP_MAJOR &&
         here.st_dev != parent.st_dev && here.st_dev != root.st_dev;
}

LoopMount::LoopMount(const std::string& image, const std::string& mount_point,
                     DiskFormat format)
    : image_(image), mount_point_(mount_point), format_(format) {
  if (geteuid() != 0) {
    failure_ = "mounting needs root";
    return;
  }
  const int fd =
      open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, ImageBytes(format)) != 0) {
    failure_ = "making " + image + ": " + strerrordesc_np(errno);
    if (fd >= 0) close(fd);
    return;
  }
  close(fd);
  if (std::system(FormatCommand(format, image).c_str()) != 0) {
    failure_ = std::string("mkfs.") + DiskFormatName(format) +
               " failed or isn't installed";
    return;
  }
  Mount();
}

LoopMount::~LoopMount() {
  if (mounted_) Unmount();
  if (mounted_) umount2(mount_point_.c_str(), MNT_DETACH);
}

bool LoopMount::Mount() {
  std::string device;
  const int loop = testing::AttachLoopDevice(image_, device);
  if (loop < 0) {
    failure_ =
        std::string("no loop device is to be had: ") + strerrordesc_np(errno);
    return false;
  }
  mounted_ = mount(device.c_str(), mount_point_.c_str(),
                   DiskFormatName(format_), 0, "") == 0;
  if (!mounted_) {
    failure_ = std::string("mounting ") + DiskFormatName(format_) + ": " +
               strerrordesc_np(errno);
  }
  close(loop);
  struct stat here = {};
  if (mounted_ && stat(mount_point_.c_str(), &here) == 0) {
    device_ = here.st_dev;
  }
  return mounted_;
}

bool LoopMount::IsOwnLoopMount() const {
  struct stat here;
  return mounted_ && IsLoopMount(mount_point_) &&
         stat(mount_point_.c_str(), &here) == 0 && here.st_dev == device_;
}

void LoopMount::Shutdown() {
  if (!IsOwnLoopMount()) {
    failure_ = mount_point_ + " is no loop mount of this test's";
    return;
  }
  const int fd = open(mount_point_.c_str(), O_RDONLY | O_CLOEXEC);
  uint32_t flags = kWithoutJournal;
  if (fd < 0 || ioctl(fd, kShutdown, &flags) != 0) {
    failure_ = std::string("shutting down: ") + strerrordesc_np(errno);
  }
  if (fd >= 0) close(fd);
}

void LoopMount::Unmount() {
  // A process that was killed may hold files a little longer than it is seen:
  // the kernel ends its rings afterwards.
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (umount2(mount_point_.c_str(), 0) == 0) {
      mounted_ = false;
      return;
    }
    if (errno != EBUSY) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  failure_ = std::string("unmounting: ") + strerrordesc_np(errno);
}

void LoopMount::Remount() {
  Unmount();
  if (!mounted_) Mount();
}

}  // namespace quire::torture
