#include "tests/testing/syscall_script.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "base/check.h"

namespace quire::testing {
namespace {

// The sixth argument of calls that the script itself carries out, by which the
// filter knows them. The calls don't look at it.
constexpr uint32_t kCarriedOut = 0x51417261;

constexpr size_t kLinesMax = 16;
std::array<ScriptLine, kLinesMax> script_lines;
size_t script_size = 0;
std::array<bool, kLinesMax> used = {};

sock_filter Load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

sock_filter JumpIfEqual(uint32_t value, uint8_t if_true, uint8_t if_false) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, if_true, if_false);
}

sock_filter Return(uint32_t action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}

void Install(std::vector<sock_filter> filter) {
  const sock_fprog program = {.len = static_cast<unsigned short>(filter.size()),
                              .filter = filter.data()};
  QUIRE_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  QUIRE_CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
}

#ifdef __x86_64__

int64_t Answer(long number, const greg_t* registers) {
  SyscallOutcome outcome = Transfer(UINT64_MAX);
  for (size_t i = 0; i < script_size; ++i) {
    if (used[i] || script_lines[i].number != number) continue;
    used[i] = true;
    outcome = script_lines[i].outcome;
    break;
  }
  if (!outcome.carried_out) return outcome.result;
  const long result =
      syscall(number, registers[REG_RDI], registers[REG_RSI],
              std::min<uint64_t>(static_cast<uint64_t>(registers[REG_RDX]),
                                 outcome.size_max),
              registers[REG_R10], registers[REG_R8], kCarriedOut);
  return result < 0 ? -errno : result;
}

void HandleSigsys(int, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  greg_t* const registers =
      static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_RAX] = Answer(info->si_syscall, registers);
  errno = saved_errno;
}

#endif  // __x86_64__

}  // namespace

void RunScript(std::initializer_list<ScriptLine> script) {
#ifdef __x86_64__
  QUIRE_CHECK(script_size == 0 && script.size() <= kLinesMax);
  std::copy(script.begin(), script.end(), script_lines.begin());
  script_size = script.size();
  struct sigaction action = {};
  action.sa_sigaction = HandleSigsys;
  action.sa_flags = SA_SIGINFO;
  QUIRE_CHECK(sigaction(SIGSYS, &action, nullptr) == 0);
  std::vector<sock_filter> filter = {
      Load(offsetof(seccomp_data, args) + 5 * sizeof(uint64_t)),
      JumpIfEqual(kCarriedOut, 0, 1), Return(SECCOMP_RET_ALLOW),
      Load(offsetof(seccomp_data, nr))};
  for (const ScriptLine& line : script) {
    filter.push_back(JumpIfEqual(static_cast<uint32_t>(line.number), 0, 1));
    filter.push_back(Return(SECCOMP_RET_TRAP));
  }
  filter.push_back(Return(SECCOMP_RET_ALLOW));
  Install(std::move(filter));
#else
  static_cast<void>(script);
  QUIRE_CHECK(kSyscallScriptsSupported);
#endif
}

void RefuseSyscall(long number, int error) {
  Install({Load(offsetof(seccomp_data, nr)),
           JumpIfEqual(static_cast<uint32_t>(number), 0, 1),
           Return(SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
           Return(SECCOMP_RET_ALLOW)});
}

bool ScriptIsDone() {
  return std::all_of(used.begin(), used.begin() + script_size,
                     [](bool line_used) { return line_used; });
}

}  // namespace quire::testing
