#include "io/uring_engine.h"

#include <sys/resource.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "io/blocking_read.h"
#include "io/uring_queue.h"
#include "io/uring_ring.h"

namespace quire::io {
namespace {

// Files that can be registered; a store that has more open reads the rest by
// their descriptors.
constexpr uint64_t kMaxRegisteredFiles = 4096;

// The kernel refuses a larger table than the process may have descriptors.
uint32_t RegisteredFileCount() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<uint32_t>(
      std::min<uint64_t>(limit.rlim_cur, kMaxRegisteredFiles));
}

size_t DefaultRingCount() {
  return std::clamp<size_t>(2 * std::thread::hardware_concurrency(), 2, 32);
}

// A pool of rings: a batch takes one, so that a completion has one owner, and
// gives it back when all of the batch is done. Rings are made when all are
// taken, up to a limit; then batches wait for one.
class UringEngine final : public ReadEngine {
 public:
  explicit UringEngine(const UringOptions& options)
      : options_(options),
        file_count_(RegisteredFileCount()),
        max_rings_(options.max_rings != 0 ? options.max_rings
                                          : DefaultRingCount()) {}

  // Makes the first ring, which shows whether the machine allows any.
  absl::Status MakeFirstRing() {
    base::MutexLock lock(mu_);
    QUIRE_ASSIGN_OR_RETURN(UringRing * ring, MakeRing(rings_, options_.depth));
    free_.push_back(ring);
    return absl::OkStatus();
  }

  void ReadBatch(std::span<IoRequest> requests) override {
    std::vector<IoRequest*> batch;
    if (requests.size() > 1) {
      for (IoRequest& request : requests) {
        if (request.file->descriptor() >= 0) batch.push_back(&request);
      }
    }
    if (!batch.empty()) RunBatch(batch);
    for (IoRequest& request : requests) {
      if (requests.size() == 1 || request.file->descriptor() < 0) {
        ReadBlocking(request);
      }
    }
  }

  std::unique_ptr<ReadQueue> NewQueue(uint32_t depth) override {
    base::MutexLock lock(mu_);
    const absl::StatusOr<UringRing*> ring = MakeRing(queue_rings_, depth);
    if (!ring.ok()) return nullptr;
    return std::make_unique<UringQueue>(
        **ring, depth,
        UringQueue::Owner{
            .prepare = [this](UringRing& used) { OfferKnownMemory(used); },
            .close = [this](UringRing& closed) { CloseQueueRing(closed); }});
  }

  void RegisterMemory(std::span<std::byte> memory) override {
    base::MutexLock lock(mu_);
    if (memory.size() > options_.max_registered_bytes) {
      memory_refused_ = absl::FailedPreconditionError(
          absl::StrCat(memory.size(), " bytes are more than the limit of ",
                       options_.max_registered_bytes));
      return;
    }
    memory_ = memory;
    memory_known_.store(true, std::memory_order_relaxed);
    // Rings that are taken now follow when they are taken next.
    for (UringRing* ring : free_) OfferMemory(ring);
  }

  int RegisterFile(int descriptor) override {
    base::MutexLock lock(mu_);
    const auto free_slot = std::find(files_.begin(), files_.end(), -1);
    const auto handle = static_cast<uint32_t>(free_slot - files_.begin());
    if (handle >= file_count_) return -1;
    for (const Rings* rings : {&rings_, &queue_rings_}) {
      for (const auto& ring : *rings) {
        if (ring->UpdateFile(handle, descriptor).ok()) continue;
        ClearFile(handle);
        return -1;
      }
    }
    if (free_slot == files_.end()) files_.push_back(-1);
    files_[handle] = descriptor;
    return static_cast<int>(handle);
  }

  void UnregisterFile(int handle) override {
    if (handle < 0) return;
    base::MutexLock lock(mu_);
    files_[static_cast<size_t>(handle)] = -1;
    ClearFile(static_cast<uint32_t>(handle));
  }

  std::string Description() const override {
    base::MutexLock lock(mu_);
    return absl::StrCat("io_uring, ", Registered("files", files_refused_), ", ",
                        memory_.empty() && memory_refused_.ok()
                            ? "memory not registered yet"
                            : Registered("memory", memory_refused_));
  }

 private:
  static std::string Registered(const char* what, const absl::Status& refused) {
    if (refused.ok()) return absl::StrCat("registered ", what);
    return absl::StrCat(what, " not registered: ", refused.message());
  }

  using Rings = std::vector<std::unique_ptr<UringRing>>;

