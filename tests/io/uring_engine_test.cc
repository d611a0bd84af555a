// What is particular to io_uring: what the machine may refuse. What it has in
// common with other engines is in read_engine_test.cc.

#include "io/uring_engine.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/aligned_buffer.h"
#include "io/posix_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/syscall_script.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::RefuseSyscall;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

constexpr size_t kPage = 4096;
constexpr size_t kPages = 100;

class UringEngineTest : public ::testing::Test {
 protected:
  UringEngineTest() {
    // The tests refuse system calls in children.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    std::string content;
    for (size_t i = 0; i < kPages; ++i) {
      content.append(kPage, static_cast<char>(i + 1));
    }
    WriteFile(directory_.File("file"), content);
    file_ = *PosixFileSystem().OpenFile(directory_.File("file"),
                                        OpenMode::kBuffered);
    memory_ = *AlignedBuffer::Create(kPages * kPage);
  }

  // Reads all pages in one batch; true if each came right.
  bool ReadsAll(ReadEngine& engine, int registered_file) {
    std::vector<iovec> pieces;
    std::vector<IoRequest> batch;
    pieces.reserve(kPages);
    for (size_t i = 0; i < kPages; ++i) {
      memory_.data()[i * kPage] = std::byte{0};
      pieces.push_back({memory_.data() + i * kPage, kPage});
      batch.push_back({.file = file_.get(),
                       .registered_file = registered_file,
                       .offset = i * kPage,
                       .pieces = {&pieces.back(), 1},
                       .wanted_offset = i * kPage,
                       .wanted_length = kPage});
    }
    engine.ReadBatch(batch);
    for (size_t i = 0; i < kPages; ++i) {
      if (!batch[i].status.ok()) {
        std::cerr << batch[i].status << std::endl;
        return false;
      }
      if (memory_.data()[i * kPage] != static_cast<std::byte>(i + 1)) {
        return false;
      }
    }
    return true;
  }

  TempDirectory directory_;
  std::unique_ptr<ReadableFile> file_;
  AlignedBuffer memory_;
};

// Ends a child with what was made of `status`.
void ExitWithRefusal(const absl::Status& status) {
  std::cerr << status << std::endl;
  std::exit(status.code() == absl::StatusCode::kFailedPrecondition ? 0 : 1);
}

TEST_F(UringEngineTest, RefusedSetUpNamesTheErrno) {
  EXPECT_EXIT(
      {
        RefuseSyscall(SYS_io_uring_setup, EPERM);
        ExitWithRefusal(MakeUringEngine().status());
      },
      ExitedWithCode(0), "io_uring_setup.*EPERM");
  EXPECT_EXIT(
      {
        RefuseSyscall(SYS_io_uring_setup, ENOSYS);
        ExitWithRefusal(MakeUringEngine().status());
      },
      ExitedWithCode(0), "io_uring_setup.*ENOSYS");
}

TEST_F(UringEngineTest, ASetUpThatCannotBeUsedIsRefused) {
  EXPECT_EXIT(
      {
        RefuseSyscall(SYS_io_uring_enter, EACCES);
        ExitWithRefusal(MakeUringEngine().status());
      },
      ExitedWithCode(0), "io_uring_enter.*EACCES");
}

TEST_F(UringEngineTest, WorksWithoutRegistrationAndSaysWhy) {
  EXPECT_EXIT(
      {
        RefuseSyscall(SYS_io_uring_register, EPERM);
        auto engine = MakeUringEngine();
        QUIRE_CHECK(engine.ok());
        (*engine)->RegisterMemory({memory_.data(), kPages * kPage});
        const int handle = (*engine)->RegisterFile(file_->descriptor());
        QUIRE_CHECK(ReadsAll(**engine, handle));
        std::cerr << (*engine)->Description() << std::endl;
        (*engine)->UnregisterFile(handle);
        std::exit(0);
      },
      ExitedWithCode(0),
      "files not registered.*EPERM.*memory not registered.*EPERM");
}

