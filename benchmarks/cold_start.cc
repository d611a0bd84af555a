#include "benchmarks/cold_start.h"

#include <chrono>
#include <thread>
#include <vector>

#include "base/status_macros.h"
#include "io/page_cache_control.h"
#include "io/posix_file_system.h"
#include "kv/stats.h"

namespace quire::benchmarks {

absl::StatusOr<uint64_t> DropDatabaseFromPageCache(
    const std::string& directory) {
  QUIRE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         io::PosixFileSystem().ListDirectory(directory));
  uint64_t resident = 0;
  for (const std::string& name : names) {
    const std::string file = directory + "/" + name;
    QUIRE_RETURN_IF_ERROR(io::DropFromPageCache(file));
    QUIRE_ASSIGN_OR_RETURN(const uint64_t bytes,
                           io::PageCacheResidentBytes(file));
    resident += bytes;
  }
  return resident;
}

bool WaitForIndex(DB& db, uint64_t bytes) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(30);
  while (db.GetStats().index_resident_bytes < bytes) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace quire::benchmarks