  // Adds a ring with all that is registered to `rings`. What it can't register,
  // it reads without.
  absl::StatusOr<UringRing*> MakeRing(Rings& rings, uint32_t depth)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<UringRing> ring,
                           UringRing::Create(depth));
    files_refused_.Update(ring->RegisterFiles(file_count_, files_));
    rings.push_back(std::move(ring));
    return rings.back().get();
  }

  static void CloseRing(Rings& rings, const UringRing& ring) {
    std::erase_if(rings,
                  [&](const auto& owned) { return owned.get() == &ring; });
  }

  // For the ring of a queue, by the thread that uses it.
  void OfferKnownMemory(UringRing& ring) ABSL_LOCKS_EXCLUDED(mu_) {
    // Relaxed: says only whether a look under the lock is worth while.
    if (!memory_known_.load(std::memory_order_relaxed)) return;
    base::MutexLock lock(mu_);
    OfferMemory(&ring);
  }

  void CloseQueueRing(const UringRing& ring) ABSL_LOCKS_EXCLUDED(mu_) {
    base::MutexLock lock(mu_);
    CloseRing(queue_rings_, ring);
  }

  // REQUIRES: no other thread has the ring.
  void OfferMemory(UringRing* ring) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!memory_.empty()) memory_refused_.Update(ring->RegisterMemory(memory_));
  }

  // Takes a file out of all rings. Where the kernel fails to (it is short of
  // memory) the file stays open until its slot is used again.
  void ClearFile(uint32_t handle) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (const Rings* rings : {&rings_, &queue_rings_}) {
      for (const auto& ring : *rings) {
        ring->UpdateFile(handle, -1).IgnoreError();
      }
    }
  }

  // A ring for the calling thread alone; nullptr if there is none any more.
  UringRing* TakeRing() ABSL_LOCKS_EXCLUDED(mu_);
  void GiveRingBack(UringRing* ring, bool usable) ABSL_LOCKS_EXCLUDED(mu_);

  // Reads `batch`, whose files have descriptors, in rounds of a ring's depth.
  // An exception would leave reads under way into memory that is given back.
  void RunBatch(std::span<IoRequest* const> batch) noexcept;

  const UringOptions options_;
  const uint32_t file_count_;

  mutable base::Mutex mu_;
  base::CondVar ring_given_back_;
  // Rings that there may be.
  size_t max_rings_ ABSL_GUARDED_BY(mu_);
  Rings rings_ ABSL_GUARDED_BY(mu_);
  // Those of queues, one each, beside the limit.
  Rings queue_rings_ ABSL_GUARDED_BY(mu_);
  std::vector<UringRing*> free_ ABSL_GUARDED_BY(mu_);
  std::vector<int> files_ ABSL_GUARDED_BY(mu_);  // by handle; -1: none
  std::span<std::byte> memory_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> memory_known_{false};
  // Why some ring does without; OK if none does.
  absl::Status files_refused_ ABSL_GUARDED_BY(mu_);
  absl::Status memory_refused_ ABSL_GUARDED_BY(mu_);
};

UringRing* UringEngine::TakeRing() {
  base::MutexLock lock(mu_);
  while (free_.empty()) {
    if (rings_.size() < max_rings_) {
      const absl::StatusOr<UringRing*> ring = MakeRing(rings_, options_.depth);
      if (ring.ok()) {
        free_.push_back(*ring);
      } else {
        max_rings_ = rings_.size();
      }
    } else if (rings_.empty()) {
      return nullptr;
    } else {
      ring_given_back_.Wait(mu_);
    }
  }
  UringRing* const ring = free_.back();
  free_.pop_back();
  OfferMemory(ring);
  return ring;
}

void UringEngine::GiveRingBack(UringRing* ring, bool usable) {
  base::MutexLock lock(mu_);
  if (usable) {
    free_.push_back(ring);
  } else {
    CloseRing(rings_, *ring);
  }
  // One waiter can go on in both cases: with this ring or by making another.
  // With none left and none to be made, all must.
  ring_given_back_.NotifyAll();
}

void UringEngine::RunBatch(std::span<IoRequest* const> batch) noexcept {
  UringRing* const ring = TakeRing();
  bool usable = ring != nullptr;
  while (usable && !batch.empty()) {
    const size_t round = std::min<size_t>(batch.size(), options_.depth);
    usable = ring->Run(batch.first(round));
    batch = batch.subspan(round);
  }
  for (IoRequest* request : batch) ReadBlocking(*request);
  if (ring != nullptr) GiveRingBack(ring, usable);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReadEngine>> MakeUringEngine(
    const UringOptions& options) {
  if (options.depth == 0 || options.depth > 4096) {
    return absl::InvalidArgumentError(
        absl::StrCat("io_uring depth ", options.depth, " isn't in [1, 4096]"));
  }
  auto engine = std::make_unique<UringEngine>(options);
  QUIRE_RETURN_IF_ERROR(engine->MakeFirstRing());
  return engine;
}

}  // namespace quire::io
