// An object that a process and its forked children share.
#ifndef QUIRE_TESTS_TESTING_SHARED_MEMORY_H_
#define QUIRE_TESTS_TESTING_SHARED_MEMORY_H_

#include <sys/mman.h>

#include <new>
#include <type_traits>

#include "base/check.h"

namespace quire::testing {

// Made by the default constructor, before the fork. What more than one process
// touches must be a lock-free atomic. Ends the process if there is no memory.
template <typename T>
class SharedMemory {
 public:
  static_assert(std::is_trivially_destructible_v<T>);

  SharedMemory() {
    void* const memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    QUIRE_CHECK(memory != MAP_FAILED);
    object_ = new (memory) T;
  }
  ~SharedMemory() { munmap(object_, sizeof(T)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }

 private:
  T* object_;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_SHARED_MEMORY_H_
