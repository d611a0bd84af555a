#include "tests/torture/memory_disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "io/posix_error.h"
#include "tests/torture/memory_disk_inode.h"

namespace quire::torture {
namespace {

constexpr uint32_t kDirectAlignment = 4096;

void WriteWhole(int fd, uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = syscall(SYS_pwrite64, fd, data.data(), data.size(),
                                    static_cast<off_t>(offset));
    QUIRE_CHECK(written > 0);
    offset += static_cast<uint64_t>(written);
    data = data.subspan(static_cast<size_t>(written));
  }
}

}  // namespace

class MemoryDisk::Writable final : public io::WritableFile {
 public:
  Writable(MemoryDisk& disk, std::string path, std::shared_ptr<Inode> inode)
      : disk_(disk), path_(std::move(path)), inode_(std::move(inode)) {}

  absl::Status WriteAt(uint64_t offset,
                       std::span<const std::byte> data) override {
    base::MutexLock lock(disk_.mu_);
    const Fate fate = disk_.Begin(FileOp::kWrite);
    uint64_t size = std::min<uint64_t>(fate.partial, data.size());
    // A write that found no space lacks its end.
    if (fate.error == ENOSPC && size == data.size()) --size;
    if (size > 0) disk_.WriteTo(*inode_, offset, data.first(size));
    if (fate.error == 0) return absl::OkStatus();
    return io::PosixError(fate.error, "pwrite", path_, offset, data.size());
  }

  absl::Status Sync() override {
    base::MutexLock lock(disk_.mu_);
    const Fate fate = disk_.Begin(FileOp::kSync);
    disk_.RecordSync(*inode_, !fate.applied);
    if (fate.error == 0) return absl::OkStatus();
    return io::PosixError(fate.error, "fdatasync", path_);
  }

  absl::Status Close() override {
    base::MutexLock lock(disk_.mu_);
    if (std::exchange(closed_, true)) return absl::OkStatus();
    const Fate fate = disk_.Begin(FileOp::kClose);
    if (fate.error == 0) return absl::OkStatus();
    return io::PosixError(fate.error, "close", path_);
  }

 private:
  MemoryDisk& disk_;
  const std::string path_;
  const std::shared_ptr<Inode> inode_;
  bool closed_ = false;
};

class MemoryDisk::Readable final : public io::ReadableFile {
 public:
  Readable(MemoryDisk& disk, std::string path, std::shared_ptr<Inode> inode,
           uint64_t size, uint32_t alignment,
           std::shared_ptr<Descriptor> descriptor)
      : disk_(disk),
        path_(std::move(path)),
        inode_(std::move(inode)),
        size_(size),
        alignment_(alignment),
        descriptor_(std::move(descriptor)) {}

  absl::Status ReadAt(uint64_t offset,
                      std::span<std::byte> out) const override {
    base::MutexLock lock(disk_.mu_);
    const Fate fate = disk_.Begin(FileOp::kRead);
    if (fate.error != 0) {
      return io::PosixError(fate.error, "pread", path_, offset, out.size());
    }
    const Bytes& bytes = *inode_->bytes;
    const uint64_t end = std::min<uint64_t>(bytes.size(), offset + out.size());
    const uint64_t got = end > offset ? end - offset : 0;
    if (got > 0) std::memcpy(out.data(), bytes.data() + offset, got);
    // Under O_DIRECT the last unit may reach beyond the end.
    if (got < out.size() &&
        (offset + got < size_ || out.size() - got >= alignment_)) {
      return io::CutShortError(path_, offset, out.size(), offset + got);
    }
    return absl::OkStatus();
  }

  uint64_t size_bytes() const override { return size_; }
  const std::string& path() const override { return path_; }
  int descriptor() const override {
    return descriptor_ == nullptr ? -1 : descriptor_->get();
  }
  uint32_t direct_alignment() const override { return alignment_; }

