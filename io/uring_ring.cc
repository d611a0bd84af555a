#include "io/uring_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/string_view.h"
#include "io/blocking_read.h"
#include "io/posix_error.h"

namespace quire::io {
namespace {

// What the kernel registers as one buffer at most.
constexpr uint64_t kRegisteredPartBytes = uint64_t{1} << 30;

// What liburing returned, an errno negated, for `call`. Any refusal means the
// same to the caller, whatever its number: do without.
absl::Status Refused(int result, std::string_view call) {
  return absl::FailedPreconditionError(
      absl::StrCat(base::AbslView(call), " failed: ", ErrnoName(-result), " (",
                   std::strerror(-result), ")"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringRing>> UringRing::Create(uint32_t depth) {
  std::unique_ptr<UringRing> ring(new UringRing);
  // COOP_TASKRUN: completions don't interrupt a thread that computes; it enters
  // the kernel to wait for them anyway, or, by TASKRUN_FLAG, to look whether
  // there are any. Kernels before 5.19 don't know it.
  int result = io_uring_queue_init(depth, &ring->ring_,
                                   IORING_SETUP_COOP_TASKRUN |
                                       IORING_SETUP_TASKRUN_FLAG |
                                       IORING_SETUP_SUBMIT_ALL);
  if (result == -EINVAL) {
    result = io_uring_queue_init(depth, &ring->ring_, 0);
  }
  if (result < 0) {
    ring->ring_.ring_fd = -1;
    return Refused(result, "io_uring_setup");
  }
  result = io_uring_ring_dontfork(&ring->ring_);
  if (result < 0) return Refused(result, "madvise(MADV_DONTFORK)");
  io_uring_prep_nop(io_uring_get_sqe(&ring->ring_));
  result = io_uring_submit_and_wait(&ring->ring_, 1);
  if (result < 0) return Refused(result, "io_uring_enter");
  io_uring_cqe* completion = nullptr;
  result = io_uring_peek_cqe(&ring->ring_, &completion);
  if (result < 0) return Refused(result, "io_uring_enter");
  io_uring_cqe_seen(&ring->ring_, completion);
  return ring;
}

UringRing::~UringRing() {
  if (ring_.ring_fd >= 0) io_uring_queue_exit(&ring_);
}

absl::Status UringRing::RegisterFiles(uint32_t count,
                                      std::span<const int> descriptors) {
  QUIRE_CHECK(descriptors.size() <= count);
  int result = io_uring_register_files_sparse(&ring_, count);
  if (result < 0) return Refused(result, "io_uring_register(files)");
  if (!descriptors.empty()) {
    result = io_uring_register_files_update(
        &ring_, 0, descriptors.data(),
        static_cast<unsigned>(descriptors.size()));
    if (result < 0) return Refused(result, "io_uring_register(files update)");
  }
  has_files_ = true;
  return absl::OkStatus();
}

absl::Status UringRing::UpdateFile(uint32_t handle, int descriptor) {
  if (!has_files_) return absl::OkStatus();
  const int result =
      io_uring_register_files_update(&ring_, handle, &descriptor, 1);
  if (result < 0) return Refused(result, "io_uring_register(files update)");
  return absl::OkStatus();
}

absl::Status UringRing::RegisterMemory(std::span<std::byte> memory) {
  if (memory_offered_) return absl::OkStatus();
  memory_offered_ = true;
  std::vector<iovec> parts;
  for (size_t at = 0; at < memory.size(); at += kRegisteredPartBytes) {
    parts.push_back({memory.data() + at,
                     std::min(memory.size() - at, kRegisteredPartBytes)});
  }
  const int result = io_uring_register_buffers(
      &ring_, parts.data(), static_cast<unsigned>(parts.size()));
  if (result < 0) return Refused(result, "io_uring_register(buffers)");
  registered_memory_ = memory;
  return absl::OkStatus();
}

int UringRing::RegisteredPart(const iovec& piece) const {
  const std::byte* const begin = static_cast<std::byte*>(piece.iov_base);
  const uint64_t offset =
      static_cast<uint64_t>(begin - registered_memory_.data());
  // Below the memory, the difference wraps round and is too large.
  if (offset >= registered_memory_.size()) return -1;
  const uint64_t part = offset / kRegisteredPartBytes;
  const uint64_t last = offset + piece.iov_len - 1;
  if (last >= registered_memory_.size() ||
      last / kRegisteredPartBytes != part) {
    return -1;
  }
  return static_cast<int>(part);
}

void UringRing::Prepare(IoRequest& request) {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  QUIRE_CHECK(entry != nullptr);
  const bool registered = has_files_ && request.registered_file >= 0;
  const int file =
      registered ? request.registered_file : request.file->descriptor();
  const std::span<const iovec> pieces = request.pieces;
  const int part = pieces.size() == 1 ? RegisteredPart(pieces[0]) : -1;
  if (part >= 0) {
    io_uring_prep_read_fixed(entry, file, pieces[0].iov_base,
                             static_cast<unsigned>(pieces[0].iov_len),
                             request.offset, part);
    entry->rw_flags = ReadFlags(request);
  } else {
    io_uring_prep_readv2(entry, file, pieces.data(),
                         static_cast<unsigned>(pieces.size()), request.offset,
                         ReadFlags(request));
  }
  if (registered) io_uring_sqe_set_flags(entry, IOSQE_FIXED_FILE);
  io_uring_sqe_set_data(entry, &request);
}

bool UringRing::Run(std::span<IoRequest* const> requests) {
  for (IoRequest* request : requests) Prepare(*request);
  size_t to_submit = requests.size();
  size_t in_flight = 0;
  while (to_submit + in_flight > 0) {
    const int result = io_uring_submit_and_wait(
        &ring_, static_cast<unsigned>(to_submit + in_flight));
    if (result > 0) {
      to_submit -= static_cast<size_t>(result);
      in_flight += static_cast<size_t>(result);
    }
    const size_t completed = FinishCompleted();
    in_flight -= completed;
    if (result >= 0 || result == -EINTR || completed > 0) continue;
    // The kernel is short of something. What is in flight must end before its
    // memory is let go; after that there is nothing to wait for.
    if (in_flight == 0) break;
    std::this_thread::yield();
  }
  if (to_submit == 0) return true;
  // Submitted in order, so what is left are the last ones.
  for (IoRequest* request : requests.last(to_submit)) ReadBlocking(*request);
  return false;
}

size_t UringRing::FinishCompleted() {
  size_t count = 0;
  io_uring_cqe* completion = nullptr;
  while (io_uring_peek_cqe(&ring_, &completion) == 0) {
    auto& request = *static_cast<IoRequest*>(io_uring_cqe_get_data(completion));
    const int result = completion->res;
    io_uring_cqe_seen(&ring_, completion);
    ++count;
    FinishRead(request, result);
  }
  return count;
}

size_t UringRing::Submit(std::span<IoRequest* const> requests) {
  for (IoRequest* request : requests) Prepare(*request);
  size_t taken = 0;
  while (taken < requests.size()) {
    const int result = io_uring_submit(&ring_);
    if (result > 0) taken += static_cast<size_t>(result);
    if (result <= 0 && result != -EINTR) break;
  }
  return taken;
}

size_t UringRing::Reap(size_t least, std::span<ReadQueue::Ended> ended) {
  size_t count = 0;
  while (count < ended.size()) {
    io_uring_cqe* completion = nullptr;
    const int result = count < least ? io_uring_wait_cqe_nr(
                                           &ring_, &completion,
                                           static_cast<unsigned>(least - count))
                                     : io_uring_peek_cqe(&ring_, &completion);
    if (result < 0) {
      if (count >= least) break;
      // The kernel was interrupted, or is short of something for a moment.
      std::this_thread::yield();
      continue;
    }
    ended[count++] = {
        .request = static_cast<IoRequest*>(io_uring_cqe_get_data(completion)),
        .result = completion->res};
    io_uring_cqe_seen(&ring_, completion);
  }
  return count;
}

}  // namespace quire::io
