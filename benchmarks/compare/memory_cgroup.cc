#include "benchmarks/compare/memory_cgroup.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace quire::benchmarks {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

absl::Status WriteText(const std::string& path, std::string_view text) {
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": ", std::strerror(errno)));
  }
  // The kernel judges what is written when it is handed over.
  const bool written =
      std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool flushed = std::fflush(file) == 0;
  const int error = errno;
  std::fclose(file);
  if (written && flushed) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", std::strerror(error)));
}

bool HasWord(const std::string& words, char separator, std::string_view word) {
  for (const std::string& one :
       std::vector<std::string>(absl::StrSplit(words, separator))) {
    if (one == word) return true;
  }
  return false;
}

}  // namespace

std::optional<MemoryController> FindMemoryController(
    const std::string& mounts) {
  std::optional<MemoryController> found;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(mounts, '\n'))) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ');
    if (fields.size() < 4) continue;
    if (fields[2] == "cgroup" && HasWord(fields[3], ',', "memory")) {
      return MemoryController{.path = fields[1], .is_v1 = true};
    }
    if (fields[2] == "cgroup2") {
      found = MemoryController{.path = fields[1], .is_v1 = false};
    }
  }
  return found;
}

absl::StatusOr<std::unique_ptr<MemoryCgroup>> MemoryCgroup::Create(
    const std::string& name, uint64_t limit_bytes) {
  const std::optional<MemoryController> controller =
      FindMemoryController(ReadAll("/proc/self/mounts"));
  if (!controller.has_value()) {
    return absl::FailedPreconditionError(
        "no control groups are mounted, so memory can't be limited");
  }
  if (!controller->is_v1) {
    // Refused where it is on already, and where it isn't to be had.
    WriteText(controller->path + "/cgroup.subtree_control", "+memory")
        .IgnoreError();
  }
  const std::string path = absl::StrCat(controller->path, "/", name);
  std::error_code error;
  fs::create_directory(path, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't limit memory: ", path, ": ", error.message()));
  }
  std::unique_ptr<MemoryCgroup> group(new MemoryCgroup(path));
  QUIRE_RETURN_IF_ERROR(WriteText(
      path + (controller->is_v1 ? "/memory.limit_in_bytes" : "/memory.max"),
      absl::StrCat(limit_bytes)));
  // Where there is no swap the kernel may have no such file.
  WriteText(
      path + (controller->is_v1 ? "/memory.swappiness" : "/memory.swap.max"),
      "0")
      .IgnoreError();
  return group;
}

MemoryCgroup::~MemoryCgroup() {
  // Pages of files outlive the process; only version 1 can be asked to drop
  // them. A process that has just ended may still be counted for a moment.
  WriteText(path_ + "/memory.force_empty", "0").IgnoreError();
  std::error_code error;
  for (int attempt = 0; attempt < 50; ++attempt) {
    fs::remove(path_, error);
    if (!error) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

absl::Status MemoryCgroup::AddProcess(pid_t process) const {
  return WriteText(path_ + "/cgroup.procs", absl::StrCat(process));
}

}  // namespace quire::benchmarks