 private:
  MemoryDisk& disk_;
  const std::string path_;
  const std::shared_ptr<Inode> inode_;
  const uint64_t size_;
  const uint32_t alignment_;
  const std::shared_ptr<Descriptor> descriptor_;  // nullptr: hidden
};

class MemoryDisk::Lock final : public io::FileLock {
 public:
  Lock(MemoryDisk& disk, std::string path)
      : disk_(disk), path_(std::move(path)) {}
  ~Lock() override {
    base::MutexLock lock(disk_.mu_);
    disk_.locked_.erase(path_);
  }

 private:
  MemoryDisk& disk_;
  const std::string path_;
};

MemoryDisk::MemoryDisk(const DiskImage& image) : fault_dice_(0) {
  base::MutexLock lock(mu_);
  root_ = std::make_shared<Inode>();
  root_->id = next_inode_++;
  root_->is_directory = true;
  const auto inode_of = [&](const std::string& path) {
    const auto it = image.inodes.find(path);
    return it == image.inodes.end() ? next_inode_++ : it->second;
  };
  for (const auto& [path, inode] : image.inodes) {
    next_inode_ = std::max(next_inode_, inode + 1);
  }
  for (const std::string& path : image.directories) {
    const auto inode = AddInode("mkdir", path, /*is_directory=*/true);
    QUIRE_CHECK(inode.ok());
    (*inode)->id = inode_of(path);
  }
  for (const auto& [path, bytes] : image.files) {
    auto inode = AddInode("open", path, /*is_directory=*/false);
    QUIRE_CHECK(inode.ok());
    (*inode)->id = inode_of(path);
    // Shared with the image, so never changed in place.
    (*inode)->bytes = std::const_pointer_cast<Bytes>(bytes);
  }
}

MemoryDisk::~MemoryDisk() = default;

DiskImage MemoryDisk::Image() const {
  base::MutexLock lock(mu_);
  DiskImage image;
  std::vector<std::pair<std::string, const Inode*>> left = {{"", root_.get()}};
  while (!left.empty()) {
    const auto [path, directory] = left.back();
    left.pop_back();
    for (const auto& [name, inode] : directory->entries) {
      const std::string entry = absl::StrCat(path, "/", name);
      if (inode->is_directory) {
        image.directories.push_back(entry);
        image.inodes[entry] = inode->id;
        left.emplace_back(entry, inode.get());
      } else {
        image.files[entry] = inode->bytes;
        image.inodes[entry] = inode->id;
      }
    }
  }
  return image;
}

void MemoryDisk::StartTape() {
  base::MutexLock lock(mu_);
  taping_ = true;
  tape_ = {};
  std::vector<const Inode*> left = {root_.get()};
  while (!left.empty()) {
    const Inode* inode = left.back();
    left.pop_back();
    DiskTape::Node& node = tape_.nodes[inode->id];
    node.is_directory = inode->is_directory;
    node.bytes = inode->bytes;
    for (const auto& [name, entry] : inode->entries) {
      node.entries[name] = entry->id;
      left.push_back(entry.get());
    }
  }
}

size_t MemoryDisk::tape_size() const {
  base::MutexLock lock(mu_);
  return tape_.ops.size();
}

DiskTape MemoryDisk::TakeTape() {
  base::MutexLock lock(mu_);
  taping_ = false;
  return std::exchange(tape_, {});
}

void MemoryDisk::expose_descriptors(bool expose) {
  base::MutexLock lock(mu_);
  expose_descriptors_ = expose;
}

void MemoryDisk::Arm(OperationFault fault) {
  base::MutexLock lock(mu_);
  QUIRE_CHECK(fault.nth > 0 && fault.error > 0);
  fault_dice_ = Dice(fault.seed);
  fault_ = std::move(fault);
  seen_ = 0;
  failed_ = 0;
}

uint64_t MemoryDisk::Disarm() {
  base::MutexLock lock(mu_);
  fault_ = {};
  return failed_;
}

