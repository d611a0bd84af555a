#include "io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "io/copy_content.h"
#include "io/posix_error.h"

namespace quire::io {
namespace {

// Alignment for O_DIRECT where the kernel doesn't report one: no device in use
// asks for more, and files are read in pages of this size anyway.
constexpr uint32_t kDefaultDirectAlignment = 4096;

// Calls `call` again for as long as a signal interrupts it.
template <typename Call>
auto RetryOnInterrupt(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// Owns a descriptor. Move-only; closes it at destruction, ignoring the result.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::StatusOr<Descriptor> Open(const std::string& path, int flags) {
  const int fd = RetryOnInterrupt(
      [&] { return open(path.c_str(), flags | O_CLOEXEC, 0644); });
  if (fd < 0) return PosixError(errno, "open", path);
  return Descriptor(fd);
}

// What `path` names, which must be a regular file.
absl::StatusOr<struct stat> StatRegularFile(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return PosixError(errno, "stat", path);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a regular file: ", path));
  }
  return status;
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, Descriptor fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}

  absl::Status WriteAt(uint64_t offset,
                       std::span<const std::byte> data) override {
    QUIRE_CHECK(fd_.get() >= 0);
    while (!data.empty()) {
      const ssize_t written = RetryOnInterrupt([&] {
        return pwrite(fd_.get(), data.data(), data.size(),
                      static_cast<off_t>(offset));
      });
      // A write of nothing without an error would loop for ever.
      if (written <= 0) {
        return PosixError(written < 0 ? errno : EIO, "pwrite", path_, offset,
                          data.size());
      }
      offset += static_cast<uint64_t>(written);
      data = data.subspan(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    QUIRE_CHECK(fd_.get() >= 0);
    // EINTR says that the wait was cut off, not that a write-back failed, so it
    // alone may be tried again.
    if (RetryOnInterrupt([&] { return fdatasync(fd_.get()); }) != 0) {
      return PosixError(errno, "fdatasync", path_);
    }
    return absl::OkStatus();
  }

  void StartWriteback(uint64_t offset, uint64_t length) override {
    QUIRE_CHECK(fd_.get() >= 0);
    // Without the flags that wait, which would take errors of earlier writes
    // away from the next fdatasync.
    sync_file_range(fd_.get(), static_cast<off_t>(offset),
                    static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
  }

  absl::Status Close() override {
    const int fd = fd_.Release();
    // Linux has let the descriptor go even where close fails with EINTR.
    if (fd >= 0 && close(fd) != 0 && errno != EINTR) {
      return PosixError(errno, "close", path_);
    }
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  Descriptor fd_;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(std::string path, Descriptor fd, uint64_t size_bytes,
                    uint32_t direct_alignment)
      : path_(std::move(path)),
        fd_(std::move(fd)),
        size_bytes_(size_bytes),
        direct_alignment_(direct_alignment) {}

  absl::Status ReadAt(uint64_t offset,
                      std::span<std::byte> out) const override {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = RetryOnInterrupt([&] {
        return pread(fd_.get(), out.data() + done, out.size() - done,
                     static_cast<off_t>(offset + done));
      });
      if (got < 0) {
        return ReadError(errno, "pread", path_, offset, out.size());
      }
      done += static_cast<size_t>(got);
      // O_DIRECT ends a transfer off its alignment only at the end of the file,
      // and could not go on from there.
      if (got == 0 || done % direct_alignment_ != 0) break;
    }
    if (done < out.size() && !EndsInLastUnit(offset, done, out.size())) {
      return CutShortError(path_, offset, out.size(), offset + done);
    }
    return absl::OkStatus();
  }

  uint64_t size_bytes() const override { return size_bytes_; }
  const std::string& path() const override { return path_; }
  int descriptor() const override { return fd_.get(); }
  uint32_t direct_alignment() const override { return direct_alignment_; }

 private:
  // True if `done` of the `wanted` bytes at `offset` are all that the file had
  // when it was opened, and the rest is what alignment makes a reader ask for
  // beyond its end.
  bool EndsInLastUnit(uint64_t offset, size_t done, size_t wanted) const {
    return offset + done >= size_bytes_ && wanted - done < direct_alignment_;
  }

  const std::string path_;
  const Descriptor fd_;
  const uint64_t size_bytes_;
  const uint32_t direct_alignment_;
};

// What O_DIRECT asks of the file behind `fd`, or why it can't be used.
absl::StatusOr<uint32_t> DirectAlignment(const std::string& path, int fd) {
  struct statx status;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) != 0) {
    return PosixError(errno, "statx", path);
  }
  if ((status.stx_mask & STATX_DIOALIGN) == 0) return kDefaultDirectAlignment;
  // Encrypted files, for one, accept the flag and then use the page cache.
  if (status.stx_dio_offset_align == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("O_DIRECT refused: ", path,
                     ": statx reports that it is not supported"));
  }
  return std::max(status.stx_dio_offset_align, status.stx_dio_mem_align);
}

