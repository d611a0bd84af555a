// System calls of this process that end as a script says, from below the C
// library.
//
// A seccomp filter, which can never be taken off again: use it in a child
// process (a death test of gtest's) alone. Every thread of the child is under
// it that is started later.
//
//   EXPECT_EXIT({
//     RunScript({{SYS_pread64, FailWith(EINTR)}, {SYS_pread64,
//     Transfer(100)}});
//     ... the first pread fails with EINTR, the second reads 100 bytes at most,
//     the third is as always ...
//     QUIRE_CHECK(ScriptIsDone());
//     std::exit(0);
//   }, ExitedWithCode(0), "");

#ifndef QUIRE_TESTS_TESTING_SYSCALL_SCRIPT_H_
#define QUIRE_TESTS_TESTING_SYSCALL_SCRIPT_H_

#include <cstdint>
#include <initializer_list>

namespace quire::testing {

// What becomes of a call: it fails with -result as its errno, or it is carried
// out with its third argument (a size) limited to `size_max`.
struct SyscallOutcome {
  int64_t result = 0;
  bool carried_out = false;
  uint64_t size_max = 0;
};

inline SyscallOutcome FailWith(int error) { return {.result = -error}; }
inline SyscallOutcome ReturnZero() { return {}; }
inline SyscallOutcome Transfer(uint64_t size_max) {
  return {.carried_out = true, .size_max = size_max};
}

// The next call of `number` that no earlier line of the script has taken.
// Calls with six arguments can't be scripted.
struct ScriptLine {
  long number;
  SyscallOutcome outcome;
};

// True where scripts are supported (x86-64).
#ifdef __x86_64__
inline constexpr bool kSyscallScriptsSupported = true;
#else
inline constexpr bool kSyscallScriptsSupported = false;
#endif

// Puts the script of at most 16 lines into force, once in a process.
void RunScript(std::initializer_list<ScriptLine> script);

// Makes all calls of `number` fail with `error` from now on, also those of
// other threads and of programs started later. Needs no support for scripts.
void RefuseSyscall(long number, int error);

// Whether every line of the script has been used.
bool ScriptIsDone();

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_SYSCALL_SCRIPT_H_
