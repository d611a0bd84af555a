// What inspecting commands print in the same way.
#ifndef QUIRE_TOOLS_FILE_TEXT_H_
#define QUIRE_TOOLS_FILE_TEXT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"

namespace quire::tools {

// "segment", "table", "manifest".
std::string_view FileTypeName(kv_internal::FileType type);

// "put", "delete", "padding", "edit"; "unknown" for any other number.
std::string_view RecordKindName(kv_internal::RecordKind kind);

// 16 hexadecimal digits.
std::string IdText(uint64_t id);

// The header as "name: value" lines.
std::string HeaderText(const kv_internal::FileHeader& header);

// Decodes the header page at the start of `bytes`, whichever type the file is
// of. Errors as kv_internal::DecodeFileHeader gives them; they name `path`.
absl::StatusOr<kv_internal::FileHeader> DecodeAnyHeader(
    std::span<const std::byte> bytes, const std::string& path);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_FILE_TEXT_H_
