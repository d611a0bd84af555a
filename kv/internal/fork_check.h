// Telling whether this process was forked since some moment.
#ifndef QUIRE_KV_INTERNAL_FORK_CHECK_H_
#define QUIRE_KV_INTERNAL_FORK_CHECK_H_

#include <cstdint>

namespace quire::kv_internal {

// Counts the forks between the first process and this one: a value taken in a
// parent differs from the value in its child. A database remembers it at open
// and refuses use in a child, which shares files, locks and rings with its
// parent but not its threads. Thread-safe, a plain load.
uint64_t ForkGeneration();

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_FORK_CHECK_H_
