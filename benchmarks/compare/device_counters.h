// What a block device did, as the kernel counts it for the whole machine.
#ifndef QUIRE_BENCHMARKS_COMPARE_DEVICE_COUNTERS_H_
#define QUIRE_BENCHMARKS_COMPARE_DEVICE_COUNTERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quire::benchmarks {

struct DeviceCounters {
  uint64_t reads = 0;  // requests that were completed
  uint64_t bytes_read = 0;
};

// The line of device `major`:`minor` in `diskstats`, which has the form of
// /proc/diskstats; nothing if there is none.
std::optional<DeviceCounters> ParseDiskStats(std::string_view diskstats,
                                             unsigned major, unsigned minor);

// Those of the device that holds `path`; zeros if it has none (tmpfs, a network
// file system).
DeviceCounters CountersOfDevice(const std::string& path);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_DEVICE_COUNTERS_H_
