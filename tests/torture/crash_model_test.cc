#include "tests/torture/crash_model.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/torture/memory_disk.h"

namespace quire::torture {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

Bytes BytesOf(const std::string& text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return Bytes(data, data + text.size());
}

// A disk, what is done to it, and what is left by a crash at the end.
class CrashModelTest : public ::testing::TestWithParam<Naming> {
 protected:
  CrashModelTest() { disk_.StartTape(); }

  std::unique_ptr<io::WritableFile> Create(const std::string& path) {
    absl::StatusOr<std::unique_ptr<io::WritableFile>> file =
        disk_.CreateFile(path);
    EXPECT_OK(file);
    return *std::move(file);
  }

  static void Write(io::WritableFile& file, uint64_t offset,
                    const std::string& text) {
    EXPECT_OK(file.WriteAt(offset, BytesOf(text)));
  }

  DiskImage Cut(const std::string& tearing, uint64_t seed = 0) {
    if (tape_.nodes.empty()) tape_ = disk_.TakeTape();
    CrashModel model(tape_, GetParam());
    for (const DiskOp& op : tape_.ops) model.Apply(op);
    for (const Tearing& known : Tearings()) {
      uint64_t fingerprint = 0;
      if (known.name == tearing) return model.Cut(known, seed, &fingerprint);
    }
    ADD_FAILURE() << "no tearing " << tearing;
    return {};
  }

  std::string Text(const DiskImage& image, const std::string& path) {
    const auto it = image.files.find(path);
    if (it == image.files.end()) return "(missing)";
    return std::string(reinterpret_cast<const char*>(it->second->data()),
                       it->second->size());
  }

  MemoryDisk disk_;
  DiskTape tape_;
};

TEST_P(CrashModelTest, SyncedFileInASyncedDirectoryStays) {
  const auto file = Create("/a");
  Write(*file, 0, "synced");
  ASSERT_OK(file->Sync());
  ASSERT_OK(disk_.SyncDirectory("/"));
  Write(*file, 6, " unsynced");
  for (const Tearing& tearing : Tearings()) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      EXPECT_EQ(Text(Cut(tearing.name, seed), "/a").substr(0, 6), "synced");
    }
  }
  EXPECT_EQ(Text(Cut("nothing"), "/a"), "synced");
  EXPECT_EQ(Text(Cut("process death"), "/a"), "synced unsynced");
}

TEST_P(CrashModelTest, NamesAreDurableAsTheNamingSays) {
  const auto file = Create("/a.new");
  Write(*file, 0, "a");
  ASSERT_OK(file->Sync());
  ASSERT_OK(disk_.RenameFile("/a.new", "/a"));
  EXPECT_EQ(Text(Cut("nothing"), "/a"), "(missing)");
  EXPECT_EQ(Text(Cut("nothing"), "/a.new"),
            GetParam() == Naming::kStrict ? "(missing)" : "a");
  EXPECT_EQ(Text(Cut("names only"), "/a"), "a");
}

TEST_P(CrashModelTest, SomeNamesAreAnyIfStrictAndTheFirstIfNot) {
  Create("/a");
  Create("/b");
  std::set<std::set<std::string>> found;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    std::set<std::string> names;
    for (const auto& [path, bytes] : Cut("subset of 512", seed).files) {
      names.insert(path);
    }
    found.insert(names);
  }
  using Names = std::set<std::string>;
  if (GetParam() == Naming::kStrict) {
    EXPECT_THAT(found, UnorderedElementsAre(Names{}, Names{"/a"}, Names{"/b"},
                                            Names{"/a", "/b"}));
  } else {
    EXPECT_THAT(found,
                UnorderedElementsAre(Names{}, Names{"/a"}, Names{"/a", "/b"}));
  }
}

TEST_P(CrashModelTest, WhatAFailedSyncLostNoLaterOneBringsBack) {
  const auto file = Create("/a");
  ASSERT_OK(disk_.SyncDirectory("/"));
  Write(*file, 0, "lost");
  disk_.Arm({.error = 5, .kinds = {FileOp::kSync}});
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_EQ(disk_.Disarm(), 1u);
  Write(*file, 4, "kept");
  ASSERT_OK(file->Sync());
  EXPECT_EQ(Text(Cut("process death"), "/a"), std::string(4, '\0') + "kept");
}

TEST_P(CrashModelTest, DirectoryThatIsNotDurableTakesItsFilesWithIt) {
  ASSERT_OK(disk_.CreateDirectory("/d"));
  const auto file = Create("/d/a");
  ASSERT_OK(disk_.SyncDirectory("/d"));
  const DiskImage image = Cut("nothing");
  if (GetParam() == Naming::kStrict) {
    EXPECT_TRUE(image.directories.empty());
    EXPECT_TRUE(image.files.empty());
  } else {
    EXPECT_THAT(image.directories, ElementsAre("/d"));
    EXPECT_THAT(image.files, ElementsAre(Key("/d/a")));
  }
}

TEST_P(CrashModelTest, GranulesAreThereOrNot) {
  const auto file = Create("/a");
  ASSERT_OK(disk_.SyncDirectory("/"));
  Write(*file, 0, std::string(1024, 'x'));
  Write(*file, 1024, std::string(1024, 'y'));
  std::set<std::string> prefixes;
  std::set<std::string> subsets;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    prefixes.insert(Text(Cut("prefix of 512", seed), "/a"));
    subsets.insert(Text(Cut("sparse 4096", seed), "/a"));
    const std::string torn = Text(Cut("prefix of bytes", seed), "/a");
    EXPECT_EQ(torn, (std::string(1024, 'x') + std::string(1024, 'y'))
                        .substr(0, torn.size()));
  }
  EXPECT_EQ(prefixes.size(), 4u);  // up to all but the last granule
  EXPECT_EQ(Text(Cut("last write"), "/a"),
            std::string(1024, '\0') + std::string(1024, 'y'));
  EXPECT_EQ(Text(Cut("all but first write"), "/a"),
            std::string(1024, '\0') + std::string(1024, 'y'));
  EXPECT_THAT(subsets, ::testing::Contains(std::string(2048, '\0')));
}

INSTANTIATE_TEST_SUITE_P(, CrashModelTest,
                         ::testing::Values(Naming::kStrict, Naming::kJournal),
                         [](const auto& info) {
                           return info.param == Naming::kStrict ? "Strict"
                                                                : "Journal";
                         });

}  // namespace
}  // namespace quire::torture
