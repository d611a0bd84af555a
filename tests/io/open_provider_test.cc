#include "io/open_provider.h"

#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "tests/io/provider_cases.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/scoped_mount.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/syscall_script.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOkAndHolds;
using ::quire::testing::RefuseSyscall;
using ::quire::testing::ScopedMount;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr ProviderPolicy kRequire = ProviderPolicy::kRequire;
constexpr ProviderPolicy kPrefer = ProviderPolicy::kPrefer;
constexpr std::array kModes = {ReadMode::kPread, ReadMode::kBuffered,
                               ReadMode::kMmap, ReadMode::kDirect};

ProviderOptions Options(ReadMode mode, ProviderPolicy policy) {
  return {.read_mode = mode,
          .read_mode_policy = policy,
          .io_engine = IoEngine::kPreadv,
          .cache_bytes = 1 << 20};
}

// Whether the provider reads a file of `directory`, which it makes.
bool ReadsAFile(PageProvider& provider, const std::string& directory) {
  const std::string bytes = TestBytes(10'000, 1);
  const std::string path = directory + "/data";
  WriteFile(path, bytes);
  auto file = provider.Attach(path, bytes.size());
  if (!file.ok()) return false;
  const absl::StatusOr<std::string> read =
      ReadAll(provider, {{file->get(), 5000, 5000}}, CachePolicy::kPoint)[0];
  provider.Detach(*std::move(file));
  return read.ok() && *read == bytes.substr(5000);
}

class OpenProviderTest : public ::testing::Test {
 protected:
  // Mounts a file system for the test, or skips it.
  std::unique_ptr<ScopedMount> Mount(const std::string& type) {
    const std::string path = directory_.File("mount");
    QUIRE_CHECK(PosixFileSystem().CreateDirectory(path).ok());
    return std::make_unique<ScopedMount>(type, path);
  }

  const TempDirectory directory_;
  FaultyFileSystem faulty_{PosixFileSystem()};
};

TEST_F(OpenProviderTest, GivesWhatWasAskedForAndLeavesNoFile) {
  for (const ReadMode mode : kModes) {
    SCOPED_TRACE(ReadModeName(mode));
    const absl::StatusOr<OpenedProvider> opened = OpenProvider(
        Options(mode, kRequire), PosixFileSystem(), directory_.path());
    if (mode == ReadMode::kDirect && !opened.ok()) {
      GTEST_SKIP() << opened.status();
    }
    ASSERT_OK(opened.status());
    EXPECT_EQ(opened->effective_mode, mode);
    EXPECT_THAT(opened->mode_reason, IsEmpty());
    EXPECT_THAT(opened->engine_reason, IsEmpty());
    EXPECT_EQ(opened->effective_engine, IoEngine::kPreadv);
    EXPECT_EQ(opened->engine_description, "preadv");
    EXPECT_THAT(PosixFileSystem().ListDirectory(directory_.path()),
                IsOkAndHolds(IsEmpty()));
    EXPECT_TRUE(ReadsAFile(*opened->provider, directory_.path()));
    ASSERT_OK(PosixFileSystem().RemoveFile(directory_.File("data")));
  }
}

TEST_F(OpenProviderTest, TriesTheModeOnAFileThatIsThere) {
  WriteFile(directory_.File("7.seg"), "x");
  for (const ReadMode mode : kModes) {
    EXPECT_OK(OpenProvider(Options(mode, kPrefer), faulty_, directory_.path())
                  .status());
  }
  EXPECT_EQ(faulty_.count(FileOp::kCreate), 0u);
  EXPECT_THAT(PosixFileSystem().ListDirectory(directory_.path()),
              IsOkAndHolds(ElementsAre("7.seg")));
}

TEST_F(OpenProviderTest, UsesIoUringWhereTheKernelHasIt) {
  ProviderOptions options = Options(ReadMode::kPread, kRequire);
  options.io_engine = IoEngine::kIoUring;
  options.io_engine_policy = kPrefer;
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const OpenedProvider opened,
      OpenProvider(options, PosixFileSystem(), directory_.path()));
  if (opened.effective_engine == IoEngine::kPreadv) {
    EXPECT_THAT(opened.engine_reason, HasSubstr("io_uring refused"));
    GTEST_SKIP() << opened.engine_reason;
  }
  EXPECT_THAT(opened.engine_reason, IsEmpty());
  EXPECT_THAT(opened.engine_description, HasSubstr("io_uring"));
  EXPECT_TRUE(ReadsAFile(*opened.provider, directory_.path()));
}

