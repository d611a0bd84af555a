#include "tests/torture/planted_bug.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/status_macros.h"

namespace quire::torture {
namespace {

constexpr PlantedBug kBugs[] = {
    {"log_sync_skipped", "a segment's sync does nothing"},
    {"log_sync_late", "a segment's sync is done at its next one"},
    {"segment_header_not_synced", "the first sync of a segment does nothing"},
    {"manifest_sync_skipped", "a manifest's sync does nothing"},
    {"manifest_sync_late",
     "a manifest's sync is done at its next one, behind "
     "unlinks"},
    {"current_sync_skipped", "CURRENT is renamed without a sync"},
    {"current_not_atomic", "CURRENT is removed, then made again"},
    {"directory_sync_skipped",
     "the sync of the database's directory does "
     "nothing"},
    {"parent_sync_skipped", "the sync of the directory above does nothing"},
    {"checkpoint_sync_skipped",
     "the sync of a checkpoint's directory does "
     "nothing"},
    {"rename_behind_sync", "a rename is done after the sync behind it"},
    {"write_kept_back", "a write is handed to the system by the next call"},
    {"short_write_ignored", "the end of a long write is missing"},
    {"write_error_ignored", "a failed write is taken for done"},
    {"sync_error_ignored", "a failed sync is taken for done"},
    {"sync_repeated", "a failed sync is tried again and then believed"},
    {"read_error_is_end", "what can't be read is taken for the log's end"},
    {"directory_error_ignored",
     "a failed sync of a directory is taken for "
     "done"},
    {"early_acknowledgement", "a write is acknowledged before its sync", true},
    {"earlier_logs_forgotten", "a sync is of the newest segment only", true},
    {"no_synced_upto", "groups don't say what is durable", true},
    {"sync_retried", "the log's failed sync is tried again", true},
    {"hole_after_failed_write", "the log goes on behind a failed write", true},
    {"sealed_not_synced", "a segment is sealed without a sync", true},
    {"rewrite_not_synced", "merges don't sync what they write", true},
    {"torn_tail_kept", "recovery goes on behind the first bad group", true},
    {"header_only_checksum", "a record's key and value aren't verified", true},
    {"check_then_copy", "Get verifies what it found, then copies it anew",
     true},
    {"early_unlink", "a merge removes its inputs before the manifest says so",
     true},
    {"snapshots_forgotten", "merges keep no version for snapshots", true},
    {"snapshot_reads_newest", "reads don't look at their snapshot", true},
    {"tombstones_dropped", "any merge drops tombstones", true},
    {"manifest_removed_early",
     "the old manifest goes before CURRENT names the "
     "new one",
     true},
    {"log_removed_early",
     "recovery removes the log before the manifest says "
     "so",
     true},
    {"read_error_is_absence", "Get takes an error for absence", true},
    {"iterator_hides_errors", "an iterator's status is always OK", true},
};

std::string& Planted() {
  static auto* const name = new std::string;
  return *name;
}

bool Is(std::string_view bug) { return Planted() == bug; }

enum class FileKind : uint8_t { kOther, kSegment, kManifest, kCurrent };

FileKind KindOf(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".seg")) return FileKind::kSegment;
  if (name.starts_with("MANIFEST")) return FileKind::kManifest;
  if (name.starts_with("CURRENT")) return FileKind::kCurrent;
  return FileKind::kOther;
}

// A write or a rename that is still to be done.
struct Late {
  io::WritableFile* file = nullptr;  // nullptr: a rename
  uint64_t offset = 0;
  std::vector<std::byte> data = {};
  std::string from = "";
  std::string to = "";
};

class BuggyFileSystem final : public io::FileSystem {
 public:
  explicit BuggyFileSystem(io::FileSystem& base) : base_(base) {}

