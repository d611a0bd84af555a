// A directory of its own for a test, and files in it.

#ifndef QUIRE_TESTS_TESTING_TEMP_DIRECTORY_H_
#define QUIRE_TESTS_TESTING_TEMP_DIRECTORY_H_

#include <string>
#include <string_view>

namespace quire::testing {

// A new, empty directory below $TEST_TMPDIR (below gtest's temporary directory
// where that isn't set), removed with all that it holds at destruction.
// Failures end the process: a test can't go on without.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

  // The path of `name` in the directory.
  std::string File(std::string_view name) const;

 private:
  std::string path_;
};

// Makes `path` a file that holds exactly `bytes`.
void WriteFile(const std::string& path, std::string_view bytes);

// All bytes of the file at `path`.
std::string ReadFile(const std::string& path);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_TEMP_DIRECTORY_H_
