// What is particular to the mmap provider; what it shares with the others is in
// provider_conformance_test.cc and provider_fault_test.cc.

#include "io/mmap_page_provider.h"

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/guarded_copy.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "tests/io/provider_cases.h"
#include "tests/testing/failing_disk.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::FailingDisk;
using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kMebibyte = 1 << 20;

// What /proc/self/smaps says of the mapping of `path`: its text, or "".
std::string MappingOf(const std::string& file_path) {
  const std::string path = std::filesystem::weakly_canonical(file_path);
  std::ifstream smaps("/proc/self/smaps");
  std::string text;
  bool found = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.find('-') < line.find(' ')) {  // the head of a mapping
      if (found) break;
      found = line.ends_with(path);
    }
    if (found) text += line + "\n";
  }
  return text;
}

// Whether the kernel was told not to read the mapping of `path` ahead.
bool IsAdvisedRandom(const std::string& path) {
  const std::string text = MappingOf(path);
  const size_t flags = text.find("VmFlags:");
  EXPECT_NE(flags, std::string::npos) << path << " isn't mapped";
  return text.find(" rr", flags) != std::string::npos;
}

class MmapPageProviderTest : public ::testing::Test {
 protected:
  std::unique_ptr<AttachedFile> Attach(PageProvider& provider,
                                       const std::string& name, size_t size) {
    const std::string path = directory_.File(name);
    WriteFile(path, TestBytes(size, size));
    absl::StatusOr<std::unique_ptr<AttachedFile>> file =
        provider.Attach(path, size);
    EXPECT_OK(file.status());
    return file.ok() ? *std::move(file) : nullptr;
  }

  const TempDirectory directory_;
};

TEST_F(MmapPageProviderTest, MapsWholeFilesAtMultiplesOfAHugePage) {
  const auto provider = NewMmapPageProvider({}, PosixFileSystem());
  for (const uint64_t size :
       {uint64_t{1}, uint64_t{5000}, 2 * kMebibyte, 5 * kMebibyte + 3}) {
    auto file = Attach(*provider, "file", size);
    {
      const cache::EpochGuard guard;
      const PeekResult found = provider->Peek(*file, 0, size);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(found.data) % (2 * kMebibyte), 0u);
      EXPECT_EQ(found.size, size);
      EXPECT_TRUE(found.may_fault);
      EXPECT_EQ(found.marks, nullptr);
    }
    EXPECT_NE(MappingOf(file->path()), "");
    const std::string path = file->path();
    provider->Detach(std::move(file));
    EXPECT_EQ(MappingOf(path), "");
  }
}

TEST_F(MmapPageProviderTest, ReadAheadStopsWhileDataExceedsMemory) {
  const auto provider =
      NewMmapPageProvider({.memory_bytes = 3 * kMebibyte}, PosixFileSystem());
  auto first = Attach(*provider, "first", 2 * kMebibyte);
  EXPECT_FALSE(IsAdvisedRandom(first->path()));
  auto second = Attach(*provider, "second", 2 * kMebibyte);
  EXPECT_TRUE(IsAdvisedRandom(first->path()));
  EXPECT_TRUE(IsAdvisedRandom(second->path()));
  auto third = Attach(*provider, "third", 100);
  EXPECT_TRUE(IsAdvisedRandom(third->path()));
  provider->Detach(std::move(first));
  EXPECT_FALSE(IsAdvisedRandom(second->path()));
  EXPECT_FALSE(IsAdvisedRandom(third->path()));
  provider->Detach(std::move(second));
  provider->Detach(std::move(third));
}

TEST_F(MmapPageProviderTest, PeekedBytesOfACutFileAreCopiedUnderTheGuard) {
  const auto provider = NewMmapPageProvider({}, PosixFileSystem());
  auto file = Attach(*provider, "file", 5000);
  std::filesystem::resize_file(file->path(), 0);
  {
    const cache::EpochGuard guard;
    const PeekResult found = provider->Peek(*file, 10, 100);
    ASSERT_EQ(found.size, 100u);
    std::vector<std::byte> copy(100);
    EXPECT_FALSE(GuardedCopy(copy.data(), found.data, found.size));
  }
  provider->Detach(std::move(file));
}

