// A disk, with a real file system on it, that stops to answer from a place on.

#ifndef QUIRE_TESTS_TESTING_FAILING_DISK_H_
#define QUIRE_TESTS_TESTING_FAILING_DISK_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace quire::testing {

// An ext4 file system of 32 MiB on a loop device. It holds one file, which lies
// on the device in one piece, and is mounted read-only with nothing of it in
// the page cache. Needs privileges, loop devices and mkfs.ext4: look at
// failure() and skip the test, with it as the reason, where it isn't empty.
//
// Not for anything but reading that one file: a real device error comes out of
// every other layer too, the kernel's log among them.
class FailingDisk {
 public:
  // Works in `directory`, which must be empty and outlive this object, and
  // holds `bytes` (at most 16 MiB).
  FailingDisk(const std::string& directory, std::string_view bytes);
  ~FailingDisk();
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  // Why there is no disk; empty if there is one.
  const std::string& failure() const { return failure_; }

  // The file.
  std::string file() const { return mount_point_ + "/file"; }

  // From now on the device gives EIO where the file's bytes from `offset` on
  // are. The kernel reads ahead and in large pieces, so bytes up to 2 MiB
  // before may be gone with them. Returns false if the file's place can't be
  // found.
  [[nodiscard]] bool FailFrom(uint64_t offset);

 private:
  // Attaches the image to a loop device and mounts it; sets failure_.
  bool Mount(unsigned long flags);
  void Unmount(int flags);

  const std::string image_;
  const std::string mount_point_;
  std::string failure_;
  bool mounted_ = false;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_FAILING_DISK_H_
