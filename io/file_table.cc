#include "io/file_table.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <span>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "io/sealed_file.h"

namespace quire::io {
namespace {

constexpr uint64_t kOpenFilesMin = 16;
constexpr uint64_t kOpenFilesCap = 4096;

// Stands for a file that could not be opened.
class FailedFile final : public ReadableFile {
 public:
  FailedFile(std::string path, absl::Status why)
      : path_(std::move(path)), why_(std::move(why)) {}
  absl::Status ReadAt(uint64_t, std::span<std::byte>) const override {
    return why_;
  }
  uint64_t size_bytes() const override { return 0; }
  const std::string& path() const override { return path_; }
  int descriptor() const override { return -1; }
  uint32_t direct_alignment() const override { return 1; }

 private:
  const std::string path_;
  const absl::Status why_;
};

}  // namespace

struct OpenDescriptor {
  OpenDescriptor(std::unique_ptr<ReadableFile> opened, ReadEngine* engine,
                 std::atomic<size_t>& count)
      : file(std::move(opened)), engine(engine), count(count) {
    if (engine != nullptr && file->descriptor() >= 0) {
      registered_file = engine->RegisterFile(file->descriptor());
    }
    // Last: if that throws, nobody takes the count back.
    count.fetch_add(1, std::memory_order_relaxed);
  }
  ~OpenDescriptor() {
    if (engine != nullptr) engine->UnregisterFile(registered_file);
    count.fetch_sub(1, std::memory_order_relaxed);
  }

  const std::unique_ptr<ReadableFile> file;
  ReadEngine* const engine;
  std::atomic<size_t>& count;
  int registered_file = -1;
};

// Files are taken out of the table while one generation is the newest, and that
// ends with it. They are closed when it is destroyed, which is after all
// sections of it, and of those before, which keep it by `next`.
struct Generation {
  explicit Generation(std::shared_ptr<std::atomic<int64_t>> count)
      : count(std::move(count)) {
    // Relaxed: only falls to what the table's destructor waits for in release.
    this->count->fetch_add(1, std::memory_order_relaxed);
  }
  ~Generation() {
    closing.clear();
    count->fetch_sub(1, std::memory_order_release);
  }

  cache::StripedHolds holds;
  std::vector<std::unique_ptr<const OpenDescriptor>> closing;
  std::shared_ptr<Generation> next;
  const std::shared_ptr<std::atomic<int64_t>> count;
};

uint32_t DefaultMaxOpenFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kOpenFilesMin;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(limit.rlim_cur / 4, kOpenFilesMin, kOpenFilesCap));
}

TableFile::TableFile(FileTable& table, std::string path, uint64_t size_bytes,
                     bool random_access)
    : table_(table),
      path_(std::move(path)),
      size_bytes_(size_bytes),
      random_access_(random_access) {}

TableFile::~TableFile() { table_.Forget(*this); }

FileTable::FileTable(FileSystem& file_system, ReadEngine* engine,
                     OpenMode open_mode, uint32_t max_open_files)
    : file_system_(file_system),
      engine_(engine),
      open_mode_(open_mode),
      max_open_files_(max_open_files != 0 ? max_open_files
                                          : DefaultMaxOpenFiles()),
      files_per_section_(std::max<size_t>(max_open_files_ / 4, 1)),
      evicted_at_once_(std::max<size_t>(max_open_files_ / 8, 1)),
      generations_(std::make_shared<std::atomic<int64_t>>(0)),
      current_owner_(std::make_shared<Generation>(generations_)) {
  base::MutexLock lock(mu_);
  current_.store(current_owner_.get(), std::memory_order_relaxed);
}

FileTable::~FileTable() {
  {
    base::MutexLock lock(mu_);
    QUIRE_CHECK(clock_.empty());
  }
  // Those before the last close files, which the engine has to see.
  while (generations_->load(std::memory_order_acquire) > 1) {
    cache::SynchronizeEpoch();
    std::this_thread::yield();
  }
}

absl::StatusOr<std::unique_ptr<TableFile>> FileTable::Open(
    const std::string& path, uint64_t size_bytes, bool random_access) {
  AwaitRoom();
  std::unique_ptr<TableFile> file = OpenLater(path, size_bytes, random_access);
  QUIRE_RETURN_IF_ERROR(OpenAgain(*file).status());
  return file;
}

std::unique_ptr<TableFile> FileTable::OpenLater(const std::string& path,
                                                uint64_t size_bytes,
                                                bool random_access) {
  return std::unique_ptr<TableFile>(
      new TableFile(*this, path, size_bytes, random_access));
}

void FileTable::AwaitRoom() const {
  while (descriptors_.load(std::memory_order_relaxed) >
         max_open_files_ + files_per_section_) {
    cache::SynchronizeEpoch();
    std::this_thread::yield();
  }
}

