#include "kv/internal/catalog.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/status_macros.h"
#include "kv/internal/current_file.h"
#include "kv/internal/file_header.h"
#include "kv/internal/random_id.h"

namespace quire::kv_internal {
namespace {

// A manifest is replaced when it is longer than this and kManifestGrowth times
// as long as when it was started.
constexpr uint64_t kManifestBytes = uint64_t{1} << 20;
constexpr uint64_t kManifestGrowth = 4;

}  // namespace

Catalog::Catalog(io::FileSystem& file_system, std::string directory,
                 DatabaseState state, uint64_t manifest_number,
                 uint64_t first_free_number)
    : file_system_(file_system),
      directory_(std::move(directory)),
      next_file_number_(first_free_number),
      state_(std::move(state)),
      manifest_number_(manifest_number) {}

uint64_t Catalog::NewFileNumber() {
  // Relaxed: only the number itself has to be unique.
  return next_file_number_.fetch_add(1, std::memory_order_relaxed);
}

absl::Status Catalog::Commit(const ManifestEdit& edit) {
  base::MutexLock lock(mu_);
  try {
    return CommitLocked(edit);
  } catch (const std::bad_alloc&) {
    failure_ = no_memory_;
    throw;
  }
}

absl::Status Catalog::CloseCleanly(uint64_t last_sequence) {
  base::MutexLock lock(mu_);
  try {
    return CloseLocked(last_sequence);
  } catch (const std::bad_alloc&) {
    failure_ = no_memory_;
    throw;
  }
}

absl::Status Catalog::CommitLocked(const ManifestEdit& edit) {
  QUIRE_RETURN_IF_ERROR(failure_);
  DatabaseState next = state_;
  ManifestEdit numbered = edit;
  numbered.Add(
      NextFileNumber{next_file_number_.load(std::memory_order_relaxed)});
  QUIRE_RETURN_IF_ERROR(next.Apply(numbered));
  absl::Status status = WriteEdit(numbered, next);
  if (status.ok()) {
    state_ = std::move(next);
  } else if (!absl::IsResourceExhausted(status)) {
    failure_ = status;
  }
  return status;
}

absl::Status Catalog::WriteEdit(const ManifestEdit& edit,
                                const DatabaseState& next) {
  if (writer_ == nullptr) return StartManifest(next, /*closed=*/false);
  const uint64_t before = writer_->length();
  if (before > length_limit_) {
    absl::Status status = StartManifest(next, /*closed=*/false);
    // Without space for another the old one has to do.
    if (!absl::IsResourceExhausted(status)) return status;
  }
  QUIRE_RETURN_IF_ERROR(writer_->Append(edit));
  bytes_written_.fetch_add(writer_->length() - before,
                           std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status Catalog::CloseLocked(uint64_t last_sequence) {
  QUIRE_RETURN_IF_ERROR(failure_);
  if (writer_ == nullptr) return absl::OkStatus();
  DatabaseState next = state_;
  ManifestEdit edit;
  edit.Add(LastSequence{last_sequence});
  edit.Add(NextFileNumber{next_file_number_.load(std::memory_order_relaxed)});
  QUIRE_RETURN_IF_ERROR(next.Apply(edit));
  QUIRE_RETURN_IF_ERROR(StartManifest(next, /*closed=*/true));
  state_ = std::move(next);
  return absl::OkStatus();
}

absl::Status Catalog::StartManifest(const DatabaseState& state, bool closed) {
  const uint64_t number = NewFileNumber();
  DatabaseState numbered = state;
  ManifestEdit edit;
  edit.Add(NextFileNumber{number + 1});
  QUIRE_RETURN_IF_ERROR(numbered.Apply(edit));
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<ManifestWriter> writer,
                         ManifestWriter::Create(file_system_, directory_,
                                                number, RandomId(), numbered));
  const std::string path = FilePath(directory_, FileType::kManifest, number);
  if (absl::Status status =
          WriteCurrentFile(file_system_, directory_, writer->Current(closed));
      !status.ok()) {
    if (absl::IsResourceExhausted(status)) {
      file_system_.RemoveFile(path).IgnoreError();
    } else {
      // Either manifest may be the named one: go no further.
      failure_ = status;
    }
    return status;
  }
  bytes_written_.fetch_add(writer->length() + kCurrentFileBytes,
                           std::memory_order_relaxed);
  if (writer_ != nullptr) writer_->Close().IgnoreError();  // superseded
  writer_ = std::move(writer);
  length_limit_ = std::max(kManifestBytes, kManifestGrowth * writer_->length());
  // The old manifest is named by nothing durable; if it can't be removed now,
  // the next open does.
  if (manifest_number_ != 0) {
    file_system_
        .RemoveFile(FilePath(directory_, FileType::kManifest, manifest_number_))
        .IgnoreError();
  }
  manifest_number_ = number;
  return absl::OkStatus();
}

DatabaseState Catalog::state() const {
  base::MutexLock lock(mu_);
  return state_;
}

}  // namespace quire::kv_internal