TEST_F(MmapPageProviderTest, FilesThatCannotBeMappedAreRefused) {
  WriteFile(directory_.File("file"), "x");
  FaultyFileSystem without_descriptors(PosixFileSystem());
  EXPECT_THAT(NewMmapPageProvider({}, without_descriptors)
                  ->Attach(directory_.File("file"), 1),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("no descriptor"),
                             HasSubstr(directory_.File("file")))));
  const std::string unmappable = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (!PosixFileSystem().FileSize(unmappable).ok()) {
    GTEST_SKIP() << "no " << unmappable;
  }
  EXPECT_THAT(
      NewMmapPageProvider({}, PosixFileSystem())->Attach(unmappable, 4096),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("ENODEV"), HasSubstr(unmappable))));
}

// A file whose mapping is that of one file and whose bytes are read from
// another: a device that fails and then reads well.
class RecoveredFile final : public ReadableFile {
 public:
  RecoveredFile(std::unique_ptr<ReadableFile> mapped,
                std::unique_ptr<ReadableFile> read)
      : mapped_(std::move(mapped)), read_(std::move(read)) {}

  absl::Status ReadAt(uint64_t offset,
                      std::span<std::byte> out) const override {
    return read_->ReadAt(offset, out);
  }
  uint64_t size_bytes() const override { return mapped_->size_bytes(); }
  const std::string& path() const override { return mapped_->path(); }
  int descriptor() const override { return mapped_->descriptor(); }
  uint32_t direct_alignment() const override { return 1; }

 private:
  const std::unique_ptr<ReadableFile> mapped_;
  const std::unique_ptr<ReadableFile> read_;
};

TEST_F(MmapPageProviderTest, FaultThatPreadOvercomesGivesTheBytes) {
  const std::string bytes = TestBytes(8 * kMebibyte, 1);
  const std::string disk_directory = directory_.File("disk");
  ASSERT_EQ(mkdir(disk_directory.c_str(), 0700), 0);
  FailingDisk disk(disk_directory, bytes);
  if (!disk.failure().empty()) GTEST_SKIP() << disk.failure();
  if (!disk.FailFrom(0)) GTEST_SKIP() << "the file lies in pieces";
  WriteFile(directory_.File("copy"), bytes);

  // Only OpenFile is used by a provider.
  class RecoveringFileSystem final : public FaultyFileSystem {
   public:
    explicit RecoveringFileSystem(std::string copy_path)
        : FaultyFileSystem(PosixFileSystem()),
          copy_path_(std::move(copy_path)) {}
    absl::StatusOr<std::unique_ptr<ReadableFile>> OpenFile(
        const std::string& path, OpenMode mode) override {
      QUIRE_ASSIGN_OR_RETURN(auto mapped,
                             PosixFileSystem().OpenFile(path, mode));
      QUIRE_ASSIGN_OR_RETURN(auto read,
                             FaultyFileSystem::OpenFile(copy_path_, mode));
      return std::make_unique<RecoveredFile>(std::move(mapped),
                                             std::move(read));
    }

   private:
    const std::string copy_path_;
  };
  RecoveringFileSystem files(directory_.File("copy"));
  const auto provider = NewMmapPageProvider({}, files);
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<AttachedFile> file,
                             provider->Attach(disk.file(), bytes.size()));
  const std::vector<Extent> extents = {{file.get(), 5000, 10'000}};
  EXPECT_THAT(ReadAll(*provider, extents, CachePolicy::kPoint)[0],
              IsOkAndHolds(bytes.substr(5000, 10'000)));
  EXPECT_EQ(provider->Stats().device_reads, 1u);
  // What pread says is what the reader gets.
  files.Inject({.op = FileOp::kRead});
  EXPECT_THAT(ReadAll(*provider, extents, CachePolicy::kPoint)[0],
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("offset 5000, length 10000: EIO")));
  provider->Detach(std::move(file));
}

}  // namespace
}  // namespace quire::io
