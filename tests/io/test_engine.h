// An engine that tests can look into and stop.

#ifndef QUIRE_TESTS_IO_TEST_ENGINE_H_
#define QUIRE_TESTS_IO_TEST_ENGINE_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "io/preadv_engine.h"
#include "io/read_engine.h"

namespace quire::io {

// What an engine was asked for.
struct Seen {
  uint64_t offset;
  uint64_t length;
  bool operator==(const Seen&) const = default;
};

// An engine that notes what it is asked for, fails reads of bad ranges, and can
// be stopped. Shared with the provider that owns its face.
class TestEngine {
 public:
  // Reads that touch [begin, end) fail.
  void FailRange(uint64_t begin, uint64_t end) {
    base::MutexLock lock(mu_);
    bad_begin_ = begin;
    bad_end_ = end;
  }

  // Batches stop before they read, until Go.
  void Stop() {
    base::MutexLock lock(mu_);
    stopped_ = true;
  }
  void Go() {
    base::MutexLock lock(mu_);
    stopped_ = false;
    changed_.NotifyAll();
  }
  // Waits until a batch has stopped.
  void AwaitBatch() {
    base::MutexLock lock(mu_);
    while (stopped_batches_ == 0) changed_.Wait(mu_);
  }

  // The requests since the last call, and how many batches they came in.
  std::vector<Seen> TakeSeen() {
    base::MutexLock lock(mu_);
    return std::exchange(seen_, {});
  }
  int TakeBatches() {
    base::MutexLock lock(mu_);
    return std::exchange(batches_, 0);
  }

  std::unique_ptr<ReadEngine> Face() { return std::make_unique<Front>(*this); }

 private:
  class Front final : public ReadEngine {
   public:
    explicit Front(TestEngine& engine) : engine_(engine) {}
    void ReadBatch(std::span<IoRequest> requests) override {
      engine_.ReadBatch(requests);
    }
    std::string Description() const override { return "test"; }

   private:
    TestEngine& engine_;
  };

  void ReadBatch(std::span<IoRequest> requests) {
    {
      base::MutexLock lock(mu_);
      ++batches_;
      for (const IoRequest& request : requests) {
        uint64_t length = 0;
        for (const iovec& piece : request.pieces) length += piece.iov_len;
        seen_.push_back({request.offset, length});
      }
      ++stopped_batches_;
      changed_.NotifyAll();
      while (stopped_) changed_.Wait(mu_);
      --stopped_batches_;
    }
    real_->ReadBatch(requests);
    base::MutexLock lock(mu_);
    for (IoRequest& request : requests) {
      if (request.wanted_offset < bad_end_ &&
          request.wanted_offset + request.wanted_length > bad_begin_) {
        request.status = absl::UnavailableError("bad range");
      }
    }
  }

  const std::unique_ptr<ReadEngine> real_ = MakePreadvEngine();
  base::Mutex mu_;
  base::CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  int stopped_batches_ ABSL_GUARDED_BY(mu_) = 0;
  int batches_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bad_begin_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bad_end_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::io

#endif  // QUIRE_TESTS_IO_TEST_ENGINE_H_