TEST_F(UringEngineTest, ReadsOnWhenTheKernelStopsTakingRequests) {
  EXPECT_EXIT(
      {
        auto engine = MakeUringEngine();
        QUIRE_CHECK(engine.ok());
        const int handle = (*engine)->RegisterFile(file_->descriptor());
        RefuseSyscall(SYS_io_uring_enter, ENOMEM);
        QUIRE_CHECK(ReadsAll(**engine, handle));
        // The ring that failed is gone and no other can be made.
        QUIRE_CHECK(ReadsAll(**engine, handle));
        std::exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(UringEngineTest, SaysWhatIsRegistered) {
  auto engine = MakeUringEngine();
  if (!engine.ok()) GTEST_SKIP() << engine.status();
  EXPECT_THAT((*engine)->Description(), HasSubstr("memory not registered yet"));
  (*engine)->RegisterMemory({memory_.data(), kPages * kPage});
  // The memlock limit may be too low for the memory, but not for the files.
  EXPECT_THAT((*engine)->Description(),
              AllOf(HasSubstr("registered files"), HasSubstr("memory")));
  const int handle = (*engine)->RegisterFile(file_->descriptor());
  EXPECT_GE(handle, 0);
  EXPECT_TRUE(ReadsAll(**engine, handle));
  (*engine)->UnregisterFile(handle);
}

TEST_F(UringEngineTest, MemoryMayBeRegisteredBesideReads) {
  auto engine = MakeUringEngine({.max_rings = 2});
  if (!engine.ok()) GTEST_SKIP() << engine.status();
  std::atomic<bool> done = false;
  bool right = true;
  std::thread reader([&] {
    while (!done && right) right = ReadsAll(**engine, -1);
  });
  (*engine)->RegisterMemory({memory_.data(), kPages * kPage});
  done = true;
  reader.join();
  EXPECT_TRUE(right);
  EXPECT_TRUE(ReadsAll(**engine, -1));
}

TEST_F(UringEngineTest, MemoryAboveTheLimitIsNotRegistered) {
  auto engine = MakeUringEngine({.max_registered_bytes = kPage});
  if (!engine.ok()) GTEST_SKIP() << engine.status();
  (*engine)->RegisterMemory({memory_.data(), kPages * kPage});
  EXPECT_THAT((*engine)->Description(),
              HasSubstr("memory not registered: 409600 bytes are more than the "
                        "limit of 4096"));
  EXPECT_TRUE(ReadsAll(**engine, -1));
}

TEST_F(UringEngineTest, ThreadsWaitForTheOnlyRing) {
  auto engine = MakeUringEngine({.max_rings = 1, .depth = 8});
  if (!engine.ok()) GTEST_SKIP() << engine.status();
  std::vector<std::thread> threads;
  std::vector<AlignedBuffer> buffers;
  constexpr size_t kThreads = 4;
  constexpr size_t kReads = 20;
  for (size_t t = 0; t < kThreads; ++t) {
    buffers.push_back(*AlignedBuffer::Create(kReads * kPage));
  }
  std::vector<int> bad(kThreads, 0);
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t round = 0; round < 50; ++round) {
        std::vector<iovec> pieces;
        pieces.reserve(kReads);
        std::vector<IoRequest> batch;
        for (size_t i = 0; i < kReads; ++i) {
          const uint64_t page = (t * 31 + round + i * 7) % kPages;
          pieces.push_back({buffers[t].data() + i * kPage, kPage});
          batch.push_back({.file = file_.get(),
                           .offset = page * kPage,
                           .pieces = {&pieces.back(), 1},
                           .wanted_offset = page * kPage,
                           .wanted_length = kPage});
        }
        (*engine)->ReadBatch(batch);
        for (size_t i = 0; i < kReads; ++i) {
          const uint64_t page = batch[i].offset / kPage;
          if (!batch[i].status.ok() || buffers[t].data()[i * kPage] !=
                                           static_cast<std::byte>(page + 1)) {
            ++bad[t];
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(bad, ::testing::Each(0));
}

TEST_F(UringEngineTest, MoreFilesThanItCanRegisterAreReadAllTheSame) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  auto engine = MakeUringEngine();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  if (!engine.ok()) GTEST_SKIP() << engine.status();
  std::vector<int> handles;
  for (int i = 0; i < 256; ++i) {
    handles.push_back((*engine)->RegisterFile(file_->descriptor()));
    EXPECT_GE(handles.back(), 0) << i;
  }
  const int none = (*engine)->RegisterFile(file_->descriptor());
  EXPECT_EQ(none, -1);
  EXPECT_TRUE(ReadsAll(**engine, none));
  EXPECT_TRUE(ReadsAll(**engine, handles[255]));
  for (int handle : handles) (*engine)->UnregisterFile(handle);
}

TEST_F(UringEngineTest, RejectsADepthOutOfRange) {
  EXPECT_THAT(MakeUringEngine({.depth = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(MakeUringEngine({.depth = 5000}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("5000")));
}

}  // namespace
}  // namespace quire::io
