// A hot Get makes no system call, allocates nothing and takes no lock under
// mmap, buffered and direct: all three are counted.
//
// System calls are counted by a seccomp filter that traps every one of the
// thread. A filter can't be taken off again, so the counting runs in a child
// process that ends right after (a gtest death test in the re-executing style).

#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "kv/pinned_value.h"
#include "tests/testing/temp_directory.h"

namespace {

// Counts of the calling thread, taken while `counting` is set.
thread_local bool counting = false;
thread_local uint64_t allocations = 0;
thread_local uint64_t locks = 0;
// In the handler; one thread only has the filter.
volatile sig_atomic_t system_calls = 0;
volatile sig_atomic_t first_system_call = -1;

}  // namespace

void* operator new(size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static const auto real = reinterpret_cast<int (*)(pthread_mutex_t*)>(
      dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  if (counting) ++locks;
  return real(mutex);
}

namespace quire {
namespace {

// Counts a trapped call and makes it fail.
void CountSystemCall(int, siginfo_t* info, void* context) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
  if (system_calls == 0) first_system_call = info->si_syscall;
  system_calls = system_calls + 1;
}

// From here on every system call of this thread, but those that the test ends
// with, is trapped and counted instead of being made.
bool TrapSystemCalls() {
  struct sigaction action = {};
  action.sa_sigaction = CountSystemCall;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;
  const auto allow = [](uint32_t number) {
    return std::vector<sock_filter>{
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  };
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (uint32_t number : {SYS_rt_sigreturn, SYS_exit_group, SYS_write}) {
    const std::vector<sock_filter> rule = allow(number);
    filter.insert(filter.end(), rule.begin(), rule.end());
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
  const sock_fprog program = {.len = static_cast<unsigned short>(filter.size()),
                              .filter = filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::string Key(int i) { return "key" + std::to_string(i); }

constexpr int kKeys = 2000;

// Loads, warms and reads under the counters; ends the process with status 0 if
// nothing was counted.
[[noreturn]] void CountInHotGets(ReadMode mode, const std::string& path) {
  Options options;
  options.create_if_missing = true;
  options.automatic_merges = false;
  options.provider.read_mode = mode;
  options.provider.read_mode_policy = ProviderPolicy::kRequire;
  // Failed reads make messages, for which the heap can't grow any more then.
  mallopt(M_TOP_PAD, 16 << 20);
  auto db = DB::Open(options, path);
  if (!db.ok()) {
    std::fprintf(stderr, "%s\n", db.status().ToString().c_str());
    _exit(3);
  }
  for (int i = 0; i < kKeys; ++i) {
    // Some records cross pages.
    const std::string value(static_cast<size_t>(i % 7) * 150, 'v');
    if (!(*db)->Put({}, Key(i), value).ok()) _exit(4);
    if (i == kKeys / 2 && !(*db)->FlushMemtables().ok()) _exit(5);
  }
  if (!(*db)->FlushMemtables().ok()) _exit(5);
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.push_back(Key(i));
  std::string value;
  value.reserve(4096);
  PinnedValue pinned;
  constexpr size_t kBatch = 40;
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<PinnedValue> values(kBatch);
  std::vector<absl::Status> statuses(kBatch);
  const auto read_all = [&] {
    int found = 0;
    for (const std::string& key : keys) {
      const bool ok =
          (*db)->Get({}, key, &value).ok() && (*db)->Get({}, key, &pinned).ok();
      if (ok && pinned.value() == value) ++found;
    }
    for (size_t i = 0; i < views.size(); i += kBatch) {
      (*db)->MultiGet({}, std::span(views).subspan(i, kBatch), values,
                      statuses);
      for (const absl::Status& status : statuses) {
        if (!status.ok()) return 0;
      }
    }
    if (!absl::IsNotFound((*db)->Get({}, "absent", &value))) return 0;
    return found;
  };
  for (int time = 0; time < 2; ++time) {
    if (read_all() != kKeys) _exit(6);
  }
  if (!TrapSystemCalls()) _exit(7);
  // Once is enough: reads of mapped pages that take long, as where a processor
  // is lost for a while, go by system calls for some time.
  int found = 0;
  for (int time = 0; time < 5; ++time) {
    system_calls = allocations = locks = 0;
    counting = true;
    found = read_all();
    counting = false;
    if (system_calls == 0) break;
  }
  char text[200];
  const int length = std::snprintf(
      text, sizeof(text),
      "found %d, system calls %d (first: %d), allocations %d, locks %d\n",
      found, static_cast<int>(system_calls),
      static_cast<int>(first_system_call), static_cast<int>(allocations),
      static_cast<int>(locks));
  if (write(2, text, static_cast<size_t>(length)) < 0) _exit(8);
  _exit(found == kKeys && system_calls == 0 && allocations == 0 && locks == 0
            ? 0
            : 1);
}

// The sanitizers put their own allocator, locks and system calls in.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class HotReadTest : public ::testing::TestWithParam<ReadMode> {};

TEST_P(HotReadTest, MakesNoSystemCallNoAllocationAndTakesNoLock) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer is in the way of the counters";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  testing::TempDirectory directory;
  EXPECT_EXIT(CountInHotGets(GetParam(), directory.File("db")),
              ::testing::ExitedWithCode(0),
              "found 2000, system calls 0 .*allocations 0, locks 0");
}

// The counters do count: under pread every hot Get is a system call.
TEST(HotReadCountersTest, SeeTheSystemCallsOfPread) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer is in the way of the counters";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  testing::TempDirectory directory;
  EXPECT_EXIT(CountInHotGets(ReadMode::kPread, directory.File("db")),
              ::testing::ExitedWithCode(1), "system calls [1-9]");
}

INSTANTIATE_TEST_SUITE_P(Modes, HotReadTest,
                         ::testing::Values(ReadMode::kMmap, ReadMode::kBuffered,
                                           ReadMode::kDirect),
                         [](const auto& info) {
                           return io::ReadModeName(info.param);
                         });

}  // namespace
}  // namespace quire
