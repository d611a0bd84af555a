#include "io/page_cache_control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/status_macros.h"
#include "io/posix_error.h"

namespace quire::io {
namespace {

// cachestat(2) as the kernel defines it; the C library doesn't have it yet. The
// number is the same on every architecture.
constexpr long kCachestatCall = 451;

struct CachestatRange {
  uint64_t offset;
  uint64_t length;  // 0: to the end
};

struct Cachestat {
  uint64_t cached_pages;
  uint64_t dirty_pages;
  uint64_t writeback_pages;
  uint64_t evicted_pages;
  uint64_t recently_evicted_pages;
};

uint64_t PageBytes() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

absl::StatusOr<int> OpenForReading(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return PosixError(errno, "open", path);
  return fd;
}

// Cached pages by cachestat; nothing where the kernel lacks it or a sandbox
// refuses it.
std::optional<uint64_t> CachedPages(int fd) {
  CachestatRange range = {.offset = 0, .length = 0};
  Cachestat result;
  if (syscall(kCachestatCall, fd, &range, &result, 0) != 0) {
    return std::nullopt;
  }
  return result.cached_pages;
}

absl::StatusOr<uint64_t> MappedResidentPages(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return PosixError(errno, "fstat", path);
  const size_t length = static_cast<size_t>(info.st_size);
  if (length == 0) return 0;
  void* const map = mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) return PosixError(errno, "mmap", path);
  const absl::Cleanup unmap = [map, length] { munmap(map, length); };
  std::vector<unsigned char> pages((length + PageBytes() - 1) / PageBytes());
  if (mincore(map, length, pages.data()) != 0) {
    return PosixError(errno, "mincore", path);
  }
  uint64_t resident = 0;
  for (const unsigned char page : pages) resident += page & 1;
  return resident;
}

}  // namespace

absl::Status DropFromPageCache(const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(const int fd, OpenForReading(path));
  const absl::Cleanup close_file = [fd] { close(fd); };
  // Dirty pages can't be dropped.
  if (fdatasync(fd) != 0) return PosixError(errno, "fdatasync", path);
  // Returns the error instead of setting errno.
  const int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  if (error != 0) return PosixError(error, "posix_fadvise", path);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> PageCacheResidentBytes(const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(const int fd, OpenForReading(path));
  const absl::Cleanup close_file = [fd] { close(fd); };
  std::optional<uint64_t> pages = CachedPages(fd);
  if (!pages) {
    QUIRE_ASSIGN_OR_RETURN(pages, MappedResidentPages(fd, path));
  }
  return *pages * PageBytes();
}

}  // namespace quire::io