TEST_F(OpenProviderTest, OptionsOutOfRangeAreNamed) {
  for (const uint32_t piece : {0u, 1000u, 2048u, 4097u, 2u << 20}) {
    ProviderOptions options = Options(ReadMode::kBuffered, kPrefer);
    options.buffered_piece_bytes = piece;
    EXPECT_THAT(
        OpenProvider(options, PosixFileSystem(), directory_.path()),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 HasSubstr(absl::StrCat("buffered_piece_bytes is ", piece))));
  }
  for (const ReadMode mode : {ReadMode::kBuffered, ReadMode::kDirect}) {
    ProviderOptions options = Options(mode, kPrefer);
    options.cache_bytes = options.buffered_piece_bytes - 1;
    EXPECT_THAT(OpenProvider(options, PosixFileSystem(), directory_.path()),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("cache_bytes is 65535")));
  }
}

TEST_F(OpenProviderTest, SmallestBuffersAreValid) {
  ProviderOptions options = Options(ReadMode::kBuffered, kRequire);
  options.buffered_piece_bytes = 4096;
  options.cache_bytes = 4096;
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const OpenedProvider opened,
      OpenProvider(options, PosixFileSystem(), directory_.path()));
  EXPECT_EQ(opened.provider->Stats().cache_capacity_bytes, 4096u);
  EXPECT_TRUE(ReadsAFile(*opened.provider, directory_.path()));
}

TEST_F(OpenProviderTest, MissingDirectoryIsNotFound) {
  for (const ReadMode mode : {ReadMode::kMmap, ReadMode::kDirect}) {
    EXPECT_THAT(OpenProvider(Options(mode, kPrefer), PosixFileSystem(),
                             directory_.File("none")),
                StatusIs(absl::StatusCode::kNotFound,
                         HasSubstr(directory_.File("none"))));
  }
}

// Refusals.

TEST_F(OpenProviderTest, RamfsRefusesDirect) {
  const std::unique_ptr<ScopedMount> mount = Mount("ramfs");
  if (!mount->failure().empty()) GTEST_SKIP() << mount->failure();
  const std::string path = directory_.File("mount");
  for (const bool with_a_file : {false, true}) {
    if (with_a_file) WriteFile(path + "/7.seg", "x");
    EXPECT_THAT(
        OpenProvider(Options(ReadMode::kDirect, kRequire), PosixFileSystem(),
                     path),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr("direct refused"), HasSubstr("O_DIRECT"),
                       HasSubstr("EINVAL"), HasSubstr(path))));
    QUIRE_ASSERT_OK_AND_ASSIGN(const OpenedProvider opened,
                               OpenProvider(Options(ReadMode::kDirect, kPrefer),
                                            PosixFileSystem(), path));
    EXPECT_EQ(opened.effective_mode, ReadMode::kBuffered);
    EXPECT_THAT(opened.mode_reason,
                AllOf(HasSubstr("direct refused"), HasSubstr("EINVAL")));
    EXPECT_TRUE(ReadsAFile(*opened.provider, path));
    ASSERT_OK(PosixFileSystem().RemoveFile(path + "/data"));
  }
}

TEST_F(OpenProviderTest, TmpfsIsBelievedAfterATrialRead) {
  const std::unique_ptr<ScopedMount> mount = Mount("tmpfs");
  if (!mount->failure().empty()) GTEST_SKIP() << mount->failure();
  const std::string path = directory_.File("mount");
  QUIRE_ASSERT_OK_AND_ASSIGN(const OpenedProvider opened,
                             OpenProvider(Options(ReadMode::kDirect, kPrefer),
                                          PosixFileSystem(), path));
  // It took O_DIRECT from Linux 6.6 on.
  EXPECT_EQ(opened.effective_mode == ReadMode::kDirect,
            opened.mode_reason.empty());
  EXPECT_TRUE(ReadsAFile(*opened.provider, path));
}

