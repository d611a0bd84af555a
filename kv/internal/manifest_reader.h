// Reading a manifest, and telling a torn end from damage.
#ifndef QUIRE_KV_INTERNAL_MANIFEST_READER_H_
#define QUIRE_KV_INTERNAL_MANIFEST_READER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/manifest_edit.h"

namespace quire::kv_internal {

// How much of a manifest is good.
struct ManifestExtent {
  uint64_t length = 0;  // in bytes: header page and whole groups
  // Bytes behind, up to the last that isn't zero: the torn end of a write that
  // was never acknowledged.
  uint64_t torn_bytes = 0;
};

// Walks over the manifest image `file` that `current` names and calls `visit`
// for each edit with its group's offset. A failure of `visit` ends the walk and
// is returned. DataLoss naming `path` and the offset if anything is wrong below
// what is known to have been durable: CURRENT's length (whose digest must match
// too), or what a valid group anywhere behind the damage says. Otherwise what
// is wrong is the torn end. If `current` says closed, there must be none.
absl::StatusOr<ManifestExtent> WalkManifest(
    std::span<const std::byte> file, const std::string& path,
    const CurrentFile& current,
    absl::FunctionRef<absl::Status(uint64_t offset, const ManifestEdit& edit)>
        visit);

struct ManifestContents {
  DatabaseState state;
  ManifestExtent extent;
};

// Reads the manifest that `current` names in `directory` and applies its edits.
// DataLoss also if the file is missing, isn't the one that CURRENT means, has
// edits that contradict each other, or, closed, names unsealed segments. An I/O
// error is returned as it is, never taken for an end.
absl::StatusOr<ManifestContents> ReadManifest(io::FileSystem& file_system,
                                              const std::string& directory,
                                              const CurrentFile& current);

// Reads CURRENT and the manifest that it names, without a lock: a writer that
// replaces both removes the manifest that was named before, so what failed is
// read again while CURRENT is another than before, a bounded number of times.
// `*current` is what the result, or the error, is about; its manifest_number is
// 0 if it is CURRENT itself that can't be read. Errors as of ReadCurrentFile
// and ReadManifest.
absl::StatusOr<ManifestContents> ReadNewestManifest(
    io::FileSystem& file_system, const std::string& directory,
    CurrentFile* current);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MANIFEST_READER_H_
