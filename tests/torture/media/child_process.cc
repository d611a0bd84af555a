#include "tests/torture/media/child_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/check.h"

namespace quire::torture {

ChildProcess::ChildProcess(const std::function<int()>& work) {
  const pid_t parent = getpid();
  std::fflush(nullptr);
  pid_ = fork();
  QUIRE_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    const int code = work();
    std::fflush(nullptr);
    _exit(code);
  }
  descriptor_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  QUIRE_CHECK(descriptor_ >= 0);
}

ChildProcess::~ChildProcess() {
  if (!ended_) Kill();
  close(descriptor_);
}

bool ChildProcess::WaitFor(std::chrono::milliseconds time) {
  if (ended_) return true;
  pollfd end = {.fd = descriptor_, .events = POLLIN, .revents = 0};
  int ready = -1;
  do {
    ready = poll(&end, 1, static_cast<int>(time.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) Reap();
  return ended_;
}

void ChildProcess::Kill() {
  if (ended_) return;
  kill(pid_, SIGKILL);
  Reap();
}

void ChildProcess::Reap() {
  while (waitpid(pid_, &status_, 0) < 0) QUIRE_CHECK(errno == EINTR);
  ended_ = true;
}

std::string ChildProcess::HowItFailed() const {
  QUIRE_CHECK(ended_);
  if (WIFSIGNALED(status_)) {
    return std::string("killed by ") + strsignal(WTERMSIG(status_));
  }
  if (WEXITSTATUS(status_) == 0) return "";
  return "ended with " + std::to_string(WEXITSTATUS(status_));
}

bool ChildProcess::WasKilled() const {
  QUIRE_CHECK(ended_);
  return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL;
}

int ChildProcess::exit_code() const {
  QUIRE_CHECK(ended_);
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
}

}  // namespace quire::torture
