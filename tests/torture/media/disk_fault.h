// Which operations of a faulty disk fail, and how.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_DISK_FAULT_H_
#define QUIRE_TESTS_TORTURE_MEDIA_DISK_FAULT_H_

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace quire::torture {

// Operations as the file system gets them from the kernel.
enum class DiskOp : uint8_t {
  kRead,
  kOpen,
  // From here on: those that change something.
  kWrite,
  kResize,
  kSync,
  kSyncDirectory,
  kCreate,
  kRename,
  kRemove,
  kLink,
  kMakeDirectory,
  kAny,  // in a fault: all of the above
};

inline constexpr size_t kDiskOps = static_cast<size_t>(DiskOp::kAny);

// Goes through a socket as it is.
struct DiskFault {
  DiskOp op = DiskOp::kAny;
  // Only operations on a path that contains this are counted and fail.
  std::array<char, 32> path_contains = {};
  // Only where it is the path's end.
  bool at_end = false;
  // Reads and writes: only those that touch a byte of [begin, end).
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  // Which of them fails first, 1 being the next, and how many from there on. A
  // buffered read fails for the reader only after two, a mapped one after three
  // failures: the kernel tries again by itself.
  uint64_t nth = 1;
  uint64_t count = UINT64_MAX;
  int error = EIO;
  // Reads and writes: transfer this many bytes and succeed, instead of failing.
  // A short read tells the kernel that the file ends there. -1: no.
  int64_t short_bytes = -1;
  // A sync: what was written since the last one is gone, as after a failed
  // write of a block. false: it stays unsynced.
  bool lose = false;

  // REQUIRES: text.size() < path_contains.size().
  void set_path_contains(std::string_view text);
};

// The faults in force. Not thread-safe.
class DiskFaults {
 public:
  void Add(const DiskFault& fault) { armed_.push_back({fault, 0}); }
  void Clear() { armed_.clear(); }

  // Counts an operation; the fault that it meets, if any.
  std::optional<DiskFault> Begin(DiskOp op, std::string_view path,
                                 uint64_t offset = 0,
                                 uint64_t length = UINT64_MAX);

  uint64_t injected() const { return injected_; }

 private:
  struct Armed {
    DiskFault fault;
    uint64_t seen = 0;
  };

  std::vector<Armed> armed_;
  uint64_t injected_ = 0;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_DISK_FAULT_H_
