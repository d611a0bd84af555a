// What the main functions of the benchmark programs share.
#ifndef QUIRE_BENCHMARKS_PROGRAM_H_
#define QUIRE_BENCHMARKS_PROGRAM_H_

#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace quire::benchmarks {

inline constexpr int kExitFailure = 1;  // the database failed
inline constexpr int kExitUsage = 2;    // a mistake in the flags

// Parses the command line by `parse`, prints help() if the result asks for it,
// else calls `run` with the result. Errors go to standard error. Returns what
// the process shall end with.
template <typename Parse, typename Help, typename Run>
int RunProgram(const char* program, int argc, char** argv, Parse parse,
               Help help, Run run) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  auto options = parse(std::span(words));
  if (!options.ok()) {
    std::fprintf(stderr, "%s: %s\n", program,
                 std::string(options.status().message()).c_str());
    return kExitUsage;
  }
  if (options->help) {
    std::fputs(help().c_str(), stdout);
    return 0;
  }
  const absl::Status status = run(*std::move(options));
  std::fflush(stdout);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", program, status.ToString().c_str());
  return kExitFailure;
}

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_PROGRAM_H_