TEST_F(OpenProviderTest, FilesWithoutDescriptorRefuseMmap) {
  EXPECT_THAT(
      OpenProvider(Options(ReadMode::kMmap, kRequire), faulty_,
                   directory_.path()),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("mmap refused"), HasSubstr("no descriptor"))));
  QUIRE_ASSERT_OK_AND_ASSIGN(const OpenedProvider opened,
                             OpenProvider(Options(ReadMode::kMmap, kPrefer),
                                          faulty_, directory_.path()));
  EXPECT_EQ(opened.effective_mode, ReadMode::kPread);
  EXPECT_THAT(opened.mode_reason, HasSubstr("mmap refused"));
  EXPECT_EQ(opened.engine_description, "preadv");
  EXPECT_TRUE(ReadsAFile(*opened.provider, directory_.path()));
}

TEST_F(OpenProviderTest, FileSystemWithoutMmapRefusesIt) {
  // sysfs has regular files of one page that can be read but not mapped.
  const std::string path = "/sys/kernel/mm/transparent_hugepage";
  if (!PosixFileSystem().FileSize(path + "/enabled").ok()) {
    GTEST_SKIP() << "no " << path;
  }
  EXPECT_THAT(
      OpenProvider(Options(ReadMode::kMmap, kRequire), PosixFileSystem(), path),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("mmap refused"), HasSubstr("ENODEV"))));
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const OpenedProvider opened,
      OpenProvider(Options(ReadMode::kMmap, kPrefer), PosixFileSystem(), path));
  EXPECT_EQ(opened.effective_mode, ReadMode::kPread);
  EXPECT_THAT(opened.mode_reason, HasSubstr("ENODEV"));
}

TEST_F(OpenProviderTest, RefusedIoUringFailsOrFallsBackAndSaysSo) {
  for (const int error : {EPERM, ENOSYS}) {
    const std::string name = error == EPERM ? "EPERM" : "ENOSYS";
    EXPECT_EXIT(
        {
          RefuseSyscall(SYS_io_uring_setup, error);
          for (const ReadMode mode : kModes) {
            // Where direct is refused, buffered takes its place.
            ProviderOptions options = Options(mode, kPrefer);
            options.io_engine = IoEngine::kIoUring;
            options.io_engine_policy = kRequire;
            const absl::Status refused =
                OpenProvider(options, PosixFileSystem(), directory_.path())
                    .status();
            QUIRE_CHECK(absl::IsFailedPrecondition(refused));
            QUIRE_CHECK(
                absl::StrContains(refused.message(), "io_uring refused"));
            QUIRE_CHECK(absl::StrContains(refused.message(), name));
            options.io_engine_policy = kPrefer;
            const absl::StatusOr<OpenedProvider> opened =
                OpenProvider(options, PosixFileSystem(), directory_.path());
            QUIRE_CHECK(opened.ok());
            QUIRE_CHECK(opened->effective_engine == IoEngine::kPreadv);
            QUIRE_CHECK(opened->engine_description == "preadv");
            QUIRE_CHECK(absl::StrContains(opened->engine_reason, name));
            QUIRE_CHECK(ReadsAFile(*opened->provider, directory_.path()));
          }
          std::exit(0);
        },
        ExitedWithCode(0), "");
  }
}

// What can't be tried.

TEST_F(OpenProviderTest, ReadOnlyDirectoryWithoutFilesIsTakenUntried) {
  const std::unique_ptr<ScopedMount> mount = Mount("tmpfs");
  if (!mount->failure().empty()) GTEST_SKIP() << mount->failure();
  mount->MakeReadOnly();
  for (const ReadMode mode : {ReadMode::kMmap, ReadMode::kDirect}) {
    QUIRE_ASSERT_OK_AND_ASSIGN(
        const OpenedProvider opened,
        OpenProvider(Options(mode, kRequire), PosixFileSystem(),
                     directory_.File("mount")));
    EXPECT_EQ(opened.effective_mode, mode);
    EXPECT_THAT(opened.mode_reason,
                AllOf(HasSubstr("not tried"), HasSubstr("EROFS")));
  }
}

