#include "kv/internal/database_files.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"

namespace quire::kv_internal {
namespace {

constexpr std::string_view kLostSuffix = ".lost";

bool IsAuxiliary(std::string_view name) {
  return name == kLockName || name == kCurrentTemporaryName ||
         name.ends_with(kLostSuffix);
}

}  // namespace

uint64_t DatabaseFiles::HighestNumber() const {
  uint64_t highest = 0;
  for (const ParsedFileName& file : files) {
    highest = std::max(highest, file.number);
  }
  return highest;
}

absl::StatusOr<DatabaseFiles> ListDatabaseFiles(io::FileSystem& file_system,
                                                const std::string& path) {
  DatabaseFiles result;
  absl::StatusOr<std::vector<std::string>> names =
      file_system.ListDirectory(path);
  if (absl::IsNotFound(names.status())) return result;
  QUIRE_RETURN_IF_ERROR(names.status());
  result.directory_exists = true;
  for (const std::string& name : *names) {
    const std::optional<ParsedFileName> parsed = ParseFileName(name);
    if (parsed.has_value()) {
      result.files.push_back(*parsed);
    } else if (name == kCurrentName) {
      result.has_current = true;
    } else if (IsAuxiliary(name)) {
      result.auxiliary.push_back(name);
    } else if (name != "lost+found") {
      result.foreign.push_back(name);
    }
  }
  std::sort(result.foreign.begin(), result.foreign.end());
  return result;
}

absl::Status CheckDatabaseFiles(const DatabaseFiles& files,
                                const std::string& path, bool* is_new) {
  *is_new = !files.has_current;
  if (files.has_current) return absl::OkStatus();
  if (!files.foreign.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        ": not a Quire database: there is no CURRENT, but a foreign file ",
        files.foreign.front()));
  }
  for (const ParsedFileName& file : files.files) {
    // Without segments there is nothing that could have been lost.
    if (file.type == FileType::kManifest) continue;
    return absl::DataLossError(
        absl::StrCat(path, ": CURRENT is missing, though there is ",
                     FileName(file.type, file.number)));
  }
  return absl::OkStatus();
}

std::string ParentDirectory(const std::string& path) {
  std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  if (!normal.has_filename()) normal = normal.parent_path();
  const std::string parent = normal.parent_path().string();
  return parent.empty() ? "." : parent;
}

absl::Status SyncNameOfDirectory(io::FileSystem& file_system,
                                 const std::string& path) {
  absl::Status status = file_system.SyncDirectory(ParentDirectory(path));
  return absl::IsPermissionDenied(status) ? absl::OkStatus() : status;
}

std::string LostFilePath(const std::string& directory,
                         uint64_t segment_number) {
  return absl::StrCat(directory, "/", absl::StrFormat("%06d", segment_number),
                      ".lost");
}

}  // namespace quire::kv_internal