MemoryDisk::Fate MemoryDisk::Begin(FileOp op) {
  if (fault_.error == 0 ||
      (!fault_.kinds.empty() && !fault_.kinds.contains(op))) {
    return {};
  }
  ++seen_;
  if (seen_ < fault_.nth || (seen_ > fault_.nth && !fault_.sticky)) return {};
  ++failed_;
  Fate fate = {.error = fault_.error, .applied = false, .partial = 0};
  if (op == FileOp::kWrite) {
    fate.partial = fault_dice_.OneIn(2) ? 0 : fault_dice_.Below(8192);
  } else {
    fate.applied = fault_.may_apply && fault_dice_.OneIn(2);
  }
  return fate;
}

void MemoryDisk::CutDescriptor(const std::string& path, uint64_t size) {
  base::MutexLock lock(mu_);
  const std::shared_ptr<Inode> inode = Find(path);
  if (inode == nullptr || inode->memfd == nullptr) return;
  QUIRE_CHECK(ftruncate(inode->memfd->get(), static_cast<off_t>(size)) == 0);
}

void MemoryDisk::MendDescriptor(const std::string& path) {
  base::MutexLock lock(mu_);
  const std::shared_ptr<Inode> inode = Find(path);
  if (inode == nullptr || inode->memfd == nullptr) return;
  WriteWhole(inode->memfd->get(), 0, *inode->bytes);
}

std::shared_ptr<MemoryDisk::Inode> MemoryDisk::Find(
    const std::string& path) const {
  std::shared_ptr<Inode> inode = root_;
  for (size_t begin = 1; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const auto it = inode->entries.find(path.substr(begin, end - begin));
    if (it == inode->entries.end()) return nullptr;
    inode = it->second;
    begin = end + 1;
  }
  return inode;
}

absl::StatusOr<std::shared_ptr<MemoryDisk::Inode>> MemoryDisk::FindFile(
    const char* operation, const std::string& path) const {
  std::shared_ptr<Inode> inode = Find(path);
  if (inode == nullptr) return io::PosixError(ENOENT, operation, path);
  if (inode->is_directory) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a regular file: ", path));
  }
  return inode;
}

absl::StatusOr<std::shared_ptr<MemoryDisk::Inode>> MemoryDisk::AddInode(
    const char* operation, const std::string& path, bool is_directory) {
  if (Find(path) != nullptr) return io::PosixError(EEXIST, operation, path);
  if (Find(SplitPath(path).first) == nullptr) {
    return io::PosixError(ENOENT, operation, path);
  }
  auto inode = std::make_shared<Inode>();
  inode->id = next_inode_++;
  inode->is_directory = is_directory;
  if (!is_directory) inode->bytes = std::make_shared<Bytes>();
  ChangeNames({{path, inode}}, is_directory);
  return inode;
}

void MemoryDisk::ChangeNames(
    std::vector<std::pair<std::string, std::shared_ptr<Inode>>> paths,
    bool is_directory) {
  DiskOp op = {.kind = DiskOp::Kind::kNames, .is_directory = is_directory};
  for (auto& [path, inode] : paths) {
    const auto [parent, name] = SplitPath(path);
    const std::shared_ptr<Inode> directory = Find(parent);
    op.changes.push_back(
        {directory->id, name, inode == nullptr ? 0 : inode->id});
    if (inode == nullptr) {
      directory->entries.erase(name);
    } else {
      directory->entries[name] = std::move(inode);
    }
  }
  if (taping_) tape_.ops.push_back(std::move(op));
}

