#include "io/guarded_copy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

constexpr size_t kPage = 4096;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(i * 31 + i / 256);
  return bytes;
}

// A file of `page_count` pages, mapped whole.
class MappedFile {
 public:
  explicit MappedFile(size_t page_count) : size_(page_count * kPage) {
    WriteFile(path_, Pattern(size_));
    fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    QUIRE_CHECK(fd_ >= 0);
    void* const address = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_, 0);
    QUIRE_CHECK(address != MAP_FAILED);
    data_ = static_cast<const char*>(address);
  }
  ~MappedFile() {
    munmap(const_cast<char*>(data_), size_);
    close(fd_);
  }

  const char* data() const { return data_; }
  size_t size() const { return size_; }
  void CutTo(size_t size) {
    QUIRE_CHECK(ftruncate(fd_, static_cast<off_t>(size)) == 0);
  }

 private:
  const TempDirectory directory_;
  const std::string path_ = directory_.File("mapped");
  const size_t size_;
  int fd_;
  const char* data_;
};

TEST(GuardedCopyTest, CopiesEverySizeAtEveryAlignment) {
  const MappedFile file(4);
  const std::string expected = Pattern(file.size());
  std::string copy(file.size(), '\0');
  for (size_t size : {0, 1, 2, 7, 8, 24, 63, 64, 65, 511, 4095, 4096, 9000}) {
    for (size_t offset : {0, 1, 7, 63, 64, 4090, 4095, 4096}) {
      if (offset + size > file.size()) continue;
      copy.assign(file.size(), '~');
      ASSERT_TRUE(GuardedCopy(copy.data(), file.data() + offset, size));
      EXPECT_EQ(copy.substr(0, size), expected.substr(offset, size));
      EXPECT_EQ(copy.find_first_not_of('~', size), std::string::npos)
          << "size " << size << " at " << offset << " wrote beyond";
    }
  }
}

TEST(GuardedCopyTest, FaultBecomesFalseAndTheIntactPartStaysReadable) {
  MappedFile file(4);
  file.CutTo(2 * kPage);
  std::string copy(4 * kPage, '\0');
  EXPECT_FALSE(GuardedCopy(copy.data(), file.data(), 4 * kPage));
  EXPECT_FALSE(GuardedCopy(copy.data(), file.data() + 2 * kPage, 1));
  EXPECT_FALSE(GuardedCopy(copy.data(), file.data() + 4 * kPage - 1, 1));
  EXPECT_FALSE(GuardedCopy(copy.data(), file.data() + 2 * kPage - 1, 2));
  ASSERT_TRUE(GuardedCopy(copy.data(), file.data(), 2 * kPage));
  EXPECT_EQ(copy.substr(0, 2 * kPage), Pattern(2 * kPage));
}

TEST(GuardedCopyTest, SizeZeroTouchesNothing) {
  MappedFile file(1);
  file.CutTo(0);
  EXPECT_TRUE(GuardedCopy(nullptr, file.data(), 0));
}

TEST(GuardedCopyTest, FaultKeepsTheSignalMask) {
  sigset_t wanted, before, after;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR1);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &wanted, &before), 0);
  MappedFile file(1);
  file.CutTo(0);
  char byte;
  EXPECT_FALSE(GuardedCopy(&byte, file.data(), 1));
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, &after), 0);
  for (int signal = 1; signal < 32; ++signal) {
    EXPECT_EQ(sigismember(&after, signal),
              signal == SIGUSR1 ? 1 : sigismember(&before, signal))
        << "signal " << signal;
  }
}

// Four threads meet faults at different places while each also reads what is
// intact.
TEST(GuardedCopyTest, TenThousandFaultsInFourThreadsEachBecomeFalse) {
  constexpr size_t kThreads = 4;
  constexpr size_t kFaultsEach = 5000;
  MappedFile cut(16);
  cut.CutTo(8 * kPage);
  const MappedFile whole(16);
  std::atomic<size_t> caught = 0;
  std::atomic<size_t> wrong = 0;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<char> copy(kPage);
      for (size_t i = 0; i < kFaultsEach; ++i) {
        const size_t size = 1 + (i * 37 + t) % kPage;
        const size_t page = (i + t) % 8;
        if (!GuardedCopy(copy.data(), cut.data() + (8 + page) * kPage, size)) {
          ++caught;
        }
        if (!GuardedCopy(copy.data(), whole.data() + page * kPage, size) ||
            copy[size - 1] != whole.data()[page * kPage + size - 1]) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(caught, kThreads * kFaultsEach);
  EXPECT_EQ(wrong, 0u);
}

// What follows needs processes in which GuardedCopy was not used before: gtest
// starts them from the beginning ("threadsafe").
class SigbusHandlerDeathTest : public ::testing::Test {
 protected:
  SigbusHandlerDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// A fault that GuardedCopy turns into false, after which it is installed.
void MeetAFaultOfOurs() {
  MappedFile file(1);
  file.CutTo(0);
  char byte;
  QUIRE_CHECK(!GuardedCopy(&byte, file.data(), 1));
}

// A fault outside of GuardedCopy.
void MeetAFaultNotOurs() {
  MappedFile file(1);
  file.CutTo(0);
  [[maybe_unused]] const volatile char byte =
      *static_cast<const volatile char*>(file.data());
}

sigjmp_buf application_resume;
const void* volatile application_fault = nullptr;

void ApplicationHandler(int, siginfo_t* info, void*) {
  application_fault = info->si_addr;
  siglongjmp(application_resume, 1);
}

TEST_F(SigbusHandlerDeathTest, EarlierHandlerGetsFaultsThatAreNotOurs) {
  EXPECT_EXIT(
      {
        struct sigaction action = {};
        action.sa_sigaction = ApplicationHandler;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGBUS, &action, nullptr);
        MeetAFaultOfOurs();
        QUIRE_CHECK(application_fault == nullptr);
        MappedFile file(1);
        file.CutTo(0);
        if (sigsetjmp(application_resume, 1) == 0) {
          [[maybe_unused]] const volatile char byte =
              *static_cast<const volatile char*>(file.data());
          QUIRE_CHECK(false);
        }
        QUIRE_CHECK(application_fault == file.data());
        MeetAFaultOfOurs();
        std::exit(0);
      },
      ExitedWithCode(0), "");
}

void PlainHandler(int signal) { _exit(signal == SIGBUS ? 17 : 18); }

TEST_F(SigbusHandlerDeathTest, EarlierHandlerWithoutSiginfoIsCalled) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, PlainHandler);
        MeetAFaultOfOurs();
        MeetAFaultNotOurs();
      },
      ExitedWithCode(17), "");
}

TEST_F(SigbusHandlerDeathTest, WithoutAnEarlierHandlerAFaultNotOursKills) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_DFL);  // sanitizers have a handler of their own
        MeetAFaultOfOurs();
        MeetAFaultNotOurs();
      },
      KilledBySignal(SIGBUS), "");
}

TEST_F(SigbusHandlerDeathTest, WithoutAnEarlierHandlerASentSignalKills) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_DFL);
        MeetAFaultOfOurs();
        raise(SIGBUS);
      },
      KilledBySignal(SIGBUS), "");
}

TEST_F(SigbusHandlerDeathTest, SentSignalThatWasIgnoredStaysIgnored) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_IGN);
        MeetAFaultOfOurs();
        raise(SIGBUS);
        MeetAFaultOfOurs();
        std::exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(SigbusHandlerDeathTest, FaultNotOursKillsEvenWhereTheSignalWasIgnored) {
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_IGN);
        MeetAFaultOfOurs();
        MeetAFaultNotOurs();
      },
      KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace quire::io
