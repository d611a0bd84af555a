// The operations of a MemoryDisk on names.
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "io/posix_error.h"
#include "tests/torture/memory_disk.h"
#include "tests/torture/memory_disk_inode.h"

namespace quire::torture {

absl::Status MemoryDisk::RenameFile(const std::string& from,
                                    const std::string& to) {
  base::MutexLock lock(mu_);
  const Fate fate = Begin(FileOp::kRename);
  if (fate.applied) {
    QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<Inode> inode,
                           FindFile("rename", from));
    if (Find(SplitPath(to).first) == nullptr) {
      return io::PosixError(ENOENT, "rename", to);
    }
    ChangeNames({{from, nullptr}, {to, std::move(inode)}}, false);
  }
  if (fate.error == 0) return absl::OkStatus();
  return io::PosixError(fate.error, "rename", absl::StrCat(from, " to ", to));
}

absl::Status MemoryDisk::RemoveFile(const std::string& path) {
  base::MutexLock lock(mu_);
  const Fate fate = Begin(FileOp::kRemove);
  if (fate.applied) {
    QUIRE_RETURN_IF_ERROR(FindFile("unlink", path).status());
    ChangeNames({{path, nullptr}}, false);
  }
  if (fate.error == 0) return absl::OkStatus();
  return io::PosixError(fate.error, "unlink", path);
}

absl::Status MemoryDisk::LinkFile(const std::string& existing,
                                  const std::string& link) {
  base::MutexLock lock(mu_);
  const Fate fate = Begin(FileOp::kLink);
  if (fate.applied) {
    QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<Inode> inode,
                           FindFile("link", existing));
    if (Find(link) != nullptr) return io::PosixError(EEXIST, "link", link);
    if (Find(SplitPath(link).first) == nullptr) {
      return io::PosixError(ENOENT, "link", link);
    }
    ChangeNames({{link, std::move(inode)}}, false);
  }
  if (fate.error == 0) return absl::OkStatus();
  return io::PosixError(fate.error, "link",
                        absl::StrCat(existing, " to ", link));
}

absl::Status MemoryDisk::CopyFile(const std::string& existing,
                                  const std::string& copy) {
  base::MutexLock lock(mu_);
  if (const Fate fate = Begin(FileOp::kCopy); fate.error != 0) {
    return io::PosixError(fate.error, "copy", copy);
  }
  QUIRE_ASSIGN_OR_RETURN(const std::shared_ptr<Inode> source,
                         FindFile("open", existing));
  QUIRE_ASSIGN_OR_RETURN(const std::shared_ptr<Inode> target,
                         AddInode("open", copy, false));
  WriteTo(*target, 0, *source->bytes);
  RecordSync(*target, /*failed=*/false);
  return absl::OkStatus();
}

absl::Status MemoryDisk::CreateDirectory(const std::string& path) {
  base::MutexLock lock(mu_);
  const Fate fate = Begin(FileOp::kCreateDirectory);
  if (fate.applied) {
    QUIRE_RETURN_IF_ERROR(AddInode("mkdir", path, true).status());
  }
  if (fate.error == 0) return absl::OkStatus();
  return io::PosixError(fate.error, "mkdir", path);
}

absl::Status MemoryDisk::RemoveDirectory(const std::string& path) {
  base::MutexLock lock(mu_);
  const Fate fate = Begin(FileOp::kRemoveDirectory);
  if (fate.applied) {
    const std::shared_ptr<Inode> inode = Find(path);
    if (inode == nullptr) return io::PosixError(ENOENT, "rmdir", path);
    if (!inode->is_directory) return io::PosixError(ENOTDIR, "rmdir", path);
    if (!inode->entries.empty()) {
      return io::PosixError(ENOTEMPTY, "rmdir", path);
    }
    ChangeNames({{path, nullptr}}, true);
  }
  if (fate.error == 0) return absl::OkStatus();
  return io::PosixError(fate.error, "rmdir", path);
}

absl::Status MemoryDisk::SyncDirectory(const std::string& path) {
  base::MutexLock lock(mu_);
  const Fate fate = Begin(FileOp::kSyncDirectory);
  const std::shared_ptr<Inode> inode = Find(path);
  if (inode == nullptr || !inode->is_directory) {
    return io::PosixError(ENOENT, "open", path);
  }
  RecordSync(*inode, !fate.applied);
  if (fate.error == 0) return absl::OkStatus();
  return io::PosixError(fate.error, "fsync", path);
}

absl::StatusOr<std::vector<std::string>> MemoryDisk::ListDirectory(
    const std::string& path) {
  base::MutexLock lock(mu_);
  if (const Fate fate = Begin(FileOp::kList); fate.error != 0) {
    return io::PosixError(fate.error, "readdir", path);
  }
  const std::shared_ptr<Inode> inode = Find(path);
  if (inode == nullptr) return io::PosixError(ENOENT, "open", path);
  if (!inode->is_directory) return io::PosixError(ENOTDIR, "open", path);
  std::vector<std::string> names;
  for (const auto& [name, entry] : inode->entries) names.push_back(name);
  return names;
}

}  // namespace quire::torture
