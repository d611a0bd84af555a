#include "io/async_reader.h"

#include <algorithm>
#include <cstddef>
#include <deque>
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
    for (size_t begin = 0, end; begin < submitted_.size(); begin = end) {
      const CachePolicy policy = submitted_[begin].policy;
      end = begin + 1;
      while (end < submitted_.size() && submitted_[end].policy == policy) ++end;
      ReadBatch(std::span(submitted_).subspan(begin, end - begin), policy);
    }
    submitted_.clear();
  }

  void ReadBatch(std::span<const Submitted> submitted, CachePolicy policy) {
    std::vector<ReadRequest> batch(submitted.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      batch[i].extent = submitted[i].request->extent;
    }
    provider_.Read(batch, policy);
    for (size_t i = 0; i < batch.size(); ++i) {
      *submitted[i].request = std::move(batch[i]);
      answered_.push_back(submitted[i].request);
    }
  }

  PageProvider& provider_;
  std::vector<Submitted> submitted_;
  std::deque<ReadRequest*> answered_;
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
