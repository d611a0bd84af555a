#include "kv/internal/manifest_writer.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/format.h"
#include "kv/internal/unknown_outcome.h"

namespace quire::kv_internal {

absl::StatusOr<std::unique_ptr<ManifestWriter>> ManifestWriter::Create(
    io::FileSystem& file_system, const std::string& directory, uint64_t number,
    uint64_t file_id, const DatabaseState& state) {
  const std::string path = FilePath(directory, FileType::kManifest, number);
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::WritableFile> file,
                         file_system.CreateFile(path));
  // Whatever can't be removed now is a file that nothing names.
  absl::Cleanup remove = [&] { file_system.RemoveFile(path).IgnoreError(); };
  auto writer = std::unique_ptr<ManifestWriter>(new ManifestWriter(
      std::move(file), path, number, file_id, state.database_id));
  QUIRE_RETURN_IF_ERROR(writer->Start(state));
  QUIRE_RETURN_IF_ERROR(UnknownOutcome(file_system.SyncDirectory(directory)));
  std::move(remove).Cancel();
  return writer;
}

ManifestWriter::ManifestWriter(std::unique_ptr<io::WritableFile> file,
                               std::string path, uint64_t number,
                               uint64_t file_id, const DatabaseId& database_id)
    : file_(std::move(file)),
      path_(std::move(path)),
      number_(number),
      database_id_(database_id),
      tail_({.file_id = file_id, .offset = kPageBytes, .previous_check = 0}) {}

absl::Status ManifestWriter::Start(const DatabaseState& state) {
  const ManifestEdit snapshot = state.Snapshot();
  std::vector<std::byte> bytes(kPageBytes + kGroupHeaderBytes +
                               snapshot.Room());
  EncodeFileHeader({.type = FileType::kManifest,
                    .file_id = tail_.file_id,
                    .file_number = number_,
                    .database_id = database_id_},
                   bytes.data());
  GroupBuilder group(std::span<std::byte>(bytes).subspan(kPageBytes), tail_);
  snapshot.AddTo(group);
  group.Finish({}, 0);
  return Write(0, std::span<const std::byte>(bytes).first(group.end()),
               group.tail());
}

absl::Status ManifestWriter::Append(const ManifestEdit& edit) {
  if (!failure_.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, ": takes no more edits since a failure: ", failure_.message()));
  }
  std::vector<std::byte> space(kGroupHeaderBytes + edit.Room());
  GroupBuilder group(space, tail_);
  edit.AddTo(group);
  const std::span<const std::byte> bytes =
      group.Finish({number_, tail_.offset}, 0);
  return Write(tail_.offset, bytes, group.tail());
}

absl::Status ManifestWriter::Write(uint64_t offset,
                                   std::span<const std::byte> bytes,
                                   const LogTail& tail) {
  absl::Status status = file_->WriteAt(offset, bytes);
  if (absl::IsResourceExhausted(status)) return status;
  if (status.ok()) status = UnknownOutcome(file_->Sync());
  if (!status.ok()) {
    failure_ = status;
    return status;
  }
  digest_.Update(bytes);
  tail_ = tail;
  return absl::OkStatus();
}

CurrentFile ManifestWriter::Current(bool closed) const {
  return {.manifest_number = number_,
          .manifest_id = tail_.file_id,
          .manifest_length = tail_.offset,
          .manifest_digest = digest_.value(),
          .closed = closed,
          .database_id = database_id_};
}

}  // namespace quire::kv_internal
