#include "kv/internal/housekeeper.h"

#include <chrono>
#include <new>

#include "cache/epoch.h"

namespace quire::kv_internal {
namespace {

constexpr std::chrono::milliseconds kTick{10};
constexpr int kIdleTicks = 5;      // 50 ms
constexpr int kForgetTicks = 100;  // 1 s

}  // namespace

Housekeeper::Housekeeper(DatabaseCore& core, WriteQueue* write_queue)
    : core_(core), write_queue_(write_queue), thread_([this] { Loop(); }) {}

Housekeeper::~Housekeeper() {
  {
    base::MutexLock lock(mu_);
    stop_ = true;
    stop_changed_.NotifyAll();
  }
  thread_.join();
}

void Housekeeper::Loop() {
  for (;;) {
    {
      base::MutexLock lock(mu_);
      if (!stop_) stop_changed_.WaitFor(mu_, kTick);
      if (stop_) return;
    }
    try {
      Tick();
    } catch (const std::bad_alloc&) {
      // At the next tick there may be memory.
    }
  }
}

void Housekeeper::Tick() {
  if (core_.views.waiting() > 0) cache::ReclaimRetired();
  core_.obsolete_files.RemoveQueued(*core_.file_system);
  if (write_queue_ == nullptr) return;
  write_queue_->StartWriteback();
  SyncIfDue();
  CoverIfIdle();
}

// Failures of the two below are in the error latch, where the next writer finds
// them; a lack of space is tried again at the next tick.

void Housekeeper::SyncIfDue() {
  const std::chrono::milliseconds interval(core_.options.sync_interval_ms);
  if (interval.count() == 0) return;
  const auto now = std::chrono::steady_clock::now();
  // Records count, a group that only covers others does not: it would need
  // another one. Relaxed: what is published later is for the next tick.
  const bool has_unsynced = core_.published.load(std::memory_order_relaxed) >
                            core_.durable.Get().sequence;
  if (has_unsynced && now - synced_at_ < interval) return;
  synced_at_ = now;
  if (has_unsynced) write_queue_->SyncAcknowledged().IgnoreError();
}

void Housekeeper::CoverIfIdle() {
  const int64_t groups = core_.counters.groups_written.Sum();
  idle_ticks_ = groups == groups_seen_ ? idle_ticks_ + 1 : 0;
  groups_seen_ = groups;
  if (idle_ticks_ >= kForgetTicks) core_.spare_image->Clear();
  if (idle_ticks_ < kIdleTicks || !write_queue_->NeedsCover()) return;
  write_queue_->CoverDurablePoint().IgnoreError();
}

}  // namespace quire::kv_internal
