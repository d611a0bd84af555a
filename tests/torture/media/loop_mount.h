// A real file system on a loop device, and a switch that cuts its power.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_LOOP_MOUNT_H_
#define QUIRE_TESTS_TORTURE_MEDIA_LOOP_MOUNT_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace quire::torture {

enum class DiskFormat : uint8_t { kExt4, kXfs };

const char* DiskFormatName(DiskFormat format);

// Whether a file system on a loop device is mounted on `directory` itself.
bool IsLoopMount(const std::string& directory);

// Needs root, loop devices and mkfs: look at failure() and skip the test, with
// it as the reason, where it isn't empty. Not thread-safe.
class LoopMount {
 public:
  // Makes a file system in a new file `image` and mounts it on the empty
  // directory `mount_point`.
  LoopMount(const std::string& image, const std::string& mount_point,
            DiskFormat format);
  // Unmounts, detached if it is still in use.
  ~LoopMount();
  LoopMount(const LoopMount&) = delete;
  LoopMount& operator=(const LoopMount&) = delete;

  // Why there is nothing mounted, or why one of the calls below failed; empty
  // if there is nothing wrong.
  const std::string& failure() const { return failure_; }

  const std::string& path() const { return mount_point_; }

  // The file system writes nothing any more, not even its journal, and every
  // operation fails, as if the power had gone. Refuses anything but the loop
  // mount of this object.
  void Shutdown();

  // Unmounts, once nobody uses it any more, and mounts again, which replays the
  // journal. What nobody synced before a Shutdown is gone.
  void Remount();

 private:
  bool Mount();
  void Unmount();
  // Whether the mount point is what this object mounted.
  bool IsOwnLoopMount() const;

  const std::string image_;
  const std::string mount_point_;
  const DiskFormat format_;
  std::string failure_;
  bool mounted_ = false;
  dev_t device_ = 0;  // that is mounted
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_LOOP_MOUNT_H_
