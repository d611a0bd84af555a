#include "tests/torture/syscall_faults.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <mutex>
#include <vector>

namespace quire::torture {
namespace {

// A plain mutex: calls come from any code, and are few.
std::mutex mu;
// Read before the mutex is taken: relaxed, since whoever arms does it before
// the threads that are to meet faults do anything.
std::atomic<bool> armed{false};
SyscallFault fault = SyscallFault::kInterrupted;
uint64_t fault_nth = 0;
bool fault_sticky = false;
uint64_t seen = 0;
uint64_t met = 0;

// Whether the call that is made now meets a fault of this kind.
bool Meets(SyscallFault kind) {
  if (!armed.load(std::memory_order_relaxed)) return false;
  const std::lock_guard<std::mutex> lock(mu);
  if (kind != fault) return false;
  ++seen;
  const bool hit =
      seen == fault_nth ||
      (fault_sticky && seen > fault_nth &&
       (kind == SyscallFault::kShort || (seen - fault_nth) % 4 != 3));
  if (hit) ++met;
  return hit;
}

bool IsInterrupted() {
  if (!Meets(SyscallFault::kInterrupted)) return false;
  errno = EINTR;
  return true;
}

// How much of a transfer of `size` bytes is done.
size_t Part(int fd, size_t size) {
  if (!armed.load(std::memory_order_relaxed)) return size;
  const long flags = syscall(SYS_fcntl, fd, F_GETFL);
  const bool direct = flags >= 0 && (flags & O_DIRECT) != 0;
  const size_t part = direct ? size / 8192 * 4096 : size / 2;
  return part > 0 && Meets(SyscallFault::kShort) ? part : size;
}

}  // namespace

void ArmSyscallFaults(SyscallFault kind, uint64_t nth, bool sticky) {
  const std::lock_guard<std::mutex> lock(mu);
  fault = kind;
  fault_nth = nth;
  fault_sticky = sticky;
  seen = 0;
  met = 0;
  armed.store(true, std::memory_order_relaxed);
}

uint64_t DisarmSyscallFaults() {
  const std::lock_guard<std::mutex> lock(mu);
  armed.store(false, std::memory_order_relaxed);
  return met;
}

}  // namespace quire::torture

using ::quire::torture::IsInterrupted;
using ::quire::torture::Part;

extern "C" {

ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  if (IsInterrupted()) return -1;
  return syscall(SYS_pread64, fd, buffer, Part(fd, size), offset);
}

ssize_t pwrite(int fd, const void* buffer, size_t size, off_t offset) {
  if (IsInterrupted()) return -1;
  return syscall(SYS_pwrite64, fd, buffer, Part(fd, size), offset);
}

ssize_t preadv2(int fd, const iovec* pieces, int count, off_t offset,
                int flags) {
  if (IsInterrupted()) return -1;
  size_t size = 0;
  for (int i = 0; i < count; ++i) size += pieces[i].iov_len;
  size_t left = Part(fd, size);
  std::vector<iovec> parts;
  for (int i = 0; i < count && left > 0; ++i) {
    parts.push_back(pieces[i]);
    parts.back().iov_len = std::min(left, pieces[i].iov_len);
    left -= parts.back().iov_len;
  }
  // The offset is one register here, and a second one that must be 0.
  return syscall(SYS_preadv2, fd, parts.data(), parts.size(), offset, 0L,
                 flags);
}

ssize_t copy_file_range(int from, off64_t* from_offset, int to,
                        off64_t* to_offset, size_t size, unsigned flags) {
  if (IsInterrupted()) return -1;
  return syscall(SYS_copy_file_range, from, from_offset, to, to_offset,
                 Part(to, size), flags);
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  if (IsInterrupted()) return -1;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

int fdatasync(int fd) {
  if (IsInterrupted()) return -1;
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

int fsync(int fd) {
  if (IsInterrupted()) return -1;
  return static_cast<int>(syscall(SYS_fsync, fd));
}

}  // extern "C"
