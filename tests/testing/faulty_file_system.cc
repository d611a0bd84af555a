#include "tests/testing/faulty_file_system.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "io/posix_error.h"

namespace quire::testing {
namespace {

constexpr size_t kOpCount = static_cast<size_t>(FileOp::kAny) + 1;

// As the real file system names them in its errors.
constexpr std::array<const char*, kOpCount> kOpNames = {
    "open",   "open",    "pread", "pwrite", "fdatasync", "close",
    "rename", "unlink",  "link",  "copy",   "mkdir",     "rmdir",
    "fsync",  "readdir", "stat",  "lock",   "any"};

bool IsTransfer(FileOp op) {
  return op == FileOp::kRead || op == FileOp::kWrite;
}

// The failure of an operation that isn't a transfer.
absl::Status Failure(const Fault& fault, FileOp op, const std::string& path) {
  return io::PosixError(fault.error, kOpNames[static_cast<size_t>(op)], path);
}

}  // namespace

class FaultyFileSystem::Writable final : public io::WritableFile {
 public:
  Writable(FaultyFileSystem& owner, std::string path,
           std::unique_ptr<io::WritableFile> base)
      : owner_(owner), path_(std::move(path)), base_(std::move(base)) {}

  absl::Status WriteAt(uint64_t offset,
                       std::span<const std::byte> data) override {
    const std::optional<Fault> fault =
        owner_.Begin(FileOp::kWrite,
                     {.path = path_, .offset = offset, .length = data.size()});
    if (!fault) return base_->WriteAt(offset, data);
    QUIRE_RETURN_IF_ERROR(base_->WriteAt(
        offset,
        data.first(std::min<uint64_t>(fault->partial_bytes, data.size()))));
    return io::PosixError(fault->error, "pwrite", path_, offset, data.size());
  }

  absl::Status Sync() override {
    return owner_.Run(FileOp::kSync, path_, "", [&] { return base_->Sync(); });
  }

  void StartWriteback(uint64_t offset, uint64_t length) override {
    base_->StartWriteback(offset, length);
  }

  absl::Status Close() override {
    return owner_.Run(FileOp::kClose, path_, "",
                      [&] { return base_->Close(); });
  }

 private:
  FaultyFileSystem& owner_;
  const std::string path_;
  const std::unique_ptr<io::WritableFile> base_;
};

class FaultyFileSystem::Readable final : public io::ReadableFile {
 public:
  Readable(FaultyFileSystem& owner, bool expose_descriptor,
           std::unique_ptr<io::ReadableFile> base)
      : owner_(owner),
        descriptor_(expose_descriptor ? base->descriptor() : -1),
        base_(std::move(base)) {}

  absl::Status ReadAt(uint64_t offset,
                      std::span<std::byte> out) const override {
    const std::optional<Fault> fault =
        owner_.Begin(FileOp::kRead,
                     {.path = path(), .offset = offset, .length = out.size()});
    if (!fault) return base_->ReadAt(offset, out);
    const uint64_t partial =
        std::min<uint64_t>(fault->partial_bytes, out.size());
    QUIRE_RETURN_IF_ERROR(base_->ReadAt(offset, out.first(partial)));
    if (fault->error == 0) {
      return io::CutShortError(path(), offset, out.size(), offset + partial);
    }
    return io::ReadError(fault->error, "pread", path(), offset, out.size());
  }

  uint64_t size_bytes() const override { return base_->size_bytes(); }
  const std::string& path() const override { return base_->path(); }
  int descriptor() const override { return descriptor_; }
  uint32_t direct_alignment() const override {
    return base_->direct_alignment();
  }

