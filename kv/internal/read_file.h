// Reading a whole file into memory.
#ifndef QUIRE_KV_INTERNAL_READ_FILE_H_
#define QUIRE_KV_INTERNAL_READ_FILE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file_system.h"

namespace quire::kv_internal {

// All bytes of the file, as many as it had when it was opened. Errors as of
// FileSystem::OpenFile and ReadableFile::ReadAt. For small files: manifests and
// the like.
absl::StatusOr<std::vector<std::byte>> ReadWholeFile(
    io::FileSystem& file_system, const std::string& path);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_READ_FILE_H_
