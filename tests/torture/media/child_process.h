// Running a part of a test in a process of its own, which may die.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_CHILD_PROCESS_H_
#define QUIRE_TESTS_TORTURE_MEDIA_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>

namespace quire::torture {

// Makes a process that runs `work` and ends with what it returns; it dies with
// the one that made it. Not thread-safe. Make it while the process has one
// thread.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int()>& work);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Waits for the end, at most this long; whether it has ended.
  bool WaitFor(std::chrono::milliseconds time);

  // SIGKILL, and waits for the end.
  void Kill();

  // How it ended: "ended with 1", "killed by Bus error"; empty if it ended with
  // 0. REQUIRES: it has ended.
  std::string HowItFailed() const;

  // What it ended with; -1 if a signal killed it. REQUIRES: it has ended.
  int exit_code() const;

  // Whether SIGKILL ended it. REQUIRES: it has ended.
  bool WasKilled() const;

  pid_t pid() const { return pid_; }

 private:
  void Reap();

  pid_t pid_ = -1;
  int descriptor_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_CHILD_PROCESS_H_