absl::StatusOr<Descriptor> OpenDirect(const std::string& path) {
  absl::StatusOr<Descriptor> fd = Open(path, O_RDONLY | O_DIRECT);
  // The path itself is good (it was looked at before), so this is EINVAL for
  // the flag.
  if (absl::IsInvalidArgument(fd.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("O_DIRECT refused: ", fd.status().message()));
  }
  return fd;
}

// The lock files that this process holds, by device and inode: a name may have
// many spellings.
class LockRegistry {
 public:
  using Key = std::pair<dev_t, ino_t>;

  // False if the key is there already.
  bool Add(const Key& key) {
    base::MutexLock lock(mu_);
    return held_.insert(key).second;
  }

  void Remove(const Key& key) {
    base::MutexLock lock(mu_);
    held_.erase(key);
  }

 private:
  base::Mutex mu_;
  std::set<Key> held_ ABSL_GUARDED_BY(mu_);
};

LockRegistry& Locks() {
  static LockRegistry* const registry = new LockRegistry;
  return *registry;
}

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(Descriptor fd, LockRegistry::Key key)
      : fd_(std::move(fd)), key_(key) {}
  ~PosixFileLock() override {
    // Closed, not unlocked: in a child made by fork an unlock would take the
    // parent's lock away.
    close(fd_.Release());
    Locks().Remove(key_);
  }

 private:
  Descriptor fd_;
  const LockRegistry::Key key_;
};

absl::Status HeldBy(const std::string& path, std::string_view holder) {
  return absl::FailedPreconditionError(
      absl::StrCat("lock ", path, " is held by ", base::AbslView(holder)));
}

// The holder as the lock file has it.
std::string HolderOf(int fd) {
  char text[32];
  const ssize_t size =
      RetryOnInterrupt([&] { return pread(fd, text, sizeof(text), 0); });
  const absl::string_view pid = absl::StripAsciiWhitespace(
      absl::string_view(text, size > 0 ? static_cast<size_t>(size) : 0));
  const bool is_number =
      !pid.empty() && std::all_of(pid.begin(), pid.end(), absl::ascii_isdigit);
  return is_number ? absl::StrCat("pid ", pid) : "another process";
}

// Writes our pid into the lock file. It is for people to read, so a full disk
// must not keep anybody from opening (and emptying) a store.
absl::Status NoteHolder(const std::string& path, int fd) {
  const std::string text = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) == 0 && RetryOnInterrupt([&] {
                                 return pwrite(fd, text.data(), text.size(), 0);
                               }) >= 0) {
    return absl::OkStatus();
  }
  absl::Status status = PosixError(errno, "write the pid to", path);
  return absl::IsResourceExhausted(status) ? absl::OkStatus() : status;
}

// Takes the lock on the file behind `fd`, whose name may be gone by then.
absl::StatusOr<std::unique_ptr<FileLock>> LockDescriptor(
    const std::string& path, Descriptor fd, LockRegistry::Key key) {
  if (!Locks().Add(key)) {
    return HeldBy(path, absl::StrCat("this process (pid ", getpid(), ")"));
  }
  absl::Cleanup forget = [&key] { Locks().Remove(key); };
  struct flock request = {};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;  // from 0, length 0: the whole file
  if (RetryOnInterrupt(
          [&] { return fcntl(fd.get(), F_OFD_SETLK, &request); }) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return HeldBy(path, HolderOf(fd.get()));
    }
    return PosixError(errno, "lock", path);
  }
  std::move(forget).Cancel();
  return std::make_unique<PosixFileLock>(std::move(fd), key);
}

