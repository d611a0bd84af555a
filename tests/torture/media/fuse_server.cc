#include "tests/torture/media/fuse_server.h"

#define FUSE_USE_VERSION 35
#include <fcntl.h>
#include <fuse.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "tests/torture/media/fuse_orders.h"

namespace quire::torture {
namespace {

// An open file. It keeps its name: the kernel gives none for a removed one.
struct Handle {
  Platter::NodePtr node;
  std::string path;
  uint64_t generation = 0;  // cuts before it was opened
};

// The platter with its faults and its power switch; what both threads use.
class Disk {
 public:
  explicit Disk(Naming naming) : platter_(naming) {}

  FuseReply Obey(const FuseOrder& order) ABSL_LOCKS_EXCLUDED(mu_) {
    const base::MutexLock lock(mu_);
    switch (order.kind) {
      case FuseOrder::Kind::kInject:
        faults_.Add(order.fault);
        break;
      case FuseOrder::Kind::kClear:
        faults_.Clear();
        break;
      case FuseOrder::Kind::kPowerOff:
        off_at_ = changes_ + order.after;
        if (order.after == 0) power_is_off_ = true;
        break;
      case FuseOrder::Kind::kCut:
        platter_.Cut(order.cut);
        power_is_off_ = false;
        off_at_ = UINT64_MAX;
        ++generation_;
        break;
      case FuseOrder::Kind::kDirectIo:
        direct_io_ = order.on;
        break;
      case FuseOrder::Kind::kCounts:
        break;
    }
    FuseReply reply;
    reply.power_is_off = power_is_off_;
    reply.injected = faults_.injected();
    reply.changes = changes_;
    reply.counts = counts_;
    return reply;
  }

  // Runs one operation of the kernel's: call(platter, fault or none) unless the
  // power is off, the handle is from before a cut, or a fault ends it.
  template <typename Call>
  int Run(DiskOp op, std::string_view path, const Handle* handle, Call call,
          uint64_t offset = 0, uint64_t length = UINT64_MAX)
      ABSL_LOCKS_EXCLUDED(mu_) {
    const base::MutexLock lock(mu_);
    ++counts_[static_cast<size_t>(op)];
    if (op >= DiskOp::kWrite && ++changes_ >= off_at_) power_is_off_ = true;
    if (power_is_off_) return -EIO;
    if (handle != nullptr && handle->generation != generation_) return -EIO;
    const std::optional<DiskFault> fault =
        faults_.Begin(op, path, offset, length);
    if (fault.has_value() && fault->short_bytes < 0 && !fault->lose) {
      return -fault->error;
    }
    return call(platter_, fault);
  }

  // What needs no power: attributes and lists.
  template <typename Call>
  int Look(Call call) ABSL_LOCKS_EXCLUDED(mu_) {
    const base::MutexLock lock(mu_);
    return call(platter_);
  }

  // REQUIRES: called within Run.
  std::unique_ptr<Handle> NewHandle(Platter::NodePtr node, const char* path)
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return std::make_unique<Handle>(Handle{std::move(node), path, generation_});
  }
  bool direct_io() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return direct_io_; }

 private:
  base::Mutex mu_;
  Platter platter_ ABSL_GUARDED_BY(mu_);
  DiskFaults faults_ ABSL_GUARDED_BY(mu_);
  std::array<uint64_t, kDiskOps> counts_ ABSL_GUARDED_BY(mu_) = {};
  uint64_t changes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t off_at_ ABSL_GUARDED_BY(mu_) = UINT64_MAX;
  uint64_t generation_ ABSL_GUARDED_BY(mu_) = 0;
  bool power_is_off_ ABSL_GUARDED_BY(mu_) = false;
  bool direct_io_ ABSL_GUARDED_BY(mu_) = false;
};

using Fault = std::optional<DiskFault>;

Disk& TheDisk() {
  return *static_cast<Disk*>(fuse_get_context()->private_data);
}

Handle* HandleOf(const fuse_file_info* info) {
  return info == nullptr ? nullptr : reinterpret_cast<Handle*>(info->fh);
}

// --- Operations of the kernel's ----------------------------------------------

// The fh is an integer in libfuse's hands.
void SetHandle(fuse_file_info* info, std::unique_ptr<Handle> handle) {
  info->fh = reinterpret_cast<uint64_t>(handle.release());
  info->direct_io = TheDisk().direct_io() ? 1 : 0;
}

