// How much disk space a directory takes over time.
#ifndef QUIRE_BENCHMARKS_DISK_USAGE_H_
#define QUIRE_BENCHMARKS_DISK_USAGE_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace quire::benchmarks {

// Bytes of the files directly in `directory`, as long as they are; what is
// removed meanwhile is not counted.
uint64_t DirectoryBytes(const std::string& directory);

// Mean and peak over samples. Not thread-safe.
class DiskUsage {
 public:
  explicit DiskUsage(std::string directory)
      : directory_(std::move(directory)) {}

  void Sample() {
    const uint64_t bytes = DirectoryBytes(directory_);
    peak_ = std::max(peak_, bytes);
    sum_ += static_cast<double>(bytes);
    ++samples_;
  }

  // REQUIRES: sampled.
  double mean_bytes() const { return sum_ / static_cast<double>(samples_); }
  uint64_t peak_bytes() const { return peak_; }

 private:
  const std::string directory_;
  uint64_t peak_ = 0;
  double sum_ = 0;
  uint64_t samples_ = 0;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_DISK_USAGE_H_
