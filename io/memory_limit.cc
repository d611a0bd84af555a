#include "io/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <vector>

namespace quire::io {
namespace {

std::vector<std::string> Words(const std::string& line) {
  std::istringstream words(line);
  return {std::istream_iterator<std::string>(words), {}};
}

// Whether `name` is one of `list`, parted by commas.
bool Contains(const std::string& list, std::string_view name) {
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == name) return true;
  }
  return false;
}

// The process's group in the hierarchy that counts memory: its path there, or
// nothing. Lines are "number:controllers:path"; version 2 has number 0 and no
// controllers.
std::string GroupPath(const std::string& root, bool version2) {
  std::ifstream groups(root + "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version2 ? controllers.empty() : Contains(controllers, "memory")) {
      return line.substr(second + 1);
    }
  }
  return "";
}

// The least limit of `path` and of the groups above it, in the hierarchy that
// is mounted at `mount`.
uint64_t LeastLimit(const std::string& mount, std::string path,
                    const char* limit_file) {
  uint64_t least = UINT64_MAX;
  while (true) {
    std::ifstream file(mount + path + "/" + limit_file);
    uint64_t limit = 0;
    // "max", for none, is no number.
    if (file >> limit) least = std::min(least, limit);
    const size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return least;
    path.resize(slash);
  }
}

}  // namespace

uint64_t ControlGroupMemoryLimit(const std::string& root) {
  uint64_t least = UINT64_MAX;
  std::ifstream mounts(root + "proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    // number, parent, device, mounted part, directory, options ..., "-", type,
    // source, options of the file system.
    const std::vector<std::string> words = Words(line);
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || std::distance(dash, words.end()) < 4) continue;
    const std::string& part = words[3];
    const std::string& directory = words[4];
    const bool version2 = dash[1] == "cgroup2";
    if (!version2 && (dash[1] != "cgroup" || !Contains(dash[3], "memory"))) {
      continue;
    }
    std::string path = GroupPath(root, version2);
    // In a container the mount may begin at the container's group.
    if (part != "/" && path.starts_with(part)) path.erase(0, part.size());
    if (path == "/") path.clear();
    least = std::min(
        least, LeastLimit(root + directory.substr(1), path,
                          version2 ? "memory.max" : "memory.limit_in_bytes"));
  }
  return least;
}

uint64_t UsableMemoryBytes() {
  const uint64_t machine = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                           static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(machine, ControlGroupMemoryLimit("/"));
}

}  // namespace quire::io
