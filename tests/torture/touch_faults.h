// Read faults under mmap: the file ends before the page that is touched.
#ifndef QUIRE_TESTS_TORTURE_TOUCH_FAULTS_H_
#define QUIRE_TESTS_TORTURE_TOUCH_FAULTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "io/page_provider.h"
#include "tests/torture/memory_disk.h"

namespace quire::torture {

// A touch is of one page of 4 KiB that a Peek or an extent of a Read has a part
// of. Cuts the memfd of the file that the nth touch is of, in front of that
// page: whoever copies it from a mapping meets SIGBUS. Once: until the next
// Peek or Read of anything. Sticky: that of every later touch too, until
// Disarm. Thread-safe; outlives the providers.
class TouchFaults {
 public:
  // Of files of `disk`, whose descriptors are exposed.
  explicit TouchFaults(MemoryDisk& disk) : disk_(disk) {}

  void Arm(uint64_t nth, bool sticky);
  // Mends what was cut; the number of Peeks and extents that met a fault.
  uint64_t Disarm();

  // A provider that reads as `base` does, and counts.
  std::unique_ptr<io::PageProvider> Wrap(
      std::unique_ptr<io::PageProvider> base);

 private:
  class Provider;
  // All of them are touched by one call.
  void Touch(std::span<const io::Extent> extents);
  void Cut(const std::string& path, uint64_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Mend() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  MemoryDisk& disk_;
  base::Mutex mu_;
  uint64_t nth_ ABSL_GUARDED_BY(mu_) = 0;  // 0: not armed
  bool sticky_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t seen_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t failed_ ABSL_GUARDED_BY(mu_) = 0;
  // The sizes of files that are cut.
  std::map<std::string, uint64_t> cut_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_TOUCH_FAULTS_H_
