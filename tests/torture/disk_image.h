// The files of a simulated disk at one moment.

#ifndef QUIRE_TESTS_TORTURE_DISK_IMAGE_H_
#define QUIRE_TESTS_TORTURE_DISK_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace quire::torture {

using Bytes = std::vector<std::byte>;
using SharedBytes = std::shared_ptr<const Bytes>;

// Files and directories by their paths, from the root "/" on, which is always
// there. Contents are shared between images: nobody changes them.
struct DiskImage {
  std::map<std::string, SharedBytes> files;
  std::vector<std::string> directories;  // parents before children
  // What a MemoryDisk calls them on its tapes, by path; it gives others to
  // those that are missing.
  std::map<std::string, uint64_t> inodes;
};

// What happened to a disk, in order: enough to tell what is durable at each
// moment.
struct DiskOp {
  enum class Kind : uint8_t {
    kWrite,          // data to inode at offset
    kSync,           // of inode
    kNames,          // all changes at once, or none
    kSyncDirectory,  // of the directory inode
  };
  // The directory's entry `name` becomes `inode`; 0: there is none any more.
  struct NameChange {
    uint64_t directory = 0;
    std::string name;
    uint64_t inode = 0;
  };

  Kind kind = Kind::kWrite;
  uint64_t inode = 0;
  uint64_t offset = 0;
  SharedBytes data = nullptr;
  std::vector<NameChange> changes = {};
  bool is_directory = false;  // kNames: what is created is a directory
  // A sync that failed: what wasn't durable by then never comes to be by a
  // later sync, though every reader sees it.
  bool failed = false;
};

// A disk when its record begins, and what happened then. Names of inode 1 are
// those of the root.
struct DiskTape {
  static constexpr uint64_t kRoot = 1;
  struct Node {
    bool is_directory = false;
    SharedBytes bytes;                        // of a file
    std::map<std::string, uint64_t> entries;  // of a directory
  };
  std::map<uint64_t, Node> nodes;
  std::vector<DiskOp> ops;
};

// "/a/b" to "/a" and "b"; "/a" to "/" and "a".
inline std::pair<std::string, std::string> SplitPath(const std::string& path) {
  const size_t slash = path.rfind('/');
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_DISK_IMAGE_H_
