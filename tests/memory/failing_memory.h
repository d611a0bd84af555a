// Memory that runs out on order: replaces operator new and mmap of the program
// that it is linked into. Not in builds with a sanitizer, which replaces them
// itself.
#ifndef QUIRE_TESTS_MEMORY_FAILING_MEMORY_H_
#define QUIRE_TESTS_MEMORY_FAILING_MEMORY_H_

#include <cstdint>

namespace quire::testing {

// False in builds with a sanitizer: nothing ever fails there.
bool CanFailMemory();

// From now on counts what any thread asks for: operator new in all its forms,
// and mmap. The nth (1 is the next) fails: operator new throws std::bad_alloc,
// or returns nullptr in its nothrow forms, mmap gives ENOMEM. `sticky`: so do
// all after it.
void FailMemory(uint64_t nth, bool sticky);

// Stops failing and counting.
void RestoreMemory();

// Requests counted since FailMemory, and how many of them failed.
uint64_t MemoryRequests();
uint64_t MemoryFailures();

// Whether operator new has failed by an exception on this thread, ever.
bool MemoryThrownHere();

}  // namespace quire::testing

#endif  // QUIRE_TESTS_MEMORY_FAILING_MEMORY_H_
