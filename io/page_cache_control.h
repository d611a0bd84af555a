// What the kernel's page cache holds of a file, and getting it out of there.
// For measurements; nothing that serves reads needs it.

#ifndef QUIRE_IO_PAGE_CACHE_CONTROL_H_
#define QUIRE_IO_PAGE_CACHE_CONTROL_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::io {

// Writes the file's dirty pages to the device and asks the kernel to forget all
// of its pages (POSIX_FADV_DONTNEED). The kernel keeps pages that somebody has
// mapped or is using: look at PageCacheResidentBytes. Needs no privilege; other
// files' pages stay.
absl::Status DropFromPageCache(const std::string& path);

// Bytes of the file that the page cache holds, in whole pages: by cachestat
// (Linux 6.5), before that by mincore. Both tell the truth only about files
// that the caller owns or may write.
absl::StatusOr<uint64_t> PageCacheResidentBytes(const std::string& path);

}  // namespace quire::io

#endif  // QUIRE_IO_PAGE_CACHE_CONTROL_H_
