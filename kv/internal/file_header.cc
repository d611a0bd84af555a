#include "kv/internal/file_header.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/string_view.h"
#include "kv/internal/checksum.h"
#include "kv/internal/little_endian.h"

namespace quire::kv_internal {
namespace {

// Offsets of the fields.
constexpr size_t kMagicAt = 0;
constexpr size_t kVersionAt = 8;
constexpr size_t kPageSizeAt = 12;
constexpr size_t kFileIdAt = 16;
constexpr size_t kFileNumberAt = 24;
constexpr size_t kPreviousIdAt = 32;
constexpr size_t kPreviousNumberAt = 40;
constexpr size_t kFirstSequenceAt = 48;
constexpr size_t kDatabaseIdAt = 56;
constexpr size_t kOriginAt = 72;
constexpr size_t kZerosAt = 76;
constexpr size_t kCheckAt = kPageBytes - sizeof(uint64_t);
static_assert(kDatabaseIdAt + sizeof(DatabaseId) == kOriginAt);

constexpr size_t kMagicBytes = 8;

constexpr std::string_view Magic(FileType type) {
  switch (type) {
    case FileType::kSegment:
      return "QUIRESEG";
    case FileType::kTable:
      return "QUIRETBL";
    case FileType::kManifest:
      return "QUIREMAN";
  }
  return "";
}

constexpr std::string_view KindName(FileType type) {
  switch (type) {
    case FileType::kSegment:
      return "segment";
    case FileType::kTable:
      return "table";
    case FileType::kManifest:
      return "manifest";
  }
  return "";
}

absl::Status Damaged(const std::string& path, const char* what) {
  return absl::DataLossError(
      absl::StrCat(path, ": header page at offset 0: ", what));
}

// What to say of a page whose magic isn't that of `type`.
absl::Status ForeignError(std::string_view magic, FileType type,
                          const std::string& path) {
  const auto wanted = base::AbslView(KindName(type));
  for (const FileType other :
       {FileType::kSegment, FileType::kTable, FileType::kManifest}) {
    if (magic == Magic(other)) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": is a Quire ", base::AbslView(KindName(other)),
                       ", not a ", wanted));
    }
  }
  return absl::FailedPreconditionError(absl::StrCat(path, ": not a Quire ",
                                                    wanted, ": starts with ",
                                                    base::EscapeKey(magic)));
}

// REQUIRES: bytes.size() >= kPageBytes.
bool CheckHolds(std::span<const std::byte> bytes) {
  return LoadLittleEndian<uint64_t>(bytes.data() + kCheckAt) ==
         Checksum(bytes.first(kCheckAt));
}

struct NamePattern {
  FileType type;
  std::string_view prefix;
  std::string_view suffix;
};
constexpr NamePattern kNamePatterns[] = {
    {FileType::kSegment, "", ".seg"},
    {FileType::kTable, "", ".tbl"},
    {FileType::kManifest, "MANIFEST-", ""},
};

}  // namespace

void EncodeFileHeader(const FileHeader& header, std::byte* out) {
  const std::string_view magic = Magic(header.type);
  QUIRE_CHECK(magic.size() == kMagicBytes);
  const bool is_segment = header.type == FileType::kSegment;
  std::fill(out + kZerosAt, out + kCheckAt, std::byte{0});
  std::memcpy(out + kMagicAt, magic.data(), magic.size());
  StoreLittleEndian(kFormatVersion, out + kVersionAt);
  StoreLittleEndian(static_cast<uint32_t>(kPageBytes), out + kPageSizeAt);
  StoreLittleEndian(header.file_id, out + kFileIdAt);
  StoreLittleEndian(header.file_number, out + kFileNumberAt);
  StoreLittleEndian(header.previous_id, out + kPreviousIdAt);
  StoreLittleEndian(header.previous_number, out + kPreviousNumberAt);
  StoreLittleEndian(header.first_sequence, out + kFirstSequenceAt);
  std::memcpy(out + kDatabaseIdAt, header.database_id.data(),
              header.database_id.size());
  StoreLittleEndian(is_segment ? static_cast<uint32_t>(header.origin) : 0,
                    out + kOriginAt);
  StoreLittleEndian(Checksum({out, kCheckAt}), out + kCheckAt);
}

