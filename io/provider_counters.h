// The counters that every page provider keeps.

#ifndef QUIRE_IO_PROVIDER_COUNTERS_H_
#define QUIRE_IO_PROVIDER_COUNTERS_H_

#include <cstdint>
#include <span>

#include "base/striped_counter.h"
#include "io/page_provider.h"

namespace quire::io {

// Counts what Read does. Thread-safe; adding writes no line that threads share.
class ProviderCounters {
 public:
  // Counts requests that have their status.
  void AddExtents(std::span<const ReadRequest> requests) {
    read_extents_.Add(static_cast<int64_t>(requests.size()));
    for (const ReadRequest& request : requests) {
      if (!request.status.ok()) read_errors_.Add(1);
    }
  }

  // Counts requests handed to the kernel, and their bytes.
  void AddDeviceReads(uint64_t reads, uint64_t bytes) {
    device_reads_.Add(static_cast<int64_t>(reads));
    device_bytes_.Add(static_cast<int64_t>(bytes));
  }

  // The counts so far; the other fields are 0.
  ProviderStats Stats() const {
    ProviderStats stats;
    stats.read_extents = static_cast<uint64_t>(read_extents_.Sum());
    stats.device_reads = static_cast<uint64_t>(device_reads_.Sum());
    stats.device_bytes = static_cast<uint64_t>(device_bytes_.Sum());
    stats.read_errors = static_cast<uint64_t>(read_errors_.Sum());
    return stats;
  }

 private:
  base::StripedCounter read_extents_;
  base::StripedCounter device_reads_;
  base::StripedCounter device_bytes_;
  base::StripedCounter read_errors_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_PROVIDER_COUNTERS_H_
