#include "kv/internal/catalog.h"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/manifest_reader.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::testing::HasSubstr;
using ::testing::Not;

// More than the catalog lets a manifest of a small state grow to.
constexpr uint64_t kLongManifest = uint64_t{3} << 20;

constexpr size_t kSegments = 300;

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() : files_(io::PosixFileSystem()) {
    catalog_ = std::make_unique<Catalog>(files_, directory_.path(),
                                         DatabaseState(), /*manifest_number=*/0,
                                         /*first_free_number=*/1);
  }

  // Puts a few hundred segments in the place of those that are there: an edit
  // of some 100 KB that leaves the state as long as it was.
  absl::Status ReplaceSegments() {
    ManifestEdit edit;
    for (const auto& [number, segment] : catalog_->state().segments) {
      edit.Add(SegmentDropped{number});
    }
    for (size_t i = 0; i < kSegments; ++i) {
      const uint64_t number = catalog_->NewFileNumber();
      edit.Add(SegmentCreated{.number = number,
                              .id = number,
                              .first_sequence = 1,
                              .origin = SegmentOrigin::kRewrite});
      edit.Add(
          SegmentSealed{.number = number, .length = 4168, .last_sequence = 1});
    }
    return catalog_->Commit(edit);
  }

  // Commits until the manifest would be long if none had replaced it.
  void CommitMuch() {
    while (catalog_->bytes_written() < kLongManifest) {
      ASSERT_OK(ReplaceSegments());
    }
  }

  // How many manifests there are, and how long they are together.
  struct Manifests {
    int count = 0;
    uint64_t bytes = 0;
  };
  Manifests OnDisk() const {
    Manifests manifests;
    for (const auto& entry :
         std::filesystem::directory_iterator(directory_.path())) {
      if (!entry.path().filename().string().starts_with("MANIFEST")) continue;
      ++manifests.count;
      manifests.bytes += entry.file_size();
    }
    return manifests;
  }

  // The state that the next open finds, but for the number that the manifest
  // itself takes.
  DatabaseState Read() {
    CurrentFile current;
    auto contents = ReadNewestManifest(files_, directory_.path(), &current);
    EXPECT_OK(contents.status());
    if (!contents.ok()) return {};
    EXPECT_GE(contents->state.next_file_number,
              catalog_->state().next_file_number);
    contents->state.next_file_number = catalog_->state().next_file_number;
    return contents->state;
  }

  TempDirectory directory_;
  FaultyFileSystem files_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(CatalogTest, AManifestThatHasGrownIsReplaced) {
  ASSERT_NO_FATAL_FAILURE(CommitMuch());
  EXPECT_EQ(OnDisk().count, 1);
  EXPECT_LT(OnDisk().bytes, kLongManifest / 2);
  EXPECT_EQ(Read(), catalog_->state());
  // And what comes after goes behind it.
  ASSERT_OK(ReplaceSegments());
  EXPECT_EQ(Read(), catalog_->state());
}

TEST_F(CatalogTest, AReaderBesideAlwaysFindsAWholeState) {
  ASSERT_OK(ReplaceSegments());
  std::set<uint64_t> manifests;
  const auto read = [&] {
    CurrentFile current;
    const auto contents =
        ReadNewestManifest(io::PosixFileSystem(), directory_.path(), &current);
    ASSERT_OK(contents.status());
    EXPECT_EQ(contents->state.segments.size(), kSegments);
    manifests.insert(current.manifest_number);
  };
  read();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    CommitMuch();
    done.store(true);
  });
  while (!done.load() && !HasFailure()) read();
  writer.join();
  read();
  EXPECT_GE(manifests.size(), 2u);
}

TEST_F(CatalogTest, WithoutSpaceForAnotherManifestTheOldOneGoesOn) {
  ASSERT_OK(ReplaceSegments());
  for (const FileOp op : {FileOp::kCreate, FileOp::kRename}) {
    files_.Inject({.op = op, .sticky = true, .error = ENOSPC});
    const uint64_t before = OnDisk().bytes;
    while (OnDisk().bytes < before + kLongManifest) {
      ASSERT_OK(ReplaceSegments());
    }
    EXPECT_GT(files_.injected_count(), 0u);
    EXPECT_EQ(OnDisk().count, 1);
    EXPECT_EQ(Read(), catalog_->state());
    files_.Clear();
  }
  ASSERT_OK(ReplaceSegments());
  EXPECT_LT(OnDisk().bytes, kLongManifest);
  EXPECT_EQ(Read(), catalog_->state());
}

TEST_F(CatalogTest, ADirectoryThatCannotBeSyncedEndsAllWriting) {
  files_.Inject({.op = FileOp::kSyncDirectory, .error = ENOSPC});
  EXPECT_THAT(ReplaceSegments(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ENOSPC")));
  EXPECT_EQ(files_.injected_count(), 1u);
  EXPECT_THAT(ReplaceSegments(), Not(IsOk()));
}

}  // namespace
}  // namespace quire::kv_internal
