// Read faults under mmap: the file ends before the page that is touched.
#ifndef QUIRE_TESTS_TORTURE_TOUCH_FAULTS_H_
#define QUIRE_TESTS_TORTURE_TOUCH_FAULTS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "io/page_provider.h"
#include "tests/torture/memory_disk.h"

namespace quire::torture {

// Cuts the memfd of the file that the nth touch (a Peek, or an extent of a
// Read) is of, in front of what is touched: whoever copies from a mapping of it
// meets SIGBUS. Once: until the next touch of anything. Sticky: that of every
// later touch too, until Disarm. Thread-safe; outlives the providers.
class TouchFaults {
 public:
  // Of files of `disk`, whose descriptors are exposed.
  explicit TouchFaults(MemoryDisk& disk) : disk_(disk) {}

  void Arm(uint64_t nth, bool sticky);
  // Mends what was cut; the number of touches that failed.
  uint64_t Disarm();

  // A provider that reads as `base` does, and counts.
  std::unique_ptr<io::PageProvider> Wrap(
      std::unique_ptr<io::PageProvider> base);

 private:
  class Provider;
  void Touch(const io::AttachedFile& file, uint64_t offset);
  void Mend() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  MemoryDisk& disk_;
  base::Mutex mu_;
  uint64_t nth_ ABSL_GUARDED_BY(mu_) = 0;  // 0: not armed
  bool sticky_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t seen_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t failed_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<std::string> cut_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_TOUCH_FAULTS_H_
