#include "kv/internal/manifest_reader.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/log_damage.h"
#include "kv/internal/read_file.h"

namespace quire::kv_internal {
namespace {

// How often ReadNewestManifest follows a CURRENT that changes.
constexpr int kNewestTriesMax = 20;

absl::Status Damaged(const std::string& path, uint64_t offset,
                     const char* what) {
  return absl::DataLossError(
      absl::StrCat(path, ": manifest at offset ", offset, ": ", what));
}

// `status` with what is known of the place in front.
absl::Status At(const std::string& path, uint64_t offset,
                const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(path, ": edit at offset ", offset, ": ", status.message()));
}

// Whether `file` is the manifest that `current` means, and not cut below what
// that knows of it.
absl::Status CheckHeaderAndLength(std::span<const std::byte> file,
                                  const std::string& path,
                                  const CurrentFile& current) {
  QUIRE_ASSIGN_OR_RETURN(
      const FileHeader header,
      DecodeNamedFileHeader(file, FileType::kManifest, path));
  if (header.file_number != current.manifest_number ||
      header.file_id != current.manifest_id ||
      header.database_id != current.database_id) {
    return Damaged(path, 0, "not the file that CURRENT means");
  }
  if (file.size() < current.manifest_length) {
    return Damaged(path, file.size(), "cut short below what CURRENT knows");
  }
  if (current.closed && file.size() != current.manifest_length) {
    return Damaged(path, current.manifest_length,
                   "longer than when the database was closed");
  }
  return absl::OkStatus();
}

// The group at `offset`, complete and continuing the chain; its changes go to
// `edit`. `*decode_status` is what was wrong with a change.
absl::StatusOr<GroupHeader> ReadEdit(std::span<const std::byte> file,
                                     const std::string& path,
                                     const CurrentFile& current,
                                     const LogTail& tail, ManifestEdit* edit,
                                     absl::Status* decode_status) {
  QUIRE_ASSIGN_OR_RETURN(const GroupHeader header,
                         ReadGroup(file, tail.offset, tail.file_id, path,
                                   [&](const LogRecord& record) {
                                     if (decode_status->ok()) {
                                       *decode_status =
                                           edit->AddDecoded(record);
                                     }
                                   }));
  if (header.previous_check != tail.previous_check ||
      !IsCredible(header, {current.manifest_number, tail.offset})) {
    return Damaged(path, tail.offset, "does not continue the group before");
  }
  return header;
}

}  // namespace

absl::StatusOr<ManifestExtent> WalkManifest(
    std::span<const std::byte> file, const std::string& path,
    const CurrentFile& current,
    absl::FunctionRef<absl::Status(uint64_t offset, const ManifestEdit& edit)>
        visit) {
  QUIRE_RETURN_IF_ERROR(CheckHeaderAndLength(file, path, current));
  LogTail tail = {.file_id = current.manifest_id};
  while (tail.offset < file.size()) {
    ManifestEdit edit;
    absl::Status decode_status;
    const absl::StatusOr<GroupHeader> header =
        ReadEdit(file, path, current, tail, &edit, &decode_status);
    if (!header.ok()) {
      LogEvidence evidence = {
          .durable = {current.manifest_number, current.manifest_length}};
      evidence.Collect(file, current.manifest_number, current.manifest_id,
                       tail.offset);
      if (LogPosition{current.manifest_number, tail.offset} <
          evidence.durable) {
        return DamageError(header.status(), evidence.durable);
      }
      break;
    }
    QUIRE_RETURN_IF_ERROR(At(path, tail.offset, decode_status));
    QUIRE_RETURN_IF_ERROR(visit(tail.offset, edit));
    tail.offset += header->length;
    tail.previous_check = header->check;
  }
  // Every byte below has passed its own check by now: what the digest adds is
  // that this is the file, in the state, that CURRENT was written for.
  if (Checksum(file.first(current.manifest_length)) !=
      current.manifest_digest) {
    return Damaged(path, 0, "digest differs from what CURRENT says");
  }
  return ManifestExtent{tail.offset,
                        EndOfData(file, tail.offset) - tail.offset};
}

absl::StatusOr<ManifestContents> ReadManifest(io::FileSystem& file_system,
                                              const std::string& directory,
                                              const CurrentFile& current) {
  const std::string path =
      FilePath(directory, FileType::kManifest, current.manifest_number);
  const absl::StatusOr<std::vector<std::byte>> file =
      ReadWholeFile(file_system, path);
  if (absl::IsNotFound(file.status())) {
    return absl::DataLossError(
        absl::StrCat(path, ": the manifest that CURRENT names is missing"));
  }
  QUIRE_RETURN_IF_ERROR(file.status());
  ManifestContents contents;
  DatabaseState& state = contents.state;
  const auto apply = [&](uint64_t offset, const ManifestEdit& edit) {
    const bool is_first = offset == kPageBytes;
    if (is_first &&
        (edit.changes().empty() ||
         !std::holds_alternative<DatabaseCreated>(edit.changes().front()))) {
      return Damaged(path, offset, "does not start with the database");
    }
    return At(path, offset, state.Apply(edit));
  };
  QUIRE_ASSIGN_OR_RETURN(contents.extent,
                         WalkManifest(*file, path, current, apply));
  if (contents.extent.length == kPageBytes) {
    return Damaged(path, kPageBytes, "holds no edit");
  }
  if (state.database_id != current.database_id) {
    return Damaged(path, kPageBytes, "describes another database");
  }
  const bool has_unsealed =
      std::any_of(state.segments.begin(), state.segments.end(),
                  [](const auto& segment) { return !segment.second.sealed; });
  if (current.closed && has_unsealed) {
    return Damaged(path, kPageBytes, "closed, but not all segments are sealed");
  }
  // The manifest's own number is in use too.
  state.next_file_number =
      std::max(state.next_file_number, current.manifest_number + 1);
  return contents;
}

absl::StatusOr<ManifestContents> ReadNewestManifest(
    io::FileSystem& file_system, const std::string& directory,
    CurrentFile* current) {
  absl::StatusOr<ManifestContents> contents;
  for (int i = 0; i < kNewestTriesMax; ++i) {
    const CurrentFile before = *current;
    absl::StatusOr<CurrentFile> read = ReadCurrentFile(file_system, directory);
    if (!read.ok()) {
      *current = CurrentFile();
      return read.status();
    }
    *current = *read;
    // The same once more: what was wrong with it is so.
    if (i > 0 && *current == before) return contents;
    contents = ReadManifest(file_system, directory, *current);
    if (contents.ok()) return contents;
  }
  return contents;
}

}  // namespace quire::kv_internal
