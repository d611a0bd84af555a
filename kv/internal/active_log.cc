#include "kv/internal/active_log.h"

#include <utility>

#include "base/status_macros.h"
#include "kv/internal/unknown_outcome.h"

namespace quire::kv_internal {
namespace {

// What is still being written to is left alone: the kernel may make a writer
// wait for a page on its way to the device.
constexpr uint64_t kWritebackBytes = uint64_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<ActiveLog>> ActiveLog::Create(
    io::FileSystem& file_system, const std::string& directory,
    const FileHeader& header, uint64_t previous_check, uint64_t capacity_bytes,
    std::shared_ptr<SpareImage> spare_image) {
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<Memtable> memtable,
      Memtable::Create({.segment_number = header.file_number,
                        .segment_id = header.file_id,
                        .capacity_bytes = capacity_bytes,
                        .spare_image = std::move(spare_image)}));
  EncodeFileHeader(header, memtable->image().data());
  std::string path =
      FilePath(directory, FileType::kSegment, header.file_number);
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::WritableFile> file,
                         file_system.CreateFile(path));
  QUIRE_RETURN_IF_ERROR(file->WriteAt(0, memtable->image().first(kPageBytes)));
  QUIRE_RETURN_IF_ERROR(file->Sync());
  QUIRE_RETURN_IF_ERROR(UnknownOutcome(file_system.SyncDirectory(directory)));
  return std::unique_ptr<ActiveLog>(
      new ActiveLog(header, std::move(path), std::move(file),
                    std::move(memtable), previous_check));
}

ActiveLog::ActiveLog(const FileHeader& header, std::string path,
                     std::unique_ptr<io::WritableFile> file,
                     std::shared_ptr<Memtable> memtable,
                     uint64_t previous_check)
    : header_(header),
      path_(std::move(path)),
      file_(std::move(file)),
      memtable_(std::move(memtable)),
      tail_({.file_id = header.file_id,
             .offset = kPageBytes,
             .previous_check = previous_check}) {}

absl::Status ActiveLog::Append(const GroupBuilder& group,
                               std::span<const std::byte> bytes) {
  QUIRE_RETURN_IF_ERROR(file_->WriteAt(tail_.offset, bytes));
  tail_ = group.tail();
  written_.store(tail_.offset, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status ActiveLog::Sync() {
  base::MutexLock lock(sync_mu_);
  if (sync_failure_.ok() && !closed_) {
    sync_failure_ = UnknownOutcome(file_->Sync());
  }
  return sync_failure_;
}

void ActiveLog::StartWriteback() {
  if (!sync_mu_.TryLock()) return;
  const uint64_t written = written_.load(std::memory_order_relaxed);
  const uint64_t end = written - written % kWritebackBytes;
  if (!closed_ && end > writeback_end_) {
    file_->StartWriteback(writeback_end_, end - writeback_end_);
    writeback_end_ = end;
  }
  sync_mu_.Unlock();
}

absl::Status ActiveLog::CloseFile() {
  base::MutexLock lock(sync_mu_);
  closed_ = true;
  return file_->Close();
}

}  // namespace quire::kv_internal