TEST_F(OpenProviderTest, ReadOnlyDirectoryWithAFileIsTriedOnIt) {
  const std::unique_ptr<ScopedMount> mount = Mount("tmpfs");
  if (!mount->failure().empty()) GTEST_SKIP() << mount->failure();
  WriteFile(directory_.File("mount/7.seg"), "x");
  mount->MakeReadOnly();
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const OpenedProvider opened,
      OpenProvider(Options(ReadMode::kMmap, kRequire), PosixFileSystem(),
                   directory_.File("mount")));
  EXPECT_EQ(opened.effective_mode, ReadMode::kMmap);
  EXPECT_THAT(opened.mode_reason, IsEmpty());
}

TEST_F(OpenProviderTest, MediaErrorSaysNothingAgainstTheMode) {
  WriteFile(directory_.File("7.seg"), "x");
  faulty_.Inject({.op = FileOp::kRead, .sticky = true});
  const absl::StatusOr<OpenedProvider> opened = OpenProvider(
      Options(ReadMode::kDirect, kRequire), faulty_, directory_.path());
  if (absl::IsFailedPrecondition(opened.status())) {
    GTEST_SKIP() << opened.status();
  }
  ASSERT_OK(opened.status());
  EXPECT_EQ(opened->effective_mode, ReadMode::kDirect);
  EXPECT_THAT(opened->mode_reason,
              AllOf(HasSubstr("not tried"), HasSubstr("EIO")));
  faulty_.Clear();
  EXPECT_TRUE(ReadsAFile(*opened->provider, directory_.path()));
}

TEST_F(OpenProviderTest, EveryFailingOperationEndsInAStatusOrAStatedReason) {
  for (const ReadMode mode : {ReadMode::kMmap, ReadMode::kDirect}) {
    faulty_.expose_descriptors(mode == ReadMode::kMmap);
    const uint64_t before = faulty_.count(FileOp::kAny);
    ASSERT_OK(OpenProvider(Options(mode, kPrefer), faulty_, directory_.path())
                  .status());
    const uint64_t operations = faulty_.count(FileOp::kAny) - before;
    ASSERT_GE(operations, 5u);
    for (uint64_t nth = 1; nth <= operations; ++nth) {
      SCOPED_TRACE(absl::StrCat(ReadModeName(mode), ", operation ", nth));
      faulty_.Inject({.nth = nth});
      const absl::StatusOr<OpenedProvider> opened =
          OpenProvider(Options(mode, kPrefer), faulty_, directory_.path());
      faulty_.Clear();
      if (opened.ok()) {
        EXPECT_TRUE(ReadsAFile(*opened->provider, directory_.path()));
        ASSERT_OK(PosixFileSystem().RemoveFile(directory_.File("data")));
      } else {
        EXPECT_THAT(opened.status(),
                    StatusIs(absl::StatusCode::kUnavailable, HasSubstr("EIO")));
      }
      // At most the one whose removal failed is left.
      QUIRE_ASSERT_OK_AND_ASSIGN(
          const std::vector<std::string> names,
          PosixFileSystem().ListDirectory(directory_.path()));
      EXPECT_LE(names.size(), 1u);
      for (const std::string& name : names) {
        ASSERT_OK(PosixFileSystem().RemoveFile(directory_.File(name)));
      }
    }
  }
}

TEST(ReadModeNameTest, NamesAreThoseOfTheTools) {
  EXPECT_STREQ(ReadModeName(ReadMode::kPread), "pread");
  EXPECT_STREQ(ReadModeName(ReadMode::kBuffered), "buffered");
  EXPECT_STREQ(ReadModeName(ReadMode::kMmap), "mmap");
  EXPECT_STREQ(ReadModeName(ReadMode::kDirect), "direct");
  EXPECT_STREQ(IoEngineName(IoEngine::kIoUring), "io_uring");
  EXPECT_STREQ(IoEngineName(IoEngine::kPreadv), "preadv");
}

}  // namespace
}  // namespace quire::io
