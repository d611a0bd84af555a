#include "benchmarks/compare/device_counters.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace quire::benchmarks {
namespace {

constexpr uint64_t kSectorBytes = 512;

}  // namespace

std::optional<DeviceCounters> ParseDiskStats(std::string_view diskstats,
                                             unsigned major, unsigned minor) {
  std::istringstream lines{std::string(diskstats)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    unsigned line_major = 0;
    unsigned line_minor = 0;
    std::string name;
    uint64_t reads = 0;
    uint64_t merged = 0;
    uint64_t sectors = 0;
    fields >> line_major >> line_minor >> name >> reads >> merged >> sectors;
    if (fields.fail() || line_major != major || line_minor != minor) continue;
    return DeviceCounters{.reads = reads, .bytes_read = sectors * kSectorBytes};
  }
  return std::nullopt;
}

DeviceCounters CountersOfDevice(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return {};
  std::ifstream file("/proc/diskstats");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return ParseDiskStats(text, major(info.st_dev), minor(info.st_dev))
      .value_or(DeviceCounters());
}

}  // namespace quire::benchmarks
