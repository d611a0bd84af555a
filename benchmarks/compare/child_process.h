// This program again, as a process of its own that answers questions.
#ifndef QUIRE_BENCHMARKS_COMPARE_CHILD_PROCESS_H_
#define QUIRE_BENCHMARKS_COMPARE_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace quire::benchmarks {

// A question is a line of JSON on the child's standard input, an answer one on
// its standard output. Not thread-safe.
class ChildProcess {
 public:
  // Runs the program of this process with the one argument `word`. `place` is
  // called with the child's id before anything of the program runs.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::string& word, absl::FunctionRef<absl::Status(pid_t)> place);

  // Ends its input and waits until it has ended.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Unavailable if the child has ended; the error that is in the answer, if
  // there is one.
  absl::StatusOr<nlohmann::json> Ask(const nlohmann::json& question);

 private:
  ChildProcess(pid_t process, std::FILE* questions, std::FILE* answers)
      : process_(process), questions_(questions), answers_(answers) {}

  const pid_t process_;
  std::FILE* const questions_;
  std::FILE* const answers_;
};

// The child's side: answers each line of standard input by `answer` until there
// are no more. Returns what the process shall end with.
int AnswerQuestions(
    absl::FunctionRef<absl::StatusOr<nlohmann::json>(const nlohmann::json&)>
        answer);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_CHILD_PROCESS_H_
