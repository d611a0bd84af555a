// Locks that clang's thread-safety analysis can follow.
//
// A thin, annotated face of std::mutex. absl::Mutex isn't used: a packaged
// Abseil isn't built with ThreadSanitizer, which then reports races in it that
// aren't there.
//
//   class Queue {
//     void Push(Item item) {
//       MutexLock lock(mu_);
//       items_.push_back(std::move(item));
//       not_empty_.NotifyOne();
//     }
//     Item Pop() {
//       MutexLock lock(mu_);
//       while (items_.empty()) not_empty_.Wait(mu_);
//       ...
//     }
//     Mutex mu_;
//     CondVar not_empty_;
//     std::deque<Item> items_ ABSL_GUARDED_BY(mu_);
//   };

#ifndef QUIRE_BASE_MUTEX_H_
#define QUIRE_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace quire::base {

// A mutual exclusion lock; not recursive, not fair. Locking it twice in one
// thread, unlocking it from another thread, or destroying it while it is held
// is a bug.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Blocks until the calling thread holds the lock. Prefer MutexLock.
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mu_.lock(); }

  // Takes the lock if that needs no waiting; returns whether it did.
  [[nodiscard]] bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return mu_.try_lock();
  }

  // Lets the lock go. REQUIRES: the calling thread holds it.
  void Unlock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }

  // Tells the analysis that the calling thread holds this lock where it can't
  // see it, as in a lambda that runs under the lock. Checks nothing.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}

 private:
  friend class CondVar;

  std::mutex mu_;
};

// Holds a Mutex for the life of a scope.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  // Blocks until `mu` is held. `mu` must outlive this object.
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) {
    mu_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_.Unlock(); }

  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// Waits for a change of what a Mutex guards. Waits may end without a
// notification: always wait in a loop over the condition. All waiters of one
// CondVar at one time must use the same Mutex. Thread-safe; must outlive its
// waiters.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  // Lets `mu` go, blocks until notified, and holds `mu` again on return.
  void Wait(Mutex& mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  // As Wait, but for no longer than `timeout`, measured on the steady clock.
  // Returns false when the time is up; `mu` is held again in both cases.
  bool WaitFor(Mutex& mu, std::chrono::nanoseconds timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  // As WaitFor, but until `deadline`.
  bool WaitUntil(Mutex& mu, std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  // Wakes one waiter, if there is one. The lock needn't be held.
  void NotifyOne() { cv_.notify_one(); }

  // Wakes every waiter. The lock needn't be held.
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace quire::base

#endif  // QUIRE_BASE_MUTEX_H_
