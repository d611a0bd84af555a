// The header page that every segment, table and manifest starts with, and the
// names of the files of a database.
//
//    0  u8[8] magic ("QUIRESEG", "QUIRETBL", "QUIREMAN")
//    8  u32   format version
//   12  u32   size of this page (4096)
//   16  u64   file id, random
//   24  u64   file number
//   32  u64   id of the predecessor (log segments: the segment before it in the
//             log; 0 = none)
//   40  u64   file number of the predecessor
//   48  u64   first sequence number that the file may hold
//   56  u8[16] database id
//   72  u32   segments: origin (1 log, 2 rewrite); else 0
//   76  zeros
// 4088  u64   XXH3 of bytes 0..4088
#ifndef QUIRE_KV_INTERNAL_FILE_HEADER_H_
#define QUIRE_KV_INTERNAL_FILE_HEADER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "kv/internal/format.h"

namespace quire::kv_internal {

using DatabaseId = std::array<std::byte, 16>;

enum class FileType : uint8_t { kSegment, kTable, kManifest };

// How a segment came to be.
enum class SegmentOrigin : uint8_t {
  // Written as the log. Acknowledged writes may be nowhere else.
  kLog = 1,
  // Holds copies of records of other segments (a merge, a recovery). Worth
  // nothing until a manifest names it.
  kRewrite = 2,
};

struct FileHeader {
  FileType type = FileType::kSegment;
  SegmentOrigin origin = SegmentOrigin::kLog;  // of segments; else not written
  uint64_t file_id = 0;
  uint64_t file_number = 0;
  uint64_t previous_id = 0;
  uint64_t previous_number = 0;
  uint64_t first_sequence = 0;
  DatabaseId database_id = {};
};

// Writes the header page, kPageBytes, to `out`.
void EncodeFileHeader(const FileHeader& header, std::byte* out);

// Errors name `path`: FailedPrecondition for a newer format version or a file
// that is not of `type` at all (foreign magic); DataLoss for a page that is
// short, blank or fails its checksum. `bytes` may be longer than the page.
absl::StatusOr<FileHeader> DecodeFileHeader(std::span<const std::byte> bytes,
                                            FileType type,
                                            const std::string& path);

// As DecodeFileHeader, for a file that CURRENT or a manifest names, so that it
// is known what it was: a page that fails its checksum is DataLoss whatever it
// starts with. FailedPrecondition is left for a whole page of something else.
absl::StatusOr<FileHeader> DecodeNamedFileHeader(
    std::span<const std::byte> bytes, FileType type, const std::string& path);

// "000012.seg", "000013.tbl", "MANIFEST-000003"; directory and name joined by
// '/'.
std::string FileName(FileType type, uint64_t number);
std::string FilePath(const std::string& directory, FileType type,
                     uint64_t number);
inline constexpr char kCurrentName[] = "CURRENT";
inline constexpr char kCurrentTemporaryName[] = "CURRENT.new";
inline constexpr char kLockName[] = "LOCK";

struct ParsedFileName {
  FileType type = FileType::kSegment;
  uint64_t number = 0;
};
// Nothing if `name` is not a name that FileName makes.
std::optional<ParsedFileName> ParseFileName(std::string_view name);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_FILE_HEADER_H_