void* Init(fuse_conn_info*, fuse_config* config) {
  config->use_ino = 1;
  config->hard_remove = 1;
  config->nullpath_ok = 1;
  config->entry_timeout = 0;
  config->attr_timeout = 0;
  config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

int GetAttributes(const char* path, struct stat* out, fuse_file_info* info) {
  return TheDisk().Look([&](Platter& platter) {
    const Handle* const handle = HandleOf(info);
    const Platter::NodePtr node =
        handle != nullptr ? handle->node : platter.Find(path);
    if (node == nullptr) return -ENOENT;
    *out = {};
    out->st_ino = node->number;
    out->st_mode = node->mode;
    out->st_nlink = 1;
    out->st_uid = getuid();
    out->st_gid = getgid();
    out->st_size = static_cast<off_t>(node->size);
    out->st_blksize = Platter::kBlockBytes;
    out->st_blocks = static_cast<blkcnt_t>((node->size + 511) / 512);
    return 0;
  });
}

int OpenDirectory(const char* path, fuse_file_info* info) {
  return TheDisk().Run(DiskOp::kOpen, path, nullptr,
                       [&](Platter& platter, const Fault&) {
                         const Platter::NodePtr node = platter.Find(path);
                         if (node == nullptr) return -ENOENT;
                         SetHandle(info, TheDisk().NewHandle(node, path));
                         return 0;
                       });
}

int ReadDirectory(const char*, void* buffer, fuse_fill_dir_t fill, off_t,
                  fuse_file_info* info, fuse_readdir_flags) {
  return TheDisk().Look([&](Platter&) {
    for (const auto& [name, entry] : HandleOf(info)->node->entries) {
      fill(buffer, name.c_str(), nullptr, 0, fuse_fill_dir_flags{});
    }
    return 0;
  });
}

int Open(const char* path, fuse_file_info* info) {
  return TheDisk().Run(DiskOp::kOpen, path, nullptr,
                       [&](Platter& platter, const Fault&) {
                         const Platter::NodePtr node = platter.Find(path);
                         if (node == nullptr) return -ENOENT;
                         if ((info->flags & O_TRUNC) != 0)
                           Platter::Resize(*node, 0);
                         SetHandle(info, TheDisk().NewHandle(node, path));
                         return 0;
                       });
}

int Create(const char* path, mode_t mode, fuse_file_info* info) {
  return TheDisk().Run(
      DiskOp::kCreate, path, nullptr, [&](Platter& platter, const Fault&) {
        const int result = platter.Create(path, mode);
        if (result != 0) return result;
        SetHandle(info, TheDisk().NewHandle(platter.Find(path), path));
        return 0;
      });
}

int Release(const char*, fuse_file_info* info) {
  // Under the disk's lock: it may be the last to hold the file.
  return TheDisk().Look([&](Platter&) {
    delete HandleOf(info);
    return 0;
  });
}

int Read(const char*, char* buffer, size_t size, off_t offset,
         fuse_file_info* info) {
  const Handle& handle = *HandleOf(info);
  return TheDisk().Run(
      DiskOp::kRead, handle.path, &handle,
      [&](Platter&, const Fault& fault) {
        if (fault.has_value()) {
          size = std::min(size, static_cast<size_t>(fault->short_bytes));
        }
        return static_cast<int>(Platter::Read(
            *handle.node, static_cast<uint64_t>(offset), {buffer, size}));
      },
      static_cast<uint64_t>(offset), size);
}

int Write(const char*, const char* buffer, size_t size, off_t offset,
          fuse_file_info* info) {
  const Handle& handle = *HandleOf(info);
  return TheDisk().Run(
      DiskOp::kWrite, handle.path, &handle,
      [&](Platter&, const Fault& fault) {
        if (fault.has_value()) {
          size = std::min(size, static_cast<size_t>(fault->short_bytes));
        }
        Platter::Write(*handle.node, static_cast<uint64_t>(offset),
                       {buffer, size});
        return static_cast<int>(size);
      },
      static_cast<uint64_t>(offset), size);
}

int Truncate(const char* path, off_t size, fuse_file_info* info) {
  const Handle* const handle = HandleOf(info);
  return TheDisk().Run(
      DiskOp::kResize, handle != nullptr ? handle->path.c_str() : path, handle,
      [&](Platter& platter, const Fault&) {
        const Platter::NodePtr node =
            handle != nullptr ? handle->node : platter.Find(path);
        if (node == nullptr) return -ENOENT;
        Platter::Resize(*node, static_cast<uint64_t>(size));
        return 0;
      });
}

int Allocate(const char*, int mode, off_t offset, off_t length,
             fuse_file_info* info) {
  const Handle& handle = *HandleOf(info);
  return TheDisk().Run(
      DiskOp::kResize, handle.path, &handle, [&](Platter&, const Fault&) {
        const auto begin = static_cast<uint64_t>(offset);
        const auto bytes = static_cast<uint64_t>(length);
        if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0) {
          Platter::Zero(*handle.node, begin, bytes);
        }
        if ((mode & FALLOC_FL_KEEP_SIZE) == 0 &&
            begin + bytes > handle.node->size) {
          Platter::Resize(*handle.node, begin + bytes);
        }
        return 0;
      });
}

