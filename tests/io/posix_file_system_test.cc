#include "io/posix_file_system.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "tests/testing/scoped_mount.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/syscall_script.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::FailWith;
using ::quire::testing::IsOkAndHolds;
using ::quire::testing::kSyscallScriptsSupported;
using ::quire::testing::ReadFile;
using ::quire::testing::ReturnZero;
using ::quire::testing::RunScript;
using ::quire::testing::ScopedMount;
using ::quire::testing::ScriptIsDone;
using ::quire::testing::ScriptLine;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::Transfer;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

size_t OpenDescriptorCount() {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                    std::filesystem::directory_iterator()));
}

class PosixFileSystemTest : public ::testing::Test {
 protected:
  std::string Path(std::string_view name) const {
    return directory_.File(name);
  }

  // Bytes of an open file as text.
  absl::StatusOr<std::string> Read(const ReadableFile& file, uint64_t offset,
                                   size_t size) {
    std::string text(size, '\0');
    absl::Status status =
        file.ReadAt(offset, std::as_writable_bytes(std::span(text)));
    if (!status.ok()) return status;
    return text;
  }

  const TempDirectory directory_;
  FileSystem& files_ = PosixFileSystem();
};

TEST_F(PosixFileSystemTest, ReadsBackWhatWasWritten) {
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<WritableFile> file,
                             files_.CreateFile(Path("a")));
  ASSERT_OK(file->WriteAt(0, Bytes("hello")));
  ASSERT_OK(file->WriteAt(8, Bytes("there")));
  ASSERT_OK(file->WriteAt(1, Bytes("ipp")));
  ASSERT_OK(file->WriteAt(3, Bytes("")));
  ASSERT_OK(file->Sync());
  ASSERT_OK(file->Close());
  ASSERT_OK(file->Close());  // idempotent
  const std::string expected("hippo\0\0\0there", 13);
  EXPECT_EQ(ReadFile(Path("a")), expected);

  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<ReadableFile> opened,
                             files_.OpenFile(Path("a"), OpenMode::kBuffered));
  EXPECT_EQ(opened->size_bytes(), 13u);
  EXPECT_EQ(opened->path(), Path("a"));
  EXPECT_EQ(opened->direct_alignment(), 1u);
  EXPECT_THAT(Read(*opened, 0, 13), IsOkAndHolds(expected));
  EXPECT_THAT(Read(*opened, 8, 5), IsOkAndHolds("there"));
  EXPECT_THAT(Read(*opened, 13, 0), IsOkAndHolds(""));
  EXPECT_THAT(files_.FileSize(Path("a")), IsOkAndHolds(13u));
}

TEST_F(PosixFileSystemTest, WritebackThatIsStartedChangesNothing) {
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<WritableFile> file,
                             files_.CreateFile(Path("a")));
  ASSERT_OK(file->WriteAt(0, Bytes("hello")));
  file->StartWriteback(0, 5);
  file->StartWriteback(1 << 20, 4096);  // beyond the end
  ASSERT_OK(file->WriteAt(5, Bytes("!")));
  EXPECT_EQ(ReadFile(Path("a")), "hello!");
  EXPECT_OK(file->Sync());
  EXPECT_OK(file->Close());
}

TEST_F(PosixFileSystemTest, ReadBeyondTheEndIsDataLossNamingFileAndPlace) {
  WriteFile(Path("a"), "0123456789");
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<ReadableFile> file,
                             files_.OpenFile(Path("a"), OpenMode::kBuffered));
  for (const uint64_t offset : {6u, 10u, 4096u}) {
    EXPECT_THAT(Read(*file, offset, 5),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(Path("a")),
                               HasSubstr(absl::StrCat("offset ", offset)))));
  }
  ASSERT_EQ(truncate(Path("a").c_str(), 3), 0);
  EXPECT_THAT(Read(*file, 0, 10), StatusIs(absl::StatusCode::kDataLoss,
                                           HasSubstr("the file ends at 3")));
  EXPECT_THAT(Read(*file, 0, 3), IsOkAndHolds("012"));
}

