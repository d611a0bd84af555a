#include "tests/benchmarks/run_program.h"

#include <sys/wait.h>

#include <cstdlib>

#include "tests/testing/temp_directory.h"

namespace quire::benchmarks {

ProgramResult RunProgram(const std::string& program,
                         const std::string& arguments) {
  const testing::TempDirectory directory;
  const std::string out = directory.File("out");
  const std::string err = directory.File("err");
  // Tests run in the root of the workspace's runfiles.
  const int status = std::system(
      (program + " " + arguments + " >" + out + " 2>" + err).c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          .out = testing::ReadFile(out),
          .err = testing::ReadFile(err)};
}

}  // namespace quire::benchmarks
