#include "tests/torture/memory_disk.h"

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/open_provider.h"
#include "io/page_provider.h"
#include "tests/testing/status_matchers.h"

namespace quire::torture {
namespace {

using ::quire::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

void MakeFile(MemoryDisk& disk, const std::string& path, size_t size) {
  const auto file = disk.CreateFile(path);
  ASSERT_OK(file);
  ASSERT_OK((*file)->WriteAt(0, Bytes(size, std::byte{7})));
  ASSERT_OK((*file)->Close());
}

TEST(MemoryDiskTest, KeepsNamesAndContentsAndGivesThemToAnother) {
  MemoryDisk disk;
  ASSERT_OK(disk.CreateDirectory("/d"));
  MakeFile(disk, "/d/a", 10);
  ASSERT_OK(disk.LinkFile("/d/a", "/d/b"));
  ASSERT_OK(disk.RenameFile("/d/b", "/c"));
  ASSERT_OK(disk.CopyFile("/c", "/e"));
  EXPECT_THAT(disk.CreateFile("/e"),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(disk.RemoveDirectory("/d"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(disk.RemoveFile("/d/a"));
  EXPECT_THAT(disk.FileSize("/d/a"), StatusIs(absl::StatusCode::kNotFound));
  MemoryDisk other(disk.Image());
  const auto names = other.ListDirectory("/");
  ASSERT_OK(names);
  EXPECT_THAT(*names, UnorderedElementsAre("c", "d", "e"));
  EXPECT_EQ(*other.FileSize("/c"), 10u);
  // What one writes the other doesn't see.
  ASSERT_OK(other.RemoveFile("/c"));
  EXPECT_EQ(*disk.FileSize("/c"), 10u);
}

TEST(MemoryDiskTest, LockIsHeldOnce) {
  MemoryDisk disk;
  auto lock = disk.LockFile("/LOCK");
  ASSERT_OK(lock);
  EXPECT_THAT(
      disk.LockFile("/LOCK"),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("held")));
  lock->reset();
  EXPECT_OK(disk.LockFile("/LOCK"));
}

TEST(MemoryDiskTest, NthOperationFailsOnceOrFromThenOn) {
  for (const bool sticky : {false, true}) {
    MemoryDisk disk;
    MakeFile(disk, "/a", 1);
    disk.Arm({.nth = 2,
              .sticky = sticky,
              .error = EIO,
              .kinds = {FileOp::kFileSize}});
    EXPECT_OK(disk.FileSize("/a"));
    EXPECT_OK(disk.ListDirectory("/"));
    EXPECT_THAT(disk.FileSize("/a"),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/a")));
    EXPECT_EQ(disk.FileSize("/a").ok(), !sticky);
    EXPECT_EQ(disk.Disarm(), sticky ? 2u : 1u);
    EXPECT_OK(disk.FileSize("/a"));
  }
}

// Every provider with every engine reads its files, by descriptors and without.
TEST(MemoryDiskTest, EveryReadModeWorksOnIt) {
  for (const bool expose : {false, true}) {
    for (const io::ReadMode mode :
         {io::ReadMode::kPread, io::ReadMode::kBuffered, io::ReadMode::kMmap,
          io::ReadMode::kDirect}) {
      if (mode == io::ReadMode::kMmap && !expose) continue;
      MemoryDisk disk;
      disk.expose_descriptors(expose);
      MakeFile(disk, "/a", 10'000);
      io::ProviderOptions options;
      options.read_mode = mode;
      options.read_mode_policy = io::ProviderPolicy::kRequire;
      options.cache_bytes = 1 << 20;
      const absl::StatusOr<io::OpenedProvider> opened =
          io::OpenProvider(options, disk, "/");
      ASSERT_OK(opened);
      auto file = opened->provider->Attach("/a", 10'000);
      ASSERT_OK(file);
      std::vector<io::ReadRequest> requests(1);
      requests[0].extent = {file->get(), 4000, 6000};
      opened->provider->Read(requests, io::CachePolicy::kPoint);
      ASSERT_OK(requests[0].status);
      EXPECT_EQ(requests[0].pin.bytes().back(), std::byte{7});
      requests.clear();
      opened->provider->Detach(*std::move(file));
    }
  }
}

TEST(MemoryDiskTest, CutDescriptorIsSeenByAMappingUntilItIsMended) {
  MemoryDisk disk;
  disk.expose_descriptors(true);
  MakeFile(disk, "/a", 10'000);
  io::ProviderOptions options;
  options.read_mode = io::ReadMode::kMmap;
  options.read_mode_policy = io::ProviderPolicy::kRequire;
  const absl::StatusOr<io::OpenedProvider> opened =
      io::OpenProvider(options, disk, "/");
  ASSERT_OK(opened);
  auto file = opened->provider->Attach("/a", 10'000);
  ASSERT_OK(file);
  const auto read = [&] {
    std::vector<io::ReadRequest> requests(1);
    requests[0].extent = {file->get(), 0, 100};
    opened->provider->Read(requests, io::CachePolicy::kPoint);
    return requests[0].status;
  };
  EXPECT_OK(read());
  disk.CutDescriptor("/a", 0);
  EXPECT_THAT(read(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("/a")));
  disk.MendDescriptor("/a");
  EXPECT_OK(read());
  opened->provider->Detach(*std::move(file));
}

}  // namespace
}  // namespace quire::torture
