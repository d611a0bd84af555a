// What a test and the process that serves its faulty disk say to each other,
// over a socket that keeps messages whole.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_FUSE_ORDERS_H_
#define QUIRE_TESTS_TORTURE_MEDIA_FUSE_ORDERS_H_

#include <array>
#include <cstdint>

#include "tests/torture/media/disk_fault.h"
#include "tests/torture/media/platter.h"

namespace quire::torture {

struct FuseOrder {
  enum class Kind : uint8_t {
    kInject,    // `fault`
    kClear,     // all faults
    kPowerOff,  // at the `after`-th change from now on; 0: now
    kCut,       // `cut`; the power is on afterwards
    kDirectIo,  // `on`: files opened from now on bypass the page cache, and
                // can't be mapped
    kCounts,
  };
  Kind kind = Kind::kCounts;
  DiskFault fault = {};
  uint64_t after = 0;
  PowerCut cut = {};
  bool on = false;
};

// The answer to every order, and the greeting.
struct FuseReply {
  int error =
      0;  // greeting: why there is no mount; an errno, 0 if there is one
  bool power_is_off = false;
  uint64_t injected = 0;                       // operations that a fault met
  uint64_t changes = 0;                        // operations that changed
                                               // something
  std::array<uint64_t, kDiskOps> counts = {};  // operations by kind
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_FUSE_ORDERS_H_
