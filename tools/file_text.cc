#include "tools/file_text.h"

#include "absl/status/status.h"
#include "tools/encoding.h"

namespace quire::tools {

using kv_internal::FileHeader;
using kv_internal::FileType;
using kv_internal::RecordKind;

std::string_view FileTypeName(FileType type) {
  switch (type) {
    case FileType::kSegment:
      return "segment";
    case FileType::kTable:
      return "table";
    case FileType::kManifest:
      return "manifest";
  }
  return "unknown";
}

std::string_view RecordKindName(RecordKind kind) {
  switch (kind) {
    case RecordKind::kPut:
      return "put";
    case RecordKind::kDelete:
      return "delete";
    case RecordKind::kPadding:
      return "padding";
    case RecordKind::kEdit:
      return "edit";
  }
  return "unknown";
}

std::string IdText(uint64_t id) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(id >> shift & 0xff);
  }
  std::string text;
  AppendHex(bytes, text);
  return text;
}

std::string HeaderText(const FileHeader& header) {
  std::string database_id;
  AppendHex({reinterpret_cast<const char*>(header.database_id.data()),
             header.database_id.size()},
            database_id);
  std::string text = "type: " + std::string(FileTypeName(header.type));
  text += "\nnumber: " + std::to_string(header.file_number);
  text += "\nid: " + IdText(header.file_id);
  text += "\ndatabase_id: " + database_id;
  text += "\nfirst_sequence: " + std::to_string(header.first_sequence);
  if (header.previous_id != 0) {
    text += "\nprevious_number: " + std::to_string(header.previous_number);
    text += "\nprevious_id: " + IdText(header.previous_id);
  }
  return text + "\n";
}

absl::StatusOr<FileHeader> DecodeAnyHeader(std::span<const std::byte> bytes,
                                           const std::string& path) {
  absl::StatusOr<FileHeader> header =
      kv_internal::DecodeFileHeader(bytes, FileType::kSegment, path);
  for (const FileType type : {FileType::kTable, FileType::kManifest}) {
    if (!absl::IsFailedPrecondition(header.status())) break;
    absl::StatusOr<FileHeader> other =
        kv_internal::DecodeFileHeader(bytes, type, path);
    if (!absl::IsFailedPrecondition(other.status())) header = std::move(other);
  }
  return header;
}

}  // namespace quire::tools