int Sync(const char*, int, fuse_file_info* info) {
  const Handle& handle = *HandleOf(info);
  return TheDisk().Run(DiskOp::kSync, handle.path, &handle,
                       [&](Platter& platter, const Fault& fault) {
                         if (fault.has_value()) {
                           Platter::Lose(*handle.node);
                           return -fault->error;
                         }
                         platter.SyncFile(*handle.node);
                         return 0;
                       });
}

int SyncDirectory(const char*, int, fuse_file_info* info) {
  const Handle& handle = *HandleOf(info);
  return TheDisk().Run(DiskOp::kSyncDirectory, handle.path, &handle,
                       [&](Platter& platter, const Fault&) {
                         platter.SyncDirectory(*handle.node);
                         return 0;
                       });
}

int MakeDirectory(const char* path, mode_t mode) {
  return TheDisk().Run(DiskOp::kMakeDirectory, path, nullptr,
                       [&](Platter& platter, const Fault&) {
                         return platter.MakeDirectory(path, mode);
                       });
}

int RemoveFile(const char* path) {
  return TheDisk().Run(
      DiskOp::kRemove, path, nullptr,
      [&](Platter& platter, const Fault&) { return platter.RemoveFile(path); });
}

int RemoveDirectory(const char* path) {
  return TheDisk().Run(DiskOp::kRemove, path, nullptr,
                       [&](Platter& platter, const Fault&) {
                         return platter.RemoveDirectory(path);
                       });
}

int Rename(const char* from, const char* to, unsigned flags) {
  if (flags != 0) return -EINVAL;
  return TheDisk().Run(
      DiskOp::kRename, from, nullptr,
      [&](Platter& platter, const Fault&) { return platter.Rename(from, to); });
}

int Link(const char* existing, const char* link) {
  return TheDisk().Run(DiskOp::kLink, link, nullptr,
                       [&](Platter& platter, const Fault&) {
                         return platter.Link(existing, link);
                       });
}

int FileSystemState(const char*, struct statvfs* out) {
  *out = {};
  out->f_bsize = out->f_frsize = Platter::kBlockBytes;
  out->f_blocks = out->f_bfree = out->f_bavail = 1 << 20;
  out->f_namemax = 255;
  return 0;
}

int SetTimes(const char*, const timespec*, fuse_file_info*) { return 0; }

fuse_operations Operations() {
  fuse_operations operations = {};
  operations.init = Init;
  operations.getattr = GetAttributes;
  operations.opendir = OpenDirectory;
  operations.readdir = ReadDirectory;
  operations.releasedir = Release;
  operations.open = Open;
  operations.create = Create;
  operations.release = Release;
  operations.read = Read;
  operations.write = Write;
  operations.truncate = Truncate;
  operations.fallocate = Allocate;
  operations.fsync = Sync;
  operations.fsyncdir = SyncDirectory;
  operations.mkdir = MakeDirectory;
  operations.unlink = RemoveFile;
  operations.rmdir = RemoveDirectory;
  operations.rename = Rename;
  operations.link = Link;
  operations.statfs = FileSystemState;
  operations.utimens = SetTimes;
  return operations;
}

// --- The process -------------------------------------------------------------

void Unmount(const std::string& mount_point) {
  if (umount2(mount_point.c_str(), MNT_DETACH) == 0) return;
  const pid_t child = fork();
  if (child == 0) {
    execlp("fusermount3", "fusermount3", "-u", "-z", mount_point.c_str(),
           nullptr);
    _exit(127);
  }
  waitpid(child, nullptr, 0);
}

[[noreturn]] void TakeOrders(Disk& disk, int socket,
                             const std::string& mount_point) {
  FuseOrder order;
  while (recv(socket, &order, sizeof(order), 0) == sizeof(order)) {
    const FuseReply reply = disk.Obey(order);
    if (send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) < 0) break;
  }
  Unmount(mount_point);
  _exit(0);  // which answers every operation under way
}

void Greet(int socket, int error) {
  FuseReply greeting;
  greeting.error = error;
  send(socket, &greeting, sizeof(greeting), MSG_NOSIGNAL);
}

}  // namespace

void ServeFuseDisk(const std::string& mount_point, Naming naming, int socket) {
  // Sent to the whole group; this process ends by the socket, and unmounts.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, SIG_IGN);
  Disk disk(naming);
  const fuse_operations operations = Operations();
  char program[] = "quire";
  char* arguments[] = {program, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, arguments);
  errno = 0;
  fuse* const fuse = fuse_new(&args, &operations, sizeof(operations), &disk);
  if (fuse == nullptr || fuse_mount(fuse, mount_point.c_str()) != 0) {
    Greet(socket, errno == 0 ? EPERM : errno);
    _exit(1);
  }
  Greet(socket, 0);
  std::thread orders(
      [&disk, socket, &mount_point] { TakeOrders(disk, socket, mount_point); });
  fuse_loop(fuse);  // ends if somebody else unmounts it
  _exit(0);
}

}  // namespace quire::torture