TEST_F(PosixFileSystemTest, CreateRefusesANameThatIsTaken) {
  WriteFile(Path("a"), "old");
  EXPECT_THAT(files_.CreateFile(Path("a")),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr(Path("a")), HasSubstr("EEXIST"))));
  EXPECT_EQ(ReadFile(Path("a")), "old");
  EXPECT_THAT(files_.CreateFile(Path("none/a")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PosixFileSystemTest, OpenTakesRegularFilesOnly) {
  EXPECT_THAT(files_.OpenFile(Path("none"), OpenMode::kBuffered),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("none"))));
  ASSERT_OK(files_.CreateDirectory(Path("d")));
  // Opening a named pipe would wait for a writer.
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  for (const std::string& path :
       {Path("d"), Path("pipe"), std::string("/dev/null")}) {
    for (const OpenMode mode : {OpenMode::kBuffered, OpenMode::kDirect}) {
      EXPECT_THAT(
          files_.OpenFile(path, mode),
          StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)));
    }
    EXPECT_THAT(files_.FileSize(path),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(PosixFileSystemTest, DescriptorsAreClosedAndNotInherited) {
  WriteFile(Path("a"), "x");
  const size_t before = OpenDescriptorCount();
  {
    QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<ReadableFile> opened,
                               files_.OpenFile(Path("a"), OpenMode::kBuffered));
    EXPECT_EQ(fcntl(opened->descriptor(), F_GETFD), FD_CLOEXEC);
    QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<WritableFile> created,
                               files_.CreateFile(Path("b")));
    QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<FileLock> lock,
                               files_.LockFile(Path("LOCK")));
    ASSERT_OK(files_.SyncDirectory(directory_.path()));
    ASSERT_OK(files_.ListDirectory(directory_.path()).status());
    EXPECT_EQ(OpenDescriptorCount(), before + 3);
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
      const int fd = std::stoi(entry.path().filename());
      std::error_code ignored;
      const std::string target =
          std::filesystem::read_symlink(entry.path(), ignored);
      if (target.starts_with(directory_.path())) {
        EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC) << target;
      }
    }
  }
  EXPECT_EQ(OpenDescriptorCount(), before);
}

TEST_F(PosixFileSystemTest, RenameReplacesAndNamesBothPathsInErrors) {
  WriteFile(Path("a"), "new");
  WriteFile(Path("b"), "old");
  ASSERT_OK(files_.RenameFile(Path("a"), Path("b")));
  EXPECT_EQ(ReadFile(Path("b")), "new");
  EXPECT_THAT(files_.RenameFile(Path("a"), Path("c")),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr(Path("a")), HasSubstr(Path("c")))));
}

TEST_F(PosixFileSystemTest, RemovesAndLinksFiles) {
  WriteFile(Path("a"), "x");
  ASSERT_OK(files_.LinkFile(Path("a"), Path("b")));
  EXPECT_THAT(files_.LinkFile(Path("a"), Path("b")),
              StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK(files_.RemoveFile(Path("a")));
  EXPECT_THAT(files_.RemoveFile(Path("a")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("a"))));
  EXPECT_EQ(ReadFile(Path("b")), "x");
}

TEST_F(PosixFileSystemTest, LinkToAnotherFileSystemIsFailedPrecondition) {
  ASSERT_OK(files_.CreateDirectory(Path("mount")));
  const ScopedMount mount("tmpfs", Path("mount"));
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  WriteFile(Path("a"), "x");
  EXPECT_THAT(
      files_.LinkFile(Path("a"), Path("mount/a")),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("EXDEV")));
}

TEST_F(PosixFileSystemTest, MakesListsSyncsAndRemovesDirectories) {
  ASSERT_OK(files_.CreateDirectory(Path("d")));
  EXPECT_THAT(files_.CreateDirectory(Path("d")),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(files_.CreateDirectory(Path("none/d")),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(files_.ListDirectory(Path("d")), IsOkAndHolds(IsEmpty()));
  WriteFile(Path("d/x"), "");
  WriteFile(Path("d/.y"), "");
  EXPECT_THAT(files_.ListDirectory(Path("d")),
              IsOkAndHolds(UnorderedElementsAre("x", ".y")));
  EXPECT_OK(files_.SyncDirectory(Path("d")));
  EXPECT_THAT(
      files_.RemoveDirectory(Path("d")),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ENOTEMPTY")));
  ASSERT_OK(files_.RemoveFile(Path("d/x")));
  ASSERT_OK(files_.RemoveFile(Path("d/.y")));
  ASSERT_OK(files_.RemoveDirectory(Path("d")));
  EXPECT_THAT(files_.ListDirectory(Path("d")),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(files_.SyncDirectory(Path("d")),
              StatusIs(absl::StatusCode::kNotFound));
  WriteFile(Path("f"), "");
  EXPECT_THAT(files_.SyncDirectory(Path("f")),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(PosixFileSystemTest, FullDeviceIsResourceExhaustedAndWritingGoesOn) {
  ASSERT_OK(files_.CreateDirectory(Path("mount")));
  const ScopedMount mount("tmpfs", Path("mount"), "size=64k");
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  WriteFile(Path("mount/ballast"), std::string(40 << 10, 'b'));
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<WritableFile> file,
                             files_.CreateFile(Path("mount/a")));
  const std::string data(32 << 10, 'd');
  EXPECT_THAT(
      file->WriteAt(0, Bytes(data)),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("ENOSPC")));
  ASSERT_OK(files_.RemoveFile(Path("mount/ballast")));
  ASSERT_OK(file->WriteAt(0, Bytes(data)));
  ASSERT_OK(file->Close());
  EXPECT_EQ(ReadFile(Path("mount/a")), data);
}

TEST_F(PosixFileSystemTest, ReadOnlyFileSystemIsPermissionDenied) {
  ASSERT_OK(files_.CreateDirectory(Path("mount")));
  ScopedMount mount("tmpfs", Path("mount"));
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  WriteFile(Path("mount/a"), "x");
  mount.MakeReadOnly();
  EXPECT_THAT(files_.CreateFile(Path("mount/b")),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("EROFS"), HasSubstr(Path("mount/b")))));
  EXPECT_THAT(files_.LockFile(Path("mount/LOCK")),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_OK(files_.OpenFile(Path("mount/a"), OpenMode::kBuffered).status());
}

TEST_F(PosixFileSystemTest, FileSizeLimitStopsAWriteInTheMiddle) {
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const absl::Cleanup restore = [&] {
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, old_handler);
  };
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<WritableFile> file,
                             files_.CreateFile(Path("a")));
  const std::string data(8000, 'd');
  const struct rlimit lower = {.rlim_cur = 5000, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &lower), 0);
  // The kernel writes 4000 bytes, then nothing more.
  EXPECT_THAT(file->WriteAt(1000, Bytes(data)),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("offset 5000, length 4000: EFBIG")));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  ASSERT_OK(file->WriteAt(1000, Bytes(data)));
  EXPECT_EQ(ReadFile(Path("a")), std::string(1000, '\0') + data);
}

