#include "kv/internal/current_file.h"

#include <cstring>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "kv/internal/checksum.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/read_file.h"
#include "kv/internal/unknown_outcome.h"

namespace quire::kv_internal {
namespace {

constexpr std::string_view kMagic = "QUIRECUR";

// Offsets of the fields.
constexpr size_t kVersionAt = 8;
constexpr size_t kClosedAt = 12;
constexpr size_t kManifestNumberAt = 16;
constexpr size_t kManifestIdAt = 24;
constexpr size_t kManifestLengthAt = 32;
constexpr size_t kManifestDigestAt = 40;
constexpr size_t kDatabaseIdAt = 48;
constexpr size_t kCheckAt = 64;
static_assert(kDatabaseIdAt + sizeof(DatabaseId) == kCheckAt);
static_assert(kCheckAt + sizeof(uint64_t) == kCurrentFileBytes);

absl::Status Damaged(const std::string& path, const char* what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

}  // namespace

std::vector<std::byte> EncodeCurrentFile(const CurrentFile& current) {
  std::vector<std::byte> bytes(kCurrentFileBytes);
  std::byte* const out = bytes.data();
  std::memcpy(out, kMagic.data(), kMagic.size());
  StoreLittleEndian(kFormatVersion, out + kVersionAt);
  StoreLittleEndian(uint32_t{current.closed}, out + kClosedAt);
  StoreLittleEndian(current.manifest_number, out + kManifestNumberAt);
  StoreLittleEndian(current.manifest_id, out + kManifestIdAt);
  StoreLittleEndian(current.manifest_length, out + kManifestLengthAt);
  StoreLittleEndian(current.manifest_digest, out + kManifestDigestAt);
  std::memcpy(out + kDatabaseIdAt, current.database_id.data(),
              current.database_id.size());
  StoreLittleEndian(Checksum({out, kCheckAt}), out + kCheckAt);
  return bytes;
}

absl::StatusOr<CurrentFile> DecodeCurrentFile(std::span<const std::byte> bytes,
                                              const std::string& path) {
  const std::byte* const from = bytes.data();
  if (bytes.size() < kMagic.size()) return Damaged(path, "cut short");
  const std::string_view magic(reinterpret_cast<const char*>(from),
                               kMagic.size());
  // What a file system may leave of a file that was never made durable.
  if (magic == std::string_view("\0\0\0\0\0\0\0\0", kMagic.size())) {
    return Damaged(path, "blank");
  }
  if (magic != kMagic) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": not a CURRENT file of Quire: starts with ",
                     base::EscapeKey(magic)));
  }
  if (bytes.size() < kClosedAt + sizeof(uint64_t)) {
    return Damaged(path, "cut short");
  }
  // In every version the last 8 bytes are the check of all before, so that a
  // newer one is told from damage.
  const size_t check_at = bytes.size() - sizeof(uint64_t);
  if (LoadLittleEndian<uint64_t>(from + check_at) !=
      Checksum({from, check_at})) {
    return Damaged(path, "checksum mismatch");
  }
  const auto version = LoadLittleEndian<uint32_t>(from + kVersionAt);
  if (version != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": format version ", version,
                     "; this library knows version ", kFormatVersion));
  }
  const auto closed = bytes.size() == kCurrentFileBytes
                          ? LoadLittleEndian<uint32_t>(from + kClosedAt)
                          : UINT32_MAX;
  if (closed > 1) return Damaged(path, "no writer writes such a file");
  CurrentFile current;
  current.closed = closed == 1;
  current.manifest_number =
      LoadLittleEndian<uint64_t>(from + kManifestNumberAt);
  current.manifest_id = LoadLittleEndian<uint64_t>(from + kManifestIdAt);
  current.manifest_length =
      LoadLittleEndian<uint64_t>(from + kManifestLengthAt);
  current.manifest_digest =
      LoadLittleEndian<uint64_t>(from + kManifestDigestAt);
  std::memcpy(current.database_id.data(), from + kDatabaseIdAt,
              current.database_id.size());
  return current;
}

absl::Status WriteCurrentFile(io::FileSystem& file_system,
                              const std::string& directory,
                              const CurrentFile& current) {
  const std::string path = absl::StrCat(directory, "/", kCurrentName);
  const std::string temporary =
      absl::StrCat(directory, "/", kCurrentTemporaryName);
  // What an interrupted call may have left.
  if (absl::Status status = file_system.RemoveFile(temporary);
      !status.ok() && !absl::IsNotFound(status)) {
    return status;
  }
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<io::WritableFile> file,
                         file_system.CreateFile(temporary));
  // Until the rename nothing has happened, so that a failed sync of a file that
  // will be made anew is no more than want of space.
  QUIRE_RETURN_IF_ERROR(file->WriteAt(0, EncodeCurrentFile(current)));
  QUIRE_RETURN_IF_ERROR(file->Sync());
  QUIRE_RETURN_IF_ERROR(file->Close());
  QUIRE_RETURN_IF_ERROR(file_system.RenameFile(temporary, path));
  return UnknownOutcome(file_system.SyncDirectory(directory));
}

absl::StatusOr<CurrentFile> ReadCurrentFile(io::FileSystem& file_system,
                                            const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/", kCurrentName);
  QUIRE_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes,
                         ReadWholeFile(file_system, path));
  return DecodeCurrentFile(bytes, path);
}

}  // namespace quire::kv_internal
