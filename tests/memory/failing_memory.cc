#include "tests/memory/failing_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QUIRE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QUIRE_SANITIZED 1
#endif
#endif

#ifdef QUIRE_SANITIZED

namespace quire::testing {

bool CanFailMemory() { return false; }
void FailMemory(uint64_t, bool) {}
void RestoreMemory() {}
uint64_t MemoryRequests() { return 0; }
uint64_t MemoryFailures() { return 0; }
bool MemoryThrownHere() { return false; }

}  // namespace quire::testing

#else

namespace quire::testing {
namespace {

// All relaxed: each request needs a number of its own, and no order beyond that
// matters; tests set them while no other thread runs, or don't mind which of
// two requests fails.
std::atomic<uint64_t> fail_at{0};  // 0: off
std::atomic<bool> fail_on{false};  // sticky
std::atomic<uint64_t> requests{0};
std::atomic<uint64_t> failures{0};
thread_local bool thrown_here = false;

bool Fails() {
  const uint64_t nth = fail_at.load(std::memory_order_relaxed);
  if (nth == 0) return false;
  const uint64_t mine = requests.fetch_add(1, std::memory_order_relaxed) + 1;
  if (mine != nth && !(mine > nth && fail_on.load(std::memory_order_relaxed))) {
    return false;
  }
  failures.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void* AllocateOrNull(std::size_t size, std::size_t alignment) {
  if (Fails()) return nullptr;
  if (size == 0) size = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment,
                            (size + alignment - 1) / alignment * alignment);
}

void* Allocate(std::size_t size, std::size_t alignment) {
  void* const memory = AllocateOrNull(size, alignment);
  if (memory == nullptr) {
    thrown_here = true;
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

bool CanFailMemory() { return true; }

void FailMemory(uint64_t nth, bool sticky) {
  requests.store(0, std::memory_order_relaxed);
  failures.store(0, std::memory_order_relaxed);
  fail_on.store(sticky, std::memory_order_relaxed);
  fail_at.store(nth, std::memory_order_relaxed);
}

void RestoreMemory() { fail_at.store(0, std::memory_order_relaxed); }

uint64_t MemoryRequests() { return requests.load(std::memory_order_relaxed); }
uint64_t MemoryFailures() { return failures.load(std::memory_order_relaxed); }
bool MemoryThrownHere() { return thrown_here; }

}  // namespace quire::testing

extern "C" void* mmap(void* address, size_t length, int protection, int flags,
                      int file, off_t offset) noexcept {
  if (quire::testing::Fails()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(
      syscall(SYS_mmap, address, length, protection, flags, file, offset));
}

using quire::testing::Allocate;
using quire::testing::AllocateOrNull;

void* operator new(std::size_t size) { return Allocate(size, 1); }
void* operator new[](std::size_t size) { return Allocate(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return AllocateOrNull(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return AllocateOrNull(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment,
                   const std::nothrow_t&) noexcept {
  return AllocateOrNull(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return AllocateOrNull(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t,
                     const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t,
                       const std::nothrow_t&) noexcept {
  std::free(memory);
}

#endif  // QUIRE_SANITIZED
