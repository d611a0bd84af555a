// CURRENT: which manifest is the database's, and how far it is known good.
//
//    0  u8[8]  magic ("QUIRECUR")
//    8  u32    format version
//   12  u32    1: cleanly closed; 0: not
//   16  u64    number of the manifest
//   24  u64    file id of the manifest
//   32  u64    length of the manifest that was durable, in bytes
//   40  u64    XXH3-64 of that many bytes of it
//   48  u8[16] database id
//   64  u64    XXH3 of bytes 0..64
#ifndef QUIRE_KV_INTERNAL_CURRENT_FILE_H_
#define QUIRE_KV_INTERNAL_CURRENT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/file_header.h"

namespace quire::kv_internal {

struct CurrentFile {
  uint64_t manifest_number = 0;
  uint64_t manifest_id = 0;
  uint64_t manifest_length = 0;
  uint64_t manifest_digest = 0;
  // The manifest is exactly this long and every segment is sealed: no byte of
  // the database is in doubt.
  bool closed = false;
  DatabaseId database_id = {};
  friend bool operator==(const CurrentFile&, const CurrentFile&) = default;
};

inline constexpr size_t kCurrentFileBytes = 72;

std::vector<std::byte> EncodeCurrentFile(const CurrentFile& current);

// Errors name `path`: FailedPrecondition for a newer format version or what is
// no CURRENT file at all; DataLoss for damage.
absl::StatusOr<CurrentFile> DecodeCurrentFile(std::span<const std::byte> bytes,
                                              const std::string& path);

// Durably replaces DIRECTORY/CURRENT, through a temporary file, a rename and a
// sync of the directory. ResourceExhausted: the old file is in force, and the
// call may be repeated. After any other failure either may be.
absl::Status WriteCurrentFile(io::FileSystem& file_system,
                              const std::string& directory,
                              const CurrentFile& current);

// Errors as of DecodeCurrentFile, and NotFound if there is no database in
// `directory`.
absl::StatusOr<CurrentFile> ReadCurrentFile(io::FileSystem& file_system,
                                            const std::string& directory);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_CURRENT_FILE_H_
