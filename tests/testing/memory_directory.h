// A directory in memory, where files cost no device.
#ifndef QUIRE_TESTS_TESTING_MEMORY_DIRECTORY_H_
#define QUIRE_TESTS_TESTING_MEMORY_DIRECTORY_H_

#include <string>

namespace quire::testing {

// A new, empty directory in /dev/shm, or in the usual place for temporary files
// where there is no such thing; removed with all that it holds at destruction.
// Failures end the process.
class MemoryDirectory {
 public:
  MemoryDirectory();
  ~MemoryDirectory();
  MemoryDirectory(const MemoryDirectory&) = delete;
  MemoryDirectory& operator=(const MemoryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_MEMORY_DIRECTORY_H_
