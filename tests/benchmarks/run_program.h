// Runs a program of this workspace and keeps what it prints.
#ifndef QUIRE_TESTS_BENCHMARKS_RUN_PROGRAM_H_
#define QUIRE_TESTS_BENCHMARKS_RUN_PROGRAM_H_

#include <string>

namespace quire::benchmarks {

struct ProgramResult {
  int exit_code;  // -1: it didn't end by itself
  std::string out;
  std::string err;
};

// Runs `program`, a path below the workspace that is among the test's data,
// with `arguments`, which the shell splits. Waits until it has ended.
ProgramResult RunProgram(const std::string& program,
                         const std::string& arguments);

}  // namespace quire::benchmarks

#endif  // QUIRE_TESTS_BENCHMARKS_RUN_PROGRAM_H_