 private:
  FaultyFileSystem& owner_;
  const int descriptor_;
  const std::unique_ptr<io::ReadableFile> base_;
};

FaultyFileSystem::FaultyFileSystem(io::FileSystem& base)
    : base_(base), counts_(kOpCount, 0) {}

FaultyFileSystem::~FaultyFileSystem() = default;

void FaultyFileSystem::Inject(Fault fault) {
  QUIRE_CHECK(fault.nth > 0);
  QUIRE_CHECK(fault.error > 0 || fault.op == FileOp::kRead);
  QUIRE_CHECK(fault.partial_bytes == 0 || IsTransfer(fault.op));
  QUIRE_CHECK(!fault.applied || !IsTransfer(fault.op));
  base::MutexLock lock(mu_);
  armed_.push_back({.fault = std::move(fault)});
}

void FaultyFileSystem::Clear() {
  base::MutexLock lock(mu_);
  armed_.clear();
}

void FaultyFileSystem::expose_descriptors(bool expose) {
  base::MutexLock lock(mu_);
  expose_descriptors_ = expose;
}

uint64_t FaultyFileSystem::count(FileOp op) const {
  base::MutexLock lock(mu_);
  return counts_[static_cast<size_t>(op)];
}

uint64_t FaultyFileSystem::injected_count() const {
  base::MutexLock lock(mu_);
  return injected_count_;
}

bool FaultyFileSystem::Matches(const Fault& fault, FileOp op,
                               const Target& target) {
  if (fault.op != op && fault.op != FileOp::kAny) return false;
  if (target.path.find(fault.path_contains) == std::string_view::npos &&
      target.other_path.find(fault.path_contains) == std::string_view::npos) {
    return false;
  }
  return !IsTransfer(op) || (target.offset < fault.end &&
                             (target.offset >= fault.begin ||
                              fault.begin - target.offset < target.length));
}

std::optional<Fault> FaultyFileSystem::Begin(FileOp op, const Target& target) {
  base::MutexLock lock(mu_);
  ++counts_[static_cast<size_t>(op)];
  ++counts_[static_cast<size_t>(FileOp::kAny)];
  std::optional<Fault> met;
  for (Armed& armed : armed_) {
    const Fault& fault = armed.fault;
    if (!Matches(fault, op, target)) continue;
    ++armed.seen;
    const bool hit =
        armed.seen == fault.nth || (fault.sticky && armed.seen > fault.nth);
    if (hit && !met) met = fault;
  }
  if (met) ++injected_count_;
  return met;
}

template <typename Operation>
absl::Status FaultyFileSystem::Run(FileOp op, const std::string& path,
                                   const std::string& other_path,
                                   Operation operation) {
  const std::optional<Fault> fault =
      Begin(op, {.path = path, .other_path = other_path});
  if (!fault) return operation();
  if (fault->applied) QUIRE_RETURN_IF_ERROR(operation());
  return Failure(*fault, op, path);
}

template <typename Operation>
auto FaultyFileSystem::RunOr(FileOp op, const std::string& path,
                             Operation operation) -> decltype(operation()) {
  const std::optional<Fault> fault = Begin(op, {.path = path});
  if (!fault) return operation();
  if (fault->applied) QUIRE_RETURN_IF_ERROR(operation().status());
  return Failure(*fault, op, path);
}

absl::StatusOr<std::unique_ptr<io::WritableFile>> FaultyFileSystem::CreateFile(
    const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<io::WritableFile> file,
      RunOr(FileOp::kCreate, path, [&] { return base_.CreateFile(path); }));
  return std::make_unique<Writable>(*this, path, std::move(file));
}

absl::StatusOr<std::unique_ptr<io::ReadableFile>> FaultyFileSystem::OpenFile(
    const std::string& path, io::OpenMode mode) {
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<io::ReadableFile> file,
      RunOr(FileOp::kOpen, path, [&] { return base_.OpenFile(path, mode); }));
  base::MutexLock lock(mu_);
  return std::make_unique<Readable>(*this, expose_descriptors_,
                                    std::move(file));
}

absl::Status FaultyFileSystem::RenameFile(const std::string& from,
                                          const std::string& to) {
  return Run(FileOp::kRename, from, to,
             [&] { return base_.RenameFile(from, to); });
}

absl::Status FaultyFileSystem::RemoveFile(const std::string& path) {
  return Run(FileOp::kRemove, path, "", [&] { return base_.RemoveFile(path); });
}

absl::Status FaultyFileSystem::LinkFile(const std::string& existing,
                                        const std::string& link) {
  return Run(FileOp::kLink, existing, link,
             [&] { return base_.LinkFile(existing, link); });
}

absl::Status FaultyFileSystem::CopyFile(const std::string& existing,
                                        const std::string& copy) {
  return Run(FileOp::kCopy, existing, copy,
             [&] { return base_.CopyFile(existing, copy); });
}

absl::Status FaultyFileSystem::CreateDirectory(const std::string& path) {
  return Run(FileOp::kCreateDirectory, path, "",
             [&] { return base_.CreateDirectory(path); });
}

absl::Status FaultyFileSystem::RemoveDirectory(const std::string& path) {
  return Run(FileOp::kRemoveDirectory, path, "",
             [&] { return base_.RemoveDirectory(path); });
}

absl::Status FaultyFileSystem::SyncDirectory(const std::string& path) {
  return Run(FileOp::kSyncDirectory, path, "",
             [&] { return base_.SyncDirectory(path); });
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::ListDirectory(
    const std::string& path) {
  return RunOr(FileOp::kList, path, [&] { return base_.ListDirectory(path); });
}

absl::StatusOr<uint64_t> FaultyFileSystem::FileSize(const std::string& path) {
  return RunOr(FileOp::kFileSize, path, [&] { return base_.FileSize(path); });
}

absl::StatusOr<std::unique_ptr<io::FileLock>> FaultyFileSystem::LockFile(
    const std::string& path) {
  return RunOr(FileOp::kLock, path, [&] { return base_.LockFile(path); });
}

}  // namespace quire::testing