  absl::StatusOr<std::unique_ptr<io::WritableFile>> CreateFile(
      const std::string& path) override {
    DoLate();
    QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::WritableFile> file,
                           base_.CreateFile(path));
    return std::make_unique<Writable>(*this, KindOf(path), std::move(file));
  }
  absl::StatusOr<std::unique_ptr<io::ReadableFile>> OpenFile(
      const std::string& path, io::OpenMode mode) override {
    DoLate();
    QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::ReadableFile> file,
                           base_.OpenFile(path, mode));
    if (!Is("read_error_is_end") || KindOf(path) != FileKind::kSegment) {
      return file;
    }
    return std::make_unique<Readable>(std::move(file));
  }
  absl::Status RenameFile(const std::string& from,
                          const std::string& to) override {
    DoLate();
    if (Is("current_not_atomic") && KindOf(to) == FileKind::kCurrent) {
      base_.RemoveFile(to).IgnoreError();
    }
    if (Is("rename_behind_sync")) {
      base::MutexLock lock(mu_);
      late_.push_back({.from = from, .to = to});
      return absl::OkStatus();
    }
    return base_.RenameFile(from, to);
  }
  absl::Status RemoveFile(const std::string& path) override {
    DoLate();
    return base_.RemoveFile(path);
  }
  absl::Status LinkFile(const std::string& existing,
                        const std::string& link) override {
    DoLate();
    return base_.LinkFile(existing, link);
  }
  absl::Status CopyFile(const std::string& existing,
                        const std::string& copy) override {
    DoLate();
    return base_.CopyFile(existing, copy);
  }
  absl::Status CreateDirectory(const std::string& path) override {
    return base_.CreateDirectory(path);
  }
  absl::Status RemoveDirectory(const std::string& path) override {
    return base_.RemoveDirectory(path);
  }
  absl::Status SyncDirectory(const std::string& path) override {
    if (Is("directory_sync_skipped") && path == "/db") return {};
    if (Is("parent_sync_skipped") && path == "/") return {};
    if (Is("checkpoint_sync_skipped") && path.starts_with("/copy")) return {};
    absl::Status status = base_.SyncDirectory(path);
    DoLate();
    return Is("directory_error_ignored") ? absl::OkStatus() : status;
  }
  absl::StatusOr<std::vector<std::string>> ListDirectory(
      const std::string& path) override {
    DoLate();
    return base_.ListDirectory(path);
  }
  absl::StatusOr<uint64_t> FileSize(const std::string& path) override {
    DoLate();
    return base_.FileSize(path);
  }
  absl::StatusOr<std::unique_ptr<io::FileLock>> LockFile(
      const std::string& path) override {
    return base_.LockFile(path);
  }

 private:
  class Writable final : public io::WritableFile {
   public:
    Writable(BuggyFileSystem& owner, FileKind kind,
             std::unique_ptr<io::WritableFile> base)
        : owner_(owner), kind_(kind), base_(std::move(base)) {}
    ~Writable() override { owner_.DoLate(); }

    absl::Status WriteAt(uint64_t offset,
                         std::span<const std::byte> data) override {
      owner_.DoLate();
      if (Is("write_kept_back") && kind_ == FileKind::kSegment && offset > 0) {
        base::MutexLock lock(owner_.mu_);
        owner_.late_.push_back(
            {.file = base_.get(),
             .offset = offset,
             .data = std::vector<std::byte>(data.begin(), data.end())});
        return absl::OkStatus();
      }
      if (Is("short_write_ignored") && data.size() > 512) {
        data = data.first(data.size() / 2);
      }
      const absl::Status status = base_->WriteAt(offset, data);
      return Is("write_error_ignored") ? absl::OkStatus() : status;
    }

    absl::Status Sync() override {
      // A write that is kept back misses the sync that it waits for.
      const bool first = syncs_++ == 0;
      const bool segment = kind_ == FileKind::kSegment;
      const bool manifest = kind_ == FileKind::kManifest;
      if ((Is("log_sync_skipped") && segment) ||
          (Is("segment_header_not_synced") && segment && first) ||
          (Is("log_sync_late") && segment && syncs_ % 2 == 1) ||
          (Is("manifest_sync_skipped") && manifest) ||
          (Is("manifest_sync_late") && manifest && syncs_ % 2 == 1) ||
          (Is("current_sync_skipped") && kind_ == FileKind::kCurrent)) {
        return absl::OkStatus();
      }
      absl::Status status = base_->Sync();
      if (!status.ok() && Is("sync_repeated")) status = base_->Sync();
      return Is("sync_error_ignored") ? absl::OkStatus() : status;
    }

    absl::Status Close() override {
      owner_.DoLate();
      return base_->Close();
    }

   private:
    BuggyFileSystem& owner_;
    const FileKind kind_;
    const std::unique_ptr<io::WritableFile> base_;
    int syncs_ = 0;
  };

  // A file whose errors are zeros.
  class Readable final : public io::ReadableFile {
   public:
    explicit Readable(std::unique_ptr<io::ReadableFile> base)
        : base_(std::move(base)) {}
    absl::Status ReadAt(uint64_t offset,
                        std::span<std::byte> out) const override {
      // What is behind the header page.
      const size_t header = offset == 0 ? 4096 : 0;
      if (!base_->ReadAt(offset, out).ok()) {
        std::fill(out.begin(), out.end(), std::byte{0});
        if (out.size() >= header) {
          base_->ReadAt(offset, out.first(header)).IgnoreError();
        }
      }
      return absl::OkStatus();
    }
    uint64_t size_bytes() const override { return base_->size_bytes(); }
    const std::string& path() const override { return base_->path(); }
    int descriptor() const override { return base_->descriptor(); }
    uint32_t direct_alignment() const override {
      return base_->direct_alignment();
    }

   private:
    const std::unique_ptr<io::ReadableFile> base_;
  };

  // Does what was put off.
  void DoLate() {
    std::vector<Late> late;
    {
      base::MutexLock lock(mu_);
      late.swap(late_);
    }
    for (const Late& one : late) {
      if (one.file != nullptr) {
        one.file->WriteAt(one.offset, one.data).IgnoreError();
      } else {
        base_.RenameFile(one.from, one.to).IgnoreError();
      }
    }
  }

  io::FileSystem& base_;
  base::Mutex mu_;
  std::vector<Late> late_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::span<const PlantedBug> PlantedBugs() { return kBugs; }

void PlantBug(std::string_view name) {
  QUIRE_CHECK(name.empty() || std::any_of(std::begin(kBugs), std::end(kBugs),
                                          [&](const PlantedBug& bug) {
                                            return bug.name == name;
                                          }));
  Planted() = name;
}

std::string_view NameOfPlantedBug() { return Planted(); }

bool IsPlanted(std::string_view name) { return Planted() == name; }

PlantedFileSystem::PlantedFileSystem(io::FileSystem& base) : front_(&base) {
  if (NameOfPlantedBug().empty()) return;
  buggy_ = std::make_unique<BuggyFileSystem>(base);
  front_ = buggy_.get();
}

PlantedFileSystem::~PlantedFileSystem() = default;

}  // namespace quire::torture
