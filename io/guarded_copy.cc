#include "io/guarded_copy.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cstdint>
#include <cstring>

#include "absl/base/optimization.h"
#include "base/check.h"

namespace quire::io {
namespace {

// Memory errors are reported for the start of the page that they lie in.
constexpr uintptr_t kPageMask = 4095;

// The copy that its thread is making, for the signal handler.
struct Guard {
  uintptr_t begin;  // first address whose faults are ours
  uintptr_t size;   // bytes from there; 0: no copy under way
  sigjmp_buf resume;
};

// Initial-exec: any other model may allocate at a thread's first touch, which a
// signal handler must not do.
__attribute__((
    tls_model("initial-exec"))) constinit thread_local Guard guard = {};

// What was there before our handler. Written before it is installed.
struct sigaction previous_action;

// Does what would have happened without us.
void PassOn(int signal_number, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal_number, info, context);
    return;
  }
  const bool sent_by_a_process = info->si_code <= 0;
  if (previous_action.sa_handler == SIG_IGN && sent_by_a_process) return;
  if (previous_action.sa_handler == SIG_DFL ||
      previous_action.sa_handler == SIG_IGN) {
    // A fault happens again on return and then ends the process where it
    // belongs, with a core dump of that place. (The kernel doesn't let faults
    // be ignored.)
    signal(signal_number, SIG_DFL);
    if (sent_by_a_process) raise(signal_number);
    return;
  }
  previous_action.sa_handler(signal_number);
}

void HandleSigbus(int signal_number, siginfo_t* info, void* context) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  if (info->si_code > 0 && address - guard.begin < guard.size) {
    // siglongjmp restores no mask, since saving it would cost sigsetjmp a
    // system call. SA_NODEFER keeps SIGBUS unblocked here, yet
    // ThreadSanitizer's own handler runs ours with every signal blocked.
    pthread_sigmask(SIG_SETMASK,
                    &static_cast<const ucontext_t*>(context)->uc_sigmask,
                    nullptr);
    siglongjmp(guard.resume, 1);
  }
  PassOn(signal_number, info, context);
}

bool InstallHandler() {
  // Read first, so that the handler never sees it half written.
  QUIRE_CHECK(sigaction(SIGBUS, nullptr, &previous_action) == 0);
  struct sigaction action = {};
  action.sa_sigaction = HandleSigbus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  QUIRE_CHECK(sigaction(SIGBUS, &action, nullptr) == 0);
  return true;
}

}  // namespace

bool GuardedCopy(void* destination, const void* source, size_t size) noexcept {
  [[maybe_unused]] static const bool installed = InstallHandler();
  if (ABSL_PREDICT_FALSE(size == 0)) return true;
  // Nothing in this frame has a destructor or changes between the two returns
  // of sigsetjmp.
  if (sigsetjmp(guard.resume, 0) != 0) {
    guard.size = 0;
    return false;
  }
  const uintptr_t address = reinterpret_cast<uintptr_t>(source);
  guard.begin = address & ~kPageMask;
  guard.size = size + (address & kPageMask);
  // The handler runs on this thread, so all that is needed is that the compiler
  // keeps the copy between the two stores to `size`.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::memcpy(destination, source, size);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  guard.size = 0;
  return true;
}

}  // namespace quire::io
