#include "io/blocking_read.h"

#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "io/aligned_buffer.h"
#include "io/posix_error.h"

namespace quire::io {
namespace {

// RWF_DONTCACHE of Linux 6.14, which older headers don't name: drops from the
// page cache, once it is read, what this read brought in.
constexpr int kDontCache = 0x80;

// Set when a kernel or file system refused kDontCache; the process then does
// without. Relaxed: at worst one more read is refused.
constinit std::atomic<bool> dont_cache_refused{false};

// The pieces without their first `done` bytes.
std::vector<iovec> SkipBytes(std::span<const iovec> pieces, uint64_t done) {
  std::vector<iovec> rest;
  for (const iovec& piece : pieces) {
    const uint64_t skipped = std::min<uint64_t>(done, piece.iov_len);
    done -= skipped;
    if (skipped == piece.iov_len) continue;
    rest.push_back({static_cast<std::byte*>(piece.iov_base) + skipped,
                    piece.iov_len - skipped});
  }
  return rest;
}

// Reads a file that has no descriptor, by one ReadAt however many pieces.
absl::Status ReadByReadAt(const IoRequest& request) {
  const std::span<const iovec> pieces = request.pieces;
  if (pieces.size() == 1) {
    return request.file->ReadAt(
        request.offset,
        {static_cast<std::byte*>(pieces[0].iov_base), pieces[0].iov_len});
  }
  size_t total = 0;
  for (const iovec& piece : pieces) total += piece.iov_len;
  QUIRE_ASSIGN_OR_RETURN(const AlignedBuffer buffer,
                         AlignedBuffer::Create(total));
  QUIRE_RETURN_IF_ERROR(
      request.file->ReadAt(request.offset, {buffer.data(), total}));
  const std::byte* from = buffer.data();
  for (const iovec& piece : pieces) {
    std::memcpy(piece.iov_base, from, piece.iov_len);
    from += piece.iov_len;
  }
  return absl::OkStatus();
}

// Asks the kernel once for what comes after the first `done` bytes; returns the
// bytes that it read, or an errno negated.
int64_t Attempt(const IoRequest& request, uint64_t done) {
  std::vector<iovec> rest;
  std::span<const iovec> pieces = request.pieces;
  if (done > 0) pieces = rest = SkipBytes(pieces, done);
  while (true) {
    const int flags = ReadFlags(request);
    const ssize_t got =
        preadv2(request.file->descriptor(), pieces.data(),
                static_cast<int>(pieces.size()),
                static_cast<off_t>(request.offset + done), flags);
    if (got >= 0) return got;
    if (errno == EOPNOTSUPP && flags != 0) {
      dont_cache_refused.store(true, std::memory_order_relaxed);
    } else if (errno != EINTR) {
      return -errno;
    }
  }
}

}  // namespace

int ReadFlags(const IoRequest& request) {
  return request.drop_behind &&
                 !dont_cache_refused.load(std::memory_order_relaxed)
             ? kDontCache
             : 0;
}

void ReadBlocking(IoRequest& request) {
  if (request.file->descriptor() < 0) {
    request.status = ReadByReadAt(request);
  } else {
    FinishRead(request, Attempt(request, 0));
  }
}

void FinishRead(IoRequest& request, int64_t result) {
  // Answers of io_uring that say nothing about the file.
  if (result == -EINTR || result == -EAGAIN || result == -EOPNOTSUPP) {
    result = Attempt(request, 0);
  }
  const std::string& path = request.file->path();
  const uint64_t needed =
      request.wanted_offset + request.wanted_length - request.offset;
  uint64_t done = 0;
  while (true) {
    if (result < 0) {
      request.status = ReadError(static_cast<int>(-result), "read", path,
                                 request.wanted_offset, request.wanted_length);
      return;
    }
    done += static_cast<uint64_t>(result);
    if (done >= needed) {
      request.status = absl::OkStatus();
      return;
    }
    // O_DIRECT ends a transfer off its alignment only at the end of the file,
    // and could not go on from there.
    if (result == 0 || done % request.file->direct_alignment() != 0) {
      request.status =
          CutShortError(path, request.wanted_offset, request.wanted_length,
                        request.offset + done);
      return;
    }
    result = Attempt(request, done);
  }
}

}  // namespace quire::io
