// Sorting more entries than memory holds.
#ifndef QUIRE_KV_INTERNAL_ENTRY_SORTER_H_
#define QUIRE_KV_INTERNAL_ENTRY_SORTER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/catalog.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {

// One version of a key.
struct SortedEntry {
  std::string_view key;
  uint64_t sequence = 0;
  RecordRef record = {};
};

// Sorted runs of entries in files of their own, and a merge of those. The files
// have the names of tables that nothing names, so that an open removes what a
// crash leaves. Memory: 256 KiB for each of at most a few dozen files. Not
// thread-safe.
class EntrySorter {
 public:
  // Numbers of files come from `catalog`.
  EntrySorter(io::FileSystem& file_system, std::string directory,
              Catalog& catalog)
      : file_system_(file_system),
        directory_(std::move(directory)),
        catalog_(catalog) {}
  // Removes the files.
  ~EntrySorter();
  EntrySorter(const EntrySorter&) = delete;
  EntrySorter& operator=(const EntrySorter&) = delete;

  // Sorts `entries` and keeps a copy of them.
  absl::Status Add(std::vector<SortedEntry>& entries);

  // Calls `visit` for all entries: keys ascending, versions of one key by
  // sequence number descending. The key dies with the call. DataLoss if a file
  // doesn't read as it was written.
  absl::Status Merge(
      absl::FunctionRef<absl::Status(const SortedEntry&)> visit) const;

 private:
  struct File {
    std::string path;
    uint64_t digest = 0;  // of all its bytes
  };

  absl::Status MergeFiles(
      const std::vector<File>& files,
      absl::FunctionRef<absl::Status(const SortedEntry&)> visit) const;

  // Makes one file of those of a level once they are many.
  absl::Status Compact(size_t level);

  // Writes what `produce` appends to a new file of the level.
  class Writer;
  absl::Status Write(size_t level,
                     absl::FunctionRef<absl::Status(Writer&)> produce);

  io::FileSystem& file_system_;
  const std::string directory_;
  Catalog& catalog_;
  // A file of each level holds as much as some dozen of the level before.
  std::vector<std::vector<File>> levels_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_ENTRY_SORTER_H_
