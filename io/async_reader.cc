#include "io/async_reader.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace quire::io {
namespace {

class BlockingAsyncReader final : public AsyncReader {
 public:
  explicit BlockingAsyncReader(PageProvider& provider) : provider_(provider) {}

  void Submit(std::span<ReadRequest* const> requests,
              CachePolicy policy) override {
    // First, so that all are submitted or none.
    submitted_.reserve(submitted_.size() + requests.size());
    for (ReadRequest* request : requests) {
      submitted_.push_back({request, policy});
    }
  }

  size_t Poll(size_t /*least*/, std::span<ReadRequest*> done) override {
    ReadSubmitted();
    const size_t count = std::min(done.size(), answered_.size());
    std::copy_n(answered_.begin(), count, done.begin());
    answered_.erase(answered_.begin(),
                    answered_.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }

 private:
  struct Submitted {
    ReadRequest* request;
    CachePolicy policy;
  };

  void ReadSubmitted() {
    while (!submitted_.empty()) {
      size_t count = 1;
      while (count < submitted_.size() &&
             submitted_[count].policy == submitted_[0].policy) {
        ++count;
      }
      ReadFirst(count);
    }
  }

  // Reads the first `count`, which have one policy. If memory runs out they
  // stay submitted, none of them answered.
  void ReadFirst(size_t count) {
    answered_.reserve(answered_.size() + count);
    std::vector<ReadRequest> batch(count);
    for (size_t i = 0; i < count; ++i) {
      batch[i].extent = submitted_[i].request->extent;
    }
    provider_.Read(batch, submitted_[0].policy);
    // From here on nothing takes memory.
    for (size_t i = 0; i < count; ++i) {
      *submitted_[i].request = std::move(batch[i]);
      answered_.push_back(submitted_[i].request);
    }
    submitted_.erase(submitted_.begin(),
                     submitted_.begin() + static_cast<ptrdiff_t>(count));
  }

  PageProvider& provider_;
  std::vector<Submitted> submitted_;
  std::vector<ReadRequest*> answered_;
};

}  // namespace

std::unique_ptr<AsyncReader> NewAsyncReader(PageProvider& provider,
                                            uint32_t depth) {
  if (auto* const capable = dynamic_cast<AsyncPageProvider*>(&provider)) {
    std::unique_ptr<AsyncReader> reader = capable->NewAsyncReader(depth);
    if (reader != nullptr) return reader;
  }
  return std::make_unique<BlockingAsyncReader>(provider);
}

}  // namespace quire::io