absl::StatusOr<const OpenDescriptor*> FileTable::OpenAgain(
    const TableFile& file) {
  // Closes what sections have let go since: descriptors are wanted.
  cache::ReclaimRetired();
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<ReadableFile> opened,
      OpenSealedFile(file_system_, file.path_, file.size_bytes_, open_mode_));
  if (file.random_access_ && opened->descriptor() >= 0) {
    // Advice: nothing depends on whether it is taken.
    posix_fadvise(opened->descriptor(), 0, 0, POSIX_FADV_RANDOM);
  }
  return Install(file, std::make_unique<OpenDescriptor>(std::move(opened),
                                                        engine_, descriptors_));
}

const OpenDescriptor* FileTable::Install(
    const TableFile& file, std::unique_ptr<OpenDescriptor> opened) {
  std::function<bool()> reclaim;
  const OpenDescriptor* result;
  {
    base::MutexLock lock(mu_);
    // Relaxed: stored under the lock.
    result = file.open_.load(std::memory_order_relaxed);
    if (result != nullptr) return result;  // another thread was first
    // What takes memory comes before what sections can see: thrown out half way
    // it would close files, or free a generation, under them.
    std::shared_ptr<Generation> next;
    if (clock_.size() >= max_open_files_) {
      next = std::make_shared<Generation>(generations_);
      current_owner_->closing.reserve(evicted_at_once_);
      reclaim = [ended = current_owner_]() mutable {
        if (ended != nullptr && !ended->holds.Idle()) return false;
        ended.reset();
        return true;
      };
    }
    file.place_ = clock_.insert(clock_.end(), &file);
    result = opened.release();
    file.used_.store(true, std::memory_order_relaxed);
    file.open_.store(result, std::memory_order_release);
    if (next == nullptr) return result;
    Evict(current_owner_->closing);
    current_owner_->next = next;
    current_owner_ = std::move(next);
    // After the files were taken out, so that a section of the new generation
    // doesn't find them. seq_cst, as in kv's ViewPublisher: a section whose
    // guard the reclaimer did not see must not load the old one.
    current_.store(current_owner_.get(), std::memory_order_seq_cst);
  }
  // Without the lock: what is reclaimed meanwhile may forget files.
  cache::RetireAfterEpoch(std::move(reclaim));
  return result;
}

void FileTable::Evict(
    std::vector<std::unique_ptr<const OpenDescriptor>>& closing) noexcept {
  // Twice around is enough to find them; the newest, at the end, is kept.
  size_t looks = 2 * clock_.size();
  while (closing.size() < evicted_at_once_ && clock_.size() > 1 &&
         looks-- > 0) {
    const TableFile& file = *clock_.front();
    if (file.used_.exchange(false, std::memory_order_relaxed)) {
      clock_.splice(clock_.end(), clock_, clock_.begin());
      continue;
    }
    closing.emplace_back(
        file.open_.exchange(nullptr, std::memory_order_relaxed));
    clock_.pop_front();
  }
}

void FileTable::Forget(const TableFile& file) {
  std::unique_ptr<const OpenDescriptor> closing;  // without the lock
  base::MutexLock lock(mu_);
  closing.reset(file.open_.exchange(nullptr, std::memory_order_relaxed));
  if (closing != nullptr) clock_.erase(file.place_);
}

size_t FileTable::open_count() const {
  base::MutexLock lock(mu_);
  return clock_.size();
}

FileTable::Section::Section(FileTable& table) : table_(table) {
  table_.AwaitRoom();
  const cache::EpochGuard guard;
  // seq_cst, pairing with the store in Install.
  generation_ = table_.current_.load(std::memory_order_seq_cst);
  generation_->holds.Acquire();
}

FileTable::Section::~Section() { generation_->holds.Release(); }

ReadSource FileTable::Section::Find(const TableFile& file) {
  absl::StatusOr<ReadSource> source = TryFind(file);
  if (source.ok()) return *source;
  failed_.push_back(
      std::make_unique<FailedFile>(file.path_, std::move(source).status()));
  return {failed_.back().get(), -1};
}

absl::StatusOr<ReadSource> FileTable::Section::TryFind(const TableFile& file) {
  // Acquire: pairs with the release in Install.
  const OpenDescriptor* open = file.open_.load(std::memory_order_acquire);
  if (open == nullptr) [[unlikely]] {
    absl::StatusOr<const OpenDescriptor*> opened = table_.OpenAgain(file);
    if (absl::IsNotFound(opened.status())) {
      return absl::FailedPreconditionError(absl::StrCat(
          file.path_,
          ": the file has been removed since it was attached, and its "
          "descriptor was closed to stay within max_open_files: the writer has "
          "replaced it; see the newest state by Refresh"));
    }
    QUIRE_RETURN_IF_ERROR(opened.status());
    open = *opened;
  } else if (!file.used_.load(std::memory_order_relaxed)) {
    file.used_.store(true, std::memory_order_relaxed);
  }
  return ReadSource{open->file.get(), open->registered_file};
}

}  // namespace quire::io
