#include "benchmarks/disk_usage.h"

#include <filesystem>
#include <system_error>

namespace quire::benchmarks {

uint64_t DirectoryBytes(const std::string& directory) {
  uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    std::error_code gone;
    const uintmax_t size = file.file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace quire::benchmarks
