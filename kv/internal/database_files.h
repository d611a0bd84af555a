// The files of a database's directory, before anything in them is believed.
#ifndef QUIRE_KV_INTERNAL_DATABASE_FILES_H_
#define QUIRE_KV_INTERNAL_DATABASE_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/file_header.h"

namespace quire::kv_internal {

// What the names in a directory say.
struct DatabaseFiles {
  bool directory_exists = false;
  bool has_current = false;
  std::vector<ParsedFileName> files;  // segments, tables, manifests
  // Other names that this library makes: LOCK, CURRENT.new, *.lost.
  std::vector<std::string> auxiliary;
  // Names that it doesn't make, but for "lost+found".
  std::vector<std::string> foreign;

  bool Empty() const {
    return !has_current && files.empty() && auxiliary.empty() &&
           foreign.empty();
  }
  // Highest number in a name; 0 if there is none.
  uint64_t HighestNumber() const;
};

// A missing directory is not an error; a path that is none is
// InvalidArgument naming it.
absl::StatusOr<DatabaseFiles> ListDatabaseFiles(io::FileSystem& file_system,
                                                const std::string& path);

// Whether the directory can be made or opened as a database, from the names
// alone. FailedPrecondition: foreign files and no CURRENT, naming one of them.
// DataLoss: segments or tables, but no CURRENT. `*is_new`: there is no database
// yet (interrupted creations leave manifests and CURRENT.new: one each, since a
// removal need not be durable when the next manifest is).
absl::Status CheckDatabaseFiles(const DatabaseFiles& files,
                                const std::string& path, bool* is_new);

// The directory that holds `path`; "." if it names none.
std::string ParentDirectory(const std::string& path);

// Makes the name of the directory at `path` durable, which whoever made it may
// not have done. A parent that this process may not read can't be synced by it:
// that is left to its owner.
absl::Status SyncNameOfDirectory(io::FileSystem& file_system,
                                 const std::string& path);

// The name under which the dropped bytes of a torn segment are kept.
std::string LostFilePath(const std::string& directory, uint64_t segment_number);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DATABASE_FILES_H_