class PosixFileSystemImpl final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<WritableFile>> CreateFile(
      const std::string& path) override {
    QUIRE_ASSIGN_OR_RETURN(Descriptor fd,
                           Open(path, O_WRONLY | O_CREAT | O_EXCL));
    return std::make_unique<PosixWritableFile>(path, std::move(fd));
  }

  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenFile(
      const std::string& path, OpenMode mode) override {
    // Before the open, which would wait for the other end of a named pipe.
    QUIRE_RETURN_IF_ERROR(StatRegularFile(path).status());
    const bool direct = mode == OpenMode::kDirect;
    QUIRE_ASSIGN_OR_RETURN(Descriptor fd,
                           direct ? OpenDirect(path) : Open(path, O_RDONLY));
    struct stat status;
    if (fstat(fd.get(), &status) != 0) return PosixError(errno, "stat", path);
    uint32_t alignment = 1;
    if (direct) {
      QUIRE_ASSIGN_OR_RETURN(alignment, DirectAlignment(path, fd.get()));
    }
    return std::make_unique<PosixReadableFile>(
        path, std::move(fd), static_cast<uint64_t>(status.st_size), alignment);
  }

  absl::Status RenameFile(const std::string& from,
                          const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return PosixError(errno, "rename", absl::StrCat(from, " to ", to));
  }

  absl::Status RemoveFile(const std::string& path) override {
    if (unlink(path.c_str()) == 0) return absl::OkStatus();
    return PosixError(errno, "unlink", path);
  }

  absl::Status LinkFile(const std::string& existing,
                        const std::string& link_path) override {
    if (link(existing.c_str(), link_path.c_str()) == 0) {
      return absl::OkStatus();
    }
    const int error = errno;
    absl::Status status =
        PosixError(error, "link", absl::StrCat(existing, " to ", link_path));
    // Here EPERM says that the file system has no links (or that the kernel's
    // hardening forbids this one), so the caller may copy instead.
    return error == EPERM ? absl::FailedPreconditionError(status.message())
                          : status;
  }

  absl::Status CopyFile(const std::string& existing,
                        const std::string& copy) override {
    QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> source,
                           OpenFile(existing, OpenMode::kBuffered));
    QUIRE_ASSIGN_OR_RETURN(Descriptor fd,
                           Open(copy, O_WRONLY | O_CREAT | O_EXCL));
    const int raw_fd = fd.get();
    PosixWritableFile target(copy, std::move(fd));
    absl::Status status = CopyContent(*source, raw_fd, target);
    if (status.ok()) status = target.Sync();
    if (status.ok()) status = target.Close();
    if (!status.ok()) unlink(copy.c_str());
    return status;
  }

  absl::Status CreateDirectory(const std::string& path) override {
    if (mkdir(path.c_str(), 0755) == 0) return absl::OkStatus();
    return PosixError(errno, "mkdir", path);
  }

  absl::Status RemoveDirectory(const std::string& path) override {
    if (rmdir(path.c_str()) == 0) return absl::OkStatus();
    return PosixError(errno, "rmdir", path);
  }

  absl::Status SyncDirectory(const std::string& path) override {
    QUIRE_ASSIGN_OR_RETURN(const Descriptor fd,
                           Open(path, O_RDONLY | O_DIRECTORY));
    if (RetryOnInterrupt([&] { return fsync(fd.get()); }) != 0) {
      return PosixError(errno, "fsync", path);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> ListDirectory(
      const std::string& path) override {
    QUIRE_ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_RDONLY | O_DIRECTORY));
    DIR* const directory = fdopendir(fd.get());
    if (directory == nullptr) return PosixError(errno, "opendir", path);
    fd.Release();  // closedir closes it
    const absl::Cleanup close_directory = [&] { closedir(directory); };
    std::vector<std::string> names;
    errno = 0;  // the only sign by which readdir tells an error from the end
    while (const dirent* entry = readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    if (errno != 0) return PosixError(errno, "readdir", path);
    return names;
  }

  absl::StatusOr<uint64_t> FileSize(const std::string& path) override {
    QUIRE_ASSIGN_OR_RETURN(const struct stat status, StatRegularFile(path));
    return static_cast<uint64_t>(status.st_size);
  }

  absl::StatusOr<std::unique_ptr<FileLock>> LockFile(
      const std::string& path) override {
    // A holder may remove the file (with the whole store) between our open and
    // our lock, which then locks a file that nobody else can find. Each turn of
    // the loop needs one more such removal.
    for (int attempt = 0; attempt < 100; ++attempt) {
      QUIRE_ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_RDWR | O_CREAT));
      struct stat opened;
      if (fstat(fd.get(), &opened) != 0) return PosixError(errno, "stat", path);
      if (!S_ISREG(opened.st_mode)) {
        return absl::InvalidArgumentError(
            absl::StrCat("not a regular file: ", path));
      }
      const int raw_fd = fd.get();
      QUIRE_ASSIGN_OR_RETURN(
          std::unique_ptr<FileLock> lock,
          LockDescriptor(path, std::move(fd), {opened.st_dev, opened.st_ino}));
      struct stat named;
      if (stat(path.c_str(), &named) == 0 && named.st_dev == opened.st_dev &&
          named.st_ino == opened.st_ino) {
        QUIRE_RETURN_IF_ERROR(NoteHolder(path, raw_fd));
        return lock;
      }
    }
    return absl::FailedPreconditionError(
        absl::StrCat("lock ", path, ": the file is removed again and again"));
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static PosixFileSystemImpl* const file_system = new PosixFileSystemImpl;
  return *file_system;
}

}  // namespace quire::io
