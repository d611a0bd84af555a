// Reads of one thread in flight in a ring of their own.

#ifndef QUIRE_IO_URING_QUEUE_H_
#define QUIRE_IO_URING_QUEUE_H_

#include <cstddef>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "io/read_engine.h"
#include "io/uring_ring.h"

namespace quire::io {

// A ReadQueue over a ring that nobody else submits to.
class UringQueue final : public ReadQueue {
 public:
  // What the queue needs of the engine that made it.
  struct Owner {
    // Registers the engine's memory with the ring, once it is known.
    std::function<void(UringRing&)> prepare;
    // Takes the ring back.
    std::function<void(UringRing&)> close;
  };

  UringQueue(UringRing& ring, size_t depth, Owner owner)
      : ring_(ring), depth_(depth), owner_(std::move(owner)) {}
  ~UringQueue() override;

  size_t depth() const override { return depth_; }
  void Submit(std::span<IoRequest* const> requests) override;
  size_t Take(size_t least, std::span<Ended> ended) override;

 private:
  UringRing& ring_;
  const size_t depth_;
  const Owner owner_;
  size_t in_flight_ = 0;  // in the ring
  // The kernel stopped taking requests; the ring takes no more either.
  bool refused_ = false;
  // Never got into the ring: for whoever takes them to read.
  std::vector<IoRequest*> unread_;
  std::vector<IoRequest*> submitting_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_URING_QUEUE_H_