TEST_F(PosixFileSystemTest, RunningOutOfDescriptorsIsResourceExhausted) {
  WriteFile(Path("a"), "x");
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  // Sanitizers and matchers need descriptors too (the former when they meet an
  // object for the first time), so nothing but the calls is done without.
  FileSystem& files = files_;
  const std::string directory = directory_.path();
  const std::string path = Path("a");
  const std::string new_path = Path("b");
  ASSERT_OK(files.FileSize(path).status());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::vector<absl::Status> statuses = {
      files.OpenFile(path, OpenMode::kBuffered).status(),
      files.CreateFile(new_path).status(),
      files.ListDirectory(directory).status(), files.SyncDirectory(directory),
      files.LockFile(new_path).status()};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  for (const absl::Status& status : statuses) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                                 HasSubstr("EMFILE")));
  }
}

// O_DIRECT.

TEST_F(PosixFileSystemTest, DirectReadsWholeUnitsAndTheEndOfTheFile) {
  std::string data(10000, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i % 251);
  WriteFile(Path("a"), data);
  absl::StatusOr<std::unique_ptr<ReadableFile>> opened =
      files_.OpenFile(Path("a"), OpenMode::kDirect);
  if (absl::IsFailedPrecondition(opened.status())) {
    GTEST_SKIP() << opened.status();
  }
  ASSERT_OK(opened.status());
  const ReadableFile& file = **opened;
  const uint32_t alignment = file.direct_alignment();
  EXPECT_GE(alignment, 512u);
  EXPECT_EQ(alignment & (alignment - 1), 0u);
  alignas(4096) std::byte buffer[8192];
  ASSERT_LE(alignment, 4096u);
  const auto read = [&](uint64_t offset,
                        size_t size) -> absl::StatusOr<std::string_view> {
    absl::Status status = file.ReadAt(offset, {buffer, size});
    if (!status.ok()) return status;
    return std::string_view(reinterpret_cast<char*>(buffer), size);
  };
  EXPECT_THAT(read(4096, 4096), IsOkAndHolds(data.substr(4096, 4096)));
  // The last unit, of which the file has only a part.
  const uint64_t tail = data.size() / alignment * alignment;
  QUIRE_ASSERT_OK_AND_ASSIGN(std::string_view unit, read(tail, alignment));
  EXPECT_EQ(unit.substr(0, data.size() - tail), data.substr(tail));
  EXPECT_THAT(read(tail + alignment, alignment),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(read(tail, size_t{2} * alignment),
              StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_EQ(truncate(Path("a").c_str(), 5000), 0);
  EXPECT_THAT(read(4096, 4096), StatusIs(absl::StatusCode::kDataLoss,
                                         HasSubstr("the file ends at 5000")));
}

TEST_F(PosixFileSystemTest, DirectIsRefusedByRamfs) {
  ASSERT_OK(files_.CreateDirectory(Path("mount")));
  const ScopedMount mount("ramfs", Path("mount"));
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  WriteFile(Path("mount/a"), "x");
  EXPECT_THAT(files_.OpenFile(Path("mount/a"), OpenMode::kDirect),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("O_DIRECT refused"), HasSubstr("EINVAL"),
                             HasSubstr("mount/a"))));
  EXPECT_OK(files_.OpenFile(Path("mount/a"), OpenMode::kBuffered).status());
}