absl::StatusOr<FileHeader> DecodeFileHeader(std::span<const std::byte> bytes,
                                            FileType type,
                                            const std::string& path) {
  if (bytes.size() < kPageBytes) return Damaged(path, "cut short");
  const std::byte* const from = bytes.data();
  const std::string_view magic(reinterpret_cast<const char*>(from) + kMagicAt,
                               kMagicBytes);
  if (magic != Magic(type)) {
    // What a file system may leave of a page that was never made durable.
    if (magic == std::string_view("\0\0\0\0\0\0\0\0", kMagicBytes)) {
      return Damaged(path, "blank");
    }
    return ForeignError(magic, type, path);
  }
  // Every version keeps magic, version and check where they are, so that a
  // newer one is told from damage.
  if (!CheckHolds(bytes)) return Damaged(path, "checksum mismatch");
  const auto version = LoadLittleEndian<uint32_t>(from + kVersionAt);
  if (version != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": format version ", version,
                     "; this library knows version ", kFormatVersion));
  }
  if (LoadLittleEndian<uint32_t>(from + kPageSizeAt) != kPageBytes) {
    return Damaged(path, "wrong page size");
  }
  const auto origin = LoadLittleEndian<uint32_t>(from + kOriginAt);
  FileHeader header;
  header.type = type;
  if (type == FileType::kSegment) {
    if (origin != static_cast<uint32_t>(SegmentOrigin::kLog) &&
        origin != static_cast<uint32_t>(SegmentOrigin::kRewrite)) {
      return Damaged(path, "unknown origin");
    }
    header.origin = static_cast<SegmentOrigin>(origin);
  }
  header.file_id = LoadLittleEndian<uint64_t>(from + kFileIdAt);
  header.file_number = LoadLittleEndian<uint64_t>(from + kFileNumberAt);
  header.previous_id = LoadLittleEndian<uint64_t>(from + kPreviousIdAt);
  header.previous_number = LoadLittleEndian<uint64_t>(from + kPreviousNumberAt);
  header.first_sequence = LoadLittleEndian<uint64_t>(from + kFirstSequenceAt);
  std::memcpy(header.database_id.data(), from + kDatabaseIdAt,
              header.database_id.size());
  return header;
}

absl::StatusOr<FileHeader> DecodeNamedFileHeader(
    std::span<const std::byte> bytes, FileType type, const std::string& path) {
  absl::StatusOr<FileHeader> header = DecodeFileHeader(bytes, type, path);
  if (absl::IsFailedPrecondition(header.status()) && !CheckHolds(bytes)) {
    return Damaged(path, "checksum mismatch, and not even the magic is right");
  }
  return header;
}

std::string FileName(FileType type, uint64_t number) {
  for (const NamePattern& pattern : kNamePatterns) {
    if (pattern.type == type) {
      return absl::StrFormat("%s%06d%s", base::AbslView(pattern.prefix), number,
                             base::AbslView(pattern.suffix));
    }
  }
  QUIRE_CHECK(false);
}

std::string FilePath(const std::string& directory, FileType type,
                     uint64_t number) {
  return absl::StrCat(directory, "/", FileName(type, number));
}

std::optional<ParsedFileName> ParseFileName(std::string_view name) {
  for (const NamePattern& pattern : kNamePatterns) {
    if (!name.starts_with(pattern.prefix) || !name.ends_with(pattern.suffix)) {
      continue;
    }
    std::string_view digits = name;
    digits.remove_prefix(pattern.prefix.size());
    digits.remove_suffix(pattern.suffix.size());
    ParsedFileName parsed = {.type = pattern.type};
    const auto [end, error] = std::from_chars(
        digits.data(), digits.data() + digits.size(), parsed.number);
    // The name that the number has is the only one for it: no second "7.seg"
    // beside "000007.seg".
    if (error == std::errc() && end == digits.data() + digits.size() &&
        FileName(pattern.type, parsed.number) == name) {
      return parsed;
    }
  }
  return std::nullopt;
}

}  // namespace quire::kv_internal
