// That nothing is shut down but a test's own file system.

#include "tests/torture/media/loop_mount.h"

#include <sys/mount.h>

#include <filesystem>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/temp_directory.h"

namespace quire::torture {
namespace {

using ::quire::testing::ReadFile;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::HasSubstr;

class LoopMountTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(MountPoint());
    mount_ = std::make_unique<LoopMount>(directory_.File("image"), MountPoint(),
                                         DiskFormat::kExt4);
    if (!mount_->failure().empty()) GTEST_SKIP() << mount_->failure();
  }

  std::string MountPoint() const { return directory_.File("mount"); }

  const TempDirectory directory_;
  std::unique_ptr<LoopMount> mount_;
};

TEST(IsLoopMountTest, DirectoriesOfTheMachineAreNone) {
  const TempDirectory directory;
  for (const std::string& path :
       {std::string("/"), std::string("/tmp"), std::string("/dev/shm"),
        std::string("/no such directory"), directory.path()}) {
    EXPECT_FALSE(IsLoopMount(path)) << path;
  }
}

TEST_F(LoopMountTest, OnlyTheMountPointIsOne) {
  EXPECT_TRUE(IsLoopMount(MountPoint()));
  std::filesystem::create_directory(MountPoint() + "/below");
  EXPECT_FALSE(IsLoopMount(MountPoint() + "/below"));
  EXPECT_FALSE(IsLoopMount(directory_.path()));
}

TEST_F(LoopMountTest, ShutdownEndsWritingUntilItIsMountedAgain) {
  mount_->Shutdown();
  EXPECT_EQ(mount_->failure(), "");
  std::error_code error;
  EXPECT_FALSE(
      std::filesystem::create_directory(MountPoint() + "/late", error));
  mount_->Remount();
  EXPECT_EQ(mount_->failure(), "");
  EXPECT_TRUE(std::filesystem::create_directory(MountPoint() + "/now"));
}

// The mount point is a directory of the machine's own disk then.
TEST_F(LoopMountTest, WhatIsNotMountedAnyMoreIsNotShutDown) {
  ASSERT_EQ(umount2(MountPoint().c_str(), 0), 0);
  ASSERT_FALSE(IsLoopMount(MountPoint()));
  mount_->Shutdown();
  EXPECT_THAT(mount_->failure(), HasSubstr("no loop mount of this test's"));
  WriteFile(MountPoint() + "/file", "written");
  EXPECT_EQ(ReadFile(MountPoint() + "/file"), "written");
}

TEST_F(LoopMountTest, AnotherMountOnTopIsNotShutDown) {
  std::filesystem::create_directory(directory_.File("other"));
  LoopMount other(directory_.File("other image"), directory_.File("other"),
                  DiskFormat::kExt4);
  ASSERT_EQ(other.failure(), "");
  ASSERT_EQ(mount(other.path().c_str(), MountPoint().c_str(), nullptr, MS_BIND,
                  nullptr),
            0);
  mount_->Shutdown();
  EXPECT_THAT(mount_->failure(), HasSubstr("no loop mount of this test's"));
  EXPECT_TRUE(std::filesystem::create_directory(other.path() + "/written"));
  EXPECT_EQ(umount2(MountPoint().c_str(), 0), 0);
}

}  // namespace
}  // namespace quire::torture
