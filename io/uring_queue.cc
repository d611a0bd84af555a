#include "io/uring_queue.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace quire::io {

UringQueue::~UringQueue() {
  Ended ended;
  while (in_flight_ > 0) {
    // What the reads brought is of no use any more, but they must have ended.
    Take(1, {&ended, 1});
  }
  owner_.close(ring_);
}

void UringQueue::Submit(std::span<IoRequest* const> requests) {
  QUIRE_CHECK(in_flight_ + unread_.size() + requests.size() <= depth_);
  owner_.prepare(ring_);
  submitting_.clear();
  for (IoRequest* request : requests) {
    if (refused_ || request->file->descriptor() < 0) {
      unread_.push_back(request);
    } else {
      submitting_.push_back(request);
    }
  }
  if (submitting_.empty()) return;
  const size_t taken = ring_.Submit(submitting_);
  in_flight_ += taken;
  if (taken < submitting_.size()) {
    refused_ = true;
    unread_.insert(unread_.end(),
                   submitting_.begin() + static_cast<ptrdiff_t>(taken),
                   submitting_.end());
  }
}

size_t UringQueue::Take(size_t least, std::span<Ended> ended) {
  QUIRE_CHECK(least <= in_flight_ + unread_.size() && least <= ended.size());
  size_t count = 0;
  while (!unread_.empty() && count < ended.size()) {
    // What io_uring says where a read has to be asked for again.
    ended[count++] = {.request = unread_.back(), .result = -EAGAIN};
    unread_.pop_back();
  }
  const size_t wanted = least > count ? least - count : 0;
  const size_t reaped = ring_.Reap(wanted, ended.subspan(count));
  in_flight_ -= reaped;
  return count + reaped;
}

}  // namespace quire::io
