// What a MemoryDisk's files and directories are.
#ifndef QUIRE_TESTS_TORTURE_MEMORY_DISK_INODE_H_
#define QUIRE_TESTS_TORTURE_MEMORY_DISK_INODE_H_

#include <unistd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/check.h"
#include "tests/torture/disk_image.h"
#include "tests/torture/memory_disk.h"

namespace quire::torture {

// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) { QUIRE_CHECK(fd >= 0); }
  ~Descriptor() { close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

struct MemoryDisk::Inode {
  uint64_t id = 0;
  bool is_directory = false;
  std::shared_ptr<Bytes> bytes;  // of a file; changed only while not shared
  std::map<std::string, std::shared_ptr<Inode>> entries;  // of a directory
  std::shared_ptr<Descriptor> memfd;  // has the same bytes, once made
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEMORY_DISK_INODE_H_