void MemoryDisk::WriteTo(Inode& inode, uint64_t offset,
                         std::span<const std::byte> data) {
  if (inode.bytes.use_count() > 1) {
    inode.bytes = std::make_shared<Bytes>(*inode.bytes);
  }
  Bytes& bytes = *inode.bytes;
  if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
  std::copy(data.begin(), data.end(),
            bytes.begin() + static_cast<ptrdiff_t>(offset));
  if (inode.memfd != nullptr) WriteWhole(inode.memfd->get(), offset, data);
  if (!taping_) return;
  DiskOp op = {.kind = DiskOp::Kind::kWrite,
               .inode = inode.id,
               .offset = offset,
               .data = std::make_shared<Bytes>(data.begin(), data.end())};
  tape_.ops.push_back(std::move(op));
}

void MemoryDisk::RecordSync(const Inode& inode, bool failed) {
  if (!taping_) return;
  tape_.ops.push_back({.kind = inode.is_directory ? DiskOp::Kind::kSyncDirectory
                                                  : DiskOp::Kind::kSync,
                       .inode = inode.id,
                       .failed = failed});
}

absl::StatusOr<std::unique_ptr<io::WritableFile>> MemoryDisk::CreateFile(
    const std::string& path) {
  base::MutexLock lock(mu_);
  const Fate fate = Begin(FileOp::kCreate);
  std::shared_ptr<Inode> inode;
  if (fate.applied) {
    QUIRE_ASSIGN_OR_RETURN(inode, AddInode("open", path, false));
  }
  if (fate.error != 0) return io::PosixError(fate.error, "open", path);
  return std::make_unique<Writable>(*this, path, std::move(inode));
}

absl::StatusOr<std::unique_ptr<io::ReadableFile>> MemoryDisk::OpenFile(
    const std::string& path, io::OpenMode mode) {
  base::MutexLock lock(mu_);
  if (const Fate fate = Begin(FileOp::kOpen); fate.error != 0) {
    return io::PosixError(fate.error, "open", path);
  }
  QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<Inode> inode, FindFile("open", path));
  const bool direct = mode == io::OpenMode::kDirect;
  std::shared_ptr<Descriptor> descriptor;
  if (expose_descriptors_) {
    if (inode->memfd == nullptr) {
      inode->memfd = std::make_shared<Descriptor>(
          memfd_create("quire-torture", MFD_CLOEXEC));
      WriteWhole(inode->memfd->get(), 0, *inode->bytes);
    }
    descriptor = inode->memfd;
    if (direct) {
      descriptor = std::make_shared<Descriptor>(
          open(absl::StrCat("/proc/self/fd/", inode->memfd->get()).c_str(),
               O_RDONLY | O_DIRECT | O_CLOEXEC));
    }
  }
  const uint64_t size = inode->bytes->size();
  return std::make_unique<Readable>(*this, path, std::move(inode), size,
                                    direct ? kDirectAlignment : 1,
                                    std::move(descriptor));
}

absl::StatusOr<uint64_t> MemoryDisk::FileSize(const std::string& path) {
  base::MutexLock lock(mu_);
  if (const Fate fate = Begin(FileOp::kFileSize); fate.error != 0) {
    return io::PosixError(fate.error, "stat", path);
  }
  QUIRE_ASSIGN_OR_RETURN(const std::shared_ptr<Inode> inode,
                         FindFile("stat", path));
  return inode->bytes->size();
}

absl::StatusOr<std::unique_ptr<io::FileLock>> MemoryDisk::LockFile(
    const std::string& path) {
  base::MutexLock lock(mu_);
  if (const Fate fate = Begin(FileOp::kLock); fate.error != 0) {
    return io::PosixError(fate.error, "lock", path);
  }
  std::shared_ptr<Inode> inode = Find(path);
  if (inode == nullptr) {
    QUIRE_ASSIGN_OR_RETURN(inode, AddInode("open", path, false));
  }
  if (!locked_.insert(path).second) {
    return absl::FailedPreconditionError(
        absl::StrCat("lock ", path, " is held by this process"));
  }
  static constexpr std::array kNote = {std::byte{'1'}, std::byte{'\n'}};
  WriteTo(*inode, 0, kNote);
  return std::make_unique<Lock>(*this, path);
}

}  // namespace quire::torture
