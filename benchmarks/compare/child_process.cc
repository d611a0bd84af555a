#include "benchmarks/compare/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace quire::benchmarks {
namespace {

constexpr char kErrorField[] = "error";

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::UnavailableError(
        absl::StrCat("pipe2: ", std::strerror(errno)));
  }
  return Pipe{ends[0], ends[1]};
}

// Waits for a byte, so that nothing runs before the process is in its place,
// then becomes the program. Between fork and exec: system calls only.
[[noreturn]] void BecomeProgram(const Pipe& questions, const Pipe& answers,
                                const char* word) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Else its own copies would keep it from ever seeing the end.
  close(questions.write_end);
  close(answers.read_end);
  char go = 0;
  if (read(questions.read_end, &go, 1) == 1 && go == 'g' &&
      dup2(questions.read_end, STDIN_FILENO) >= 0 &&
      dup2(answers.write_end, STDOUT_FILENO) >= 0) {
    execl("/proc/self/exe", "compare", word, nullptr);
  }
  _exit(1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::string& word, absl::FunctionRef<absl::Status(pid_t)> place) {
  // A question to a child that has ended is an error of the call.
  std::signal(SIGPIPE, SIG_IGN);
  QUIRE_ASSIGN_OR_RETURN(const Pipe questions, MakePipe());
  QUIRE_ASSIGN_OR_RETURN(const Pipe answers, MakePipe());
  const pid_t process = fork();
  if (process == 0) BecomeProgram(questions, answers, word.c_str());
  close(questions.read_end);
  close(answers.write_end);
  std::unique_ptr<ChildProcess> child(
      new ChildProcess(process, fdopen(questions.write_end, "w"),
                       fdopen(answers.read_end, "r")));
  if (process < 0) {
    return absl::UnavailableError(absl::StrCat("fork: ", std::strerror(errno)));
  }
  QUIRE_RETURN_IF_ERROR(place(process));
  std::fputc('g', child->questions_);
  return child;
}

ChildProcess::~ChildProcess() {
  std::fclose(questions_);
  std::fclose(answers_);
  if (process_ > 0) waitpid(process_, nullptr, 0);
}

absl::StatusOr<nlohmann::json> ChildProcess::Ask(
    const nlohmann::json& question) {
  std::fputs((question.dump() + "\n").c_str(), questions_);
  std::fflush(questions_);
  std::string line;
  for (int c = 0; (c = std::fgetc(answers_)) != EOF && c != '\n';) {
    line += static_cast<char>(c);
  }
  nlohmann::json answer = nlohmann::json::parse(line, nullptr, false);
  if (answer.is_discarded()) {
    return absl::UnavailableError(
        "its process ended; the kernel may have killed it for its memory");
  }
  if (answer.contains(kErrorField)) {
    return absl::UnknownError(answer[kErrorField].get<std::string>());
  }
  return answer;
}

int AnswerQuestions(
    absl::FunctionRef<absl::StatusOr<nlohmann::json>(const nlohmann::json&)>
        answer) {
  for (std::string line; std::getline(std::cin, line);) {
    const nlohmann::json question = nlohmann::json::parse(line, nullptr, false);
    absl::StatusOr<nlohmann::json> result =
        question.is_discarded()
            ? absl::InvalidArgumentError("that question isn't JSON")
            : answer(question);
    if (!result.ok()) {
      result = nlohmann::json{{kErrorField, result.status().ToString()}};
    }
    std::cout << result->dump() << std::endl;
  }
  return 0;
}

}  // namespace quire::benchmarks
