// The disk itself: faults and cuts as the kernel shows them.

#include "tests/torture/media/fuse_disk.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_directory.h"

namespace quire::torture {
namespace {

using ::quire::testing::ReadFile;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;

constexpr size_t kPage = 4096;

class FuseDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!disk_.failure().empty()) GTEST_SKIP() << disk_.failure();
  }

  std::string File(const std::string& name) const {
    return disk_.path() + "/" + name;
  }

  // Opens what WriteFile made, with none of it in the page cache.
  int OpenCold(const std::string& name, int flags = O_RDONLY) {
    const int fd = open(File(name).c_str(), flags);
    EXPECT_GE(fd, 0);
    EXPECT_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    return fd;
  }

  TempDirectory directory_;
  FuseDisk disk_{directory_.path(), Naming::kStrict};
  char buffer_[kPage] = {};
};

TEST_F(FuseDiskTest, IsAFileSystem) {
  WriteFile(File("file"), "text");
  EXPECT_EQ(ReadFile(File("file")), "text");
  ASSERT_EQ(mkdir(File("folder").c_str(), 0700), 0);
  ASSERT_EQ(rename(File("file").c_str(), File("folder/moved").c_str()), 0);
  ASSERT_EQ(link(File("folder/moved").c_str(), File("link").c_str()), 0);
  ASSERT_EQ(unlink(File("folder/moved").c_str()), 0);
  EXPECT_EQ(ReadFile(File("link")), "text");
  ASSERT_EQ(truncate(File("link").c_str(), 2), 0);
  EXPECT_EQ(ReadFile(File("link")), "te");
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(disk_.path())) {
    names.insert(entry.path().filename());
  }
  EXPECT_EQ(names, (std::set<std::string>{"folder", "link"}));
  ASSERT_EQ(rmdir(File("folder").c_str()), 0);
}

TEST_F(FuseDiskTest, RemovedFileThatIsOpenCanBeRead) {
  WriteFile(File("file"), "text");
  const int fd = OpenCold("file");
  ASSERT_EQ(unlink(File("file").c_str()), 0);
  EXPECT_EQ(pread(fd, buffer_, kPage, 0), 4);
  close(fd);
}

TEST_F(FuseDiskTest, ReadErrorsReachBufferedAndDirectReads) {
  WriteFile(File("file"), std::string(4 * kPage, 'x'));
  const int buffered = OpenCold("file");
  const int direct = OpenCold("file", O_RDONLY | O_DIRECT);
  void* const page = std::aligned_alloc(kPage, kPage);
  DiskFault fault = {.op = DiskOp::kRead};
  fault.set_path_contains("file");
  disk_.Inject(fault);
  EXPECT_EQ(pread(buffered, buffer_, kPage, 0), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(pread(direct, page, kPage, 0), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_GE(disk_.Counts().injected, 2u);
  disk_.ClearFaults();
  EXPECT_EQ(pread(buffered, buffer_, kPage, 0), static_cast<ssize_t>(kPage));
  EXPECT_EQ(pread(direct, page, kPage, 0), static_cast<ssize_t>(kPage));
  std::free(page);
  close(buffered);
  close(direct);
}

using FuseDiskDeathTest = FuseDiskTest;

TEST_F(FuseDiskDeathTest, ReadErrorUnderAMappingIsASignal) {
  WriteFile(File("file"), std::string(4 * kPage, 'x'));
  const int fd = OpenCold("file");
  disk_.Inject({.op = DiskOp::kRead});
  volatile char* const map =
      static_cast<char*>(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0));
  ASSERT_NE(map, MAP_FAILED);
  EXPECT_EXIT(
      {
        signal(SIGBUS, SIG_DFL);  // a sanitizer has a handler of its own
        static_cast<void>(map[0]);
      },
      ::testing::KilledBySignal(SIGBUS), "");
  munmap(const_cast<char*>(map), kPage);
  close(fd);
}

TEST_F(FuseDiskTest, DirectIoCantBeMapped) {
  WriteFile(File("file"), "text");
  disk_.SetDirectIo(true);
  const int fd = OpenCold("file");
  EXPECT_EQ(mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
  EXPECT_EQ(errno, ENODEV);
  close(fd);
}

TEST_F(FuseDiskTest, WritesAndSyncsFailOnOrder) {
  WriteFile(File("file"), "");
  const int fd = OpenCold("file", O_RDWR);
  disk_.Inject({.op = DiskOp::kWrite, .nth = 2, .count = 1, .error = ENOSPC});
  EXPECT_EQ(pwrite(fd, "a", 1, 0), 1);
  EXPECT_EQ(pwrite(fd, "b", 1, 0), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(pwrite(fd, "c", 1, 0), 1);
  disk_.ClearFaults();
  disk_.Inject({.op = DiskOp::kWrite, .count = 1, .short_bytes = 2});
  EXPECT_EQ(pwrite(fd, "defg", 4, 0), 2);
  disk_.Inject({.op = DiskOp::kSync, .count = 1, .lose = true});
  EXPECT_EQ(fdatasync(fd), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(fdatasync(fd), 0);
  close(fd);
  EXPECT_EQ(ReadFile(File("file")), "");
}

TEST_F(FuseDiskTest, CutLeavesWhatWasSynced) {
  WriteFile(File("file"), "old");
  const int fd = OpenCold("file", O_RDWR);
  const int folder = open(disk_.path().c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(fdatasync(fd), 0);
  ASSERT_EQ(fsync(folder), 0);
  close(folder);
  ASSERT_EQ(pwrite(fd, "new", 3, 0), 3);
  disk_.PowerOff(2);
  EXPECT_EQ(pwrite(fd, "n", 1, 0), 1);
  EXPECT_EQ(fdatasync(fd), -1);
  EXPECT_TRUE(disk_.Counts().power_is_off);
  disk_.Cut({.seed = 1, .keep_percent = 0});
  EXPECT_EQ(ReadFile(File("file")), "old");
  EXPECT_EQ(fdatasync(fd), -1) << "a file opened before the cut is dead";
  close(fd);
}

}  // namespace
}  // namespace quire::torture
