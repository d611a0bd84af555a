// A control group that limits the memory of a process, page cache included.
#ifndef QUIRE_BENCHMARKS_COMPARE_MEMORY_CGROUP_H_
#define QUIRE_BENCHMARKS_COMPARE_MEMORY_CGROUP_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::benchmarks {

// Where the kernel's memory controller is to be had.
struct MemoryController {
  std::string path;  // where its file system is mounted
  bool is_v1 = false;
};

// The one that `mounts`, in the form of /proc/self/mounts, has; version 1
// before version 2, since a controller that is in use there isn't in the other.
std::optional<MemoryController> FindMemoryController(const std::string& mounts);

// Empty at first. Removed at destruction; processes in it must have ended.
class MemoryCgroup {
 public:
  // Makes a group named `name`. FailedPrecondition, saying why, where there is
  // no controller or it is refused: needs root.
  static absl::StatusOr<std::unique_ptr<MemoryCgroup>> Create(
      const std::string& name, uint64_t limit_bytes);

  ~MemoryCgroup();
  MemoryCgroup(const MemoryCgroup&) = delete;
  MemoryCgroup& operator=(const MemoryCgroup&) = delete;

  // What the process takes from now on counts here.
  absl::Status AddProcess(pid_t process) const;

  const std::string& path() const { return path_; }

 private:
  explicit MemoryCgroup(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_MEMORY_CGROUP_H_
