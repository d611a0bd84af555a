#include "tests/testing/memory_directory.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace quire::testing {

MemoryDirectory::MemoryDirectory() {
  std::error_code none;
  const bool memory = std::filesystem::is_directory("/dev/shm", none);
  path_ = memory ? "/dev/shm" : std::filesystem::temp_directory_path().string();
  path_ += "/quire-XXXXXX";
  QUIRE_CHECK(mkdtemp(path_.data()) != nullptr);
}

MemoryDirectory::~MemoryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace quire::testing
