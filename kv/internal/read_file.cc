#include "kv/internal/read_file.h"

#include <memory>

#include "base/status_macros.h"

namespace quire::kv_internal {

absl::StatusOr<std::vector<std::byte>> ReadWholeFile(
    io::FileSystem& file_system, const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<io::ReadableFile> file,
                         file_system.OpenFile(path, io::OpenMode::kBuffered));
  std::vector<std::byte> bytes(file->size_bytes());
  QUIRE_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  return bytes;
}

}  // namespace quire::kv_internal
