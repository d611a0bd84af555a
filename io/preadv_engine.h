// The engine that every kernel has: one preadv after the other.

#ifndef QUIRE_IO_PREADV_ENGINE_H_
#define QUIRE_IO_PREADV_ENGINE_H_

#include <memory>

#include "io/read_engine.h"

namespace quire::io {

// Reads one request after the other on the calling thread: a batch has a depth
// of one. Needs nothing and cannot fail to be made.
std::unique_ptr<ReadEngine> MakePreadvEngine();

}  // namespace quire::io

#endif  // QUIRE_IO_PREADV_ENGINE_H_
