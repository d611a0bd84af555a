#include "io/copy_content.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status_macros.h"
#include "io/blocking_read.h"
#include "io/read_engine.h"

namespace quire::io {
namespace {

// What is read, or asked of the kernel, at a time.
constexpr uint64_t kReadBytes = uint64_t{1} << 20;
constexpr uint64_t kRangeBytes = uint64_t{64} << 20;

// Copies within the kernel as far as that goes; where it ended.
uint64_t CopyInKernel(int from, int to, uint64_t size) {
  off_t source = 0;
  off_t target = 0;
  while (static_cast<uint64_t>(source) < size) {
    const uint64_t left = size - static_cast<uint64_t>(source);
    const ssize_t copied = copy_file_range(
        from, &source, to, &target, std::min(left, kRangeBytes), /*flags=*/0);
    if (copied < 0 && errno == EINTR) continue;
    // Some file systems copy nothing without calling it an error.
    if (copied <= 0) break;
  }
  return static_cast<uint64_t>(source);
}

}  // namespace

absl::Status CopyContent(const ReadableFile& from, int to_descriptor,
                         WritableFile& to) {
  if (ioctl(to_descriptor, FICLONE, from.descriptor()) == 0) {
    return absl::OkStatus();
  }
  const uint64_t size = from.size_bytes();
  uint64_t done = CopyInKernel(from.descriptor(), to_descriptor, size);
  if (done == size) return absl::OkStatus();
  std::vector<std::byte> buffer(std::min(size - done, kReadBytes));
  while (done < size) {
    const uint64_t length = std::min<uint64_t>(size - done, buffer.size());
    const std::span<std::byte> piece = std::span(buffer).first(length);
    const iovec memory = {piece.data(), piece.size()};
    IoRequest read = {.file = &from,
                      .drop_behind = true,
                      .offset = done,
                      .pieces = {&memory, 1},
                      .wanted_offset = done,
                      .wanted_length = length};
    ReadBlocking(read);
    QUIRE_RETURN_IF_ERROR(read.status);
    QUIRE_RETURN_IF_ERROR(to.WriteAt(done, piece));
    done += length;
  }
  return absl::OkStatus();
}

}  // namespace quire::io