// Interrupted and short system calls, from below.

// The children leave by _exit: what sanitizers do at an exit must not meet the
// script.
class ScriptedSyscallsDeathTest : public PosixFileSystemTest {
 protected:
  void SetUp() override {
    if (!kSyscallScriptsSupported) {
      GTEST_SKIP() << "system calls can't be scripted on this machine";
    }
  }
};

TEST_F(ScriptedSyscallsDeathTest, ReadLoopsOverInterruptionsAndShortReads) {
  WriteFile(Path("a"), "0123456789");
  EXPECT_EXIT(
      {
        auto file = files_.OpenFile(Path("a"), OpenMode::kBuffered);
        RunScript({{SYS_pread64, FailWith(EINTR)},
                   {SYS_pread64, Transfer(3)},
                   {SYS_pread64, FailWith(EINTR)},
                   {SYS_pread64, FailWith(EINTR)},
                   {SYS_pread64, Transfer(1)}});
        QUIRE_CHECK(*Read(**file, 1, 8) == "12345678");
        QUIRE_CHECK(ScriptIsDone());
        _exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(ScriptedSyscallsDeathTest, ReadErrorNamesErrnoAndPlace) {
  WriteFile(Path("a"), "0123456789");
  EXPECT_EXIT(
      {
        auto file = files_.OpenFile(Path("a"), OpenMode::kBuffered);
        RunScript({{SYS_pread64, Transfer(3)}, {SYS_pread64, FailWith(EIO)}});
        const absl::Status status = Read(**file, 1, 8).status();
        QUIRE_CHECK(absl::IsUnavailable(status));
        QUIRE_CHECK(status.ToString().find(absl::StrCat(
                        "pread ", Path("a"), " at offset 1, length 8: EIO")) !=
                    std::string::npos);
        // The next read finds the device in order again.
        QUIRE_CHECK(*Read(**file, 1, 8) == "12345678");
        _exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(ScriptedSyscallsDeathTest, AReadThatSaysNoSuchFileIsUnavailable) {
  WriteFile(Path("a"), "0123456789");
  EXPECT_EXIT(
      {
        auto file = files_.OpenFile(Path("a"), OpenMode::kBuffered);
        RunScript({{SYS_pread64, FailWith(ENOENT)}});
        QUIRE_CHECK(absl::IsUnavailable(Read(**file, 1, 8).status()));
        _exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(ScriptedSyscallsDeathTest, WriteLoopsOverInterruptionsAndShortWrites) {
  EXPECT_EXIT(
      {
        auto file = files_.CreateFile(Path("a"));
        RunScript({{SYS_pwrite64, FailWith(EINTR)},
                   {SYS_pwrite64, Transfer(3)},
                   {SYS_pwrite64, FailWith(EINTR)},
                   {SYS_pwrite64, Transfer(1)}});
        QUIRE_CHECK((*file)->WriteAt(0, Bytes("0123456789")).ok());
        QUIRE_CHECK(ScriptIsDone());
        QUIRE_CHECK(ReadFile(Path("a")) == "0123456789");
        _exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(ScriptedSyscallsDeathTest, WriteThatWritesNothingIsAnError) {
  EXPECT_EXIT(
      {
        auto file = files_.CreateFile(Path("a"));
        RunScript({{SYS_pwrite64, ReturnZero()}});
        QUIRE_CHECK(
            absl::IsUnavailable((*file)->WriteAt(0, Bytes("0123456789"))));
        _exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(ScriptedSyscallsDeathTest, SyncIsTriedAgainAfterEintrAlone) {
  EXPECT_EXIT(
      {
        auto file = files_.CreateFile(Path("a"));
        RunScript({{SYS_fdatasync, FailWith(EINTR)},
                   {SYS_fdatasync, Transfer(UINT64_MAX)},
                   {SYS_fdatasync, FailWith(EIO)}});
        QUIRE_CHECK((*file)->Sync().ok());
        QUIRE_CHECK(!ScriptIsDone());
        QUIRE_CHECK(absl::IsUnavailable((*file)->Sync()));
        QUIRE_CHECK(ScriptIsDone());
        _exit(0);
      },
      ExitedWithCode(0), "");
}

TEST_F(ScriptedSyscallsDeathTest, CloseReportsADelayedErrorOnce) {
  EXPECT_EXIT(
      {
        auto file = files_.CreateFile(Path("a"));
        auto interrupted = files_.CreateFile(Path("b"));
        RunScript({{SYS_close, FailWith(EIO)}, {SYS_close, FailWith(EINTR)}});
        QUIRE_CHECK(absl::IsUnavailable((*file)->Close()));
        QUIRE_CHECK((*file)->Close().ok());
        QUIRE_CHECK((*interrupted)->Close().ok());
        _exit(0);
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace quire::io
