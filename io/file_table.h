// Keeps any number of files readable with a bounded number of descriptors.

#ifndef QUIRE_IO_FILE_TABLE_H_
#define QUIRE_IO_FILE_TABLE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "cache/striped_holds.h"
#include "io/file_system.h"
#include "io/read_engine.h"

namespace quire::io {

// What a table may keep open where nobody says: a quarter of the descriptors
// that the process may have (RLIMIT_NOFILE), 16 to 4096.
uint32_t DefaultMaxOpenFiles();

class FileTable;
struct OpenDescriptor;  // an open file and its registration; of the table
struct Generation;      // of a table; its own

// A sealed file of a table, whether it is open or not.
class TableFile {
 public:
  // Closes the file. REQUIRES: no section has found it, or all such are gone.
  ~TableFile();
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;

 private:
  friend class FileTable;

  TableFile(FileTable& table, std::string path, uint64_t size_bytes,
            bool random_access);

  FileTable& table_;
  const std::string path_;
  const uint64_t size_bytes_;
  const bool random_access_;
  // nullptr: closed. Release when set, so that who finds it sees it whole.
  mutable std::atomic<const OpenDescriptor*> open_{nullptr};
  // Found since the clock's hand came by. Relaxed: a hint.
  mutable std::atomic<bool> used_{false};
  // Where it stands in the table's clock while it is open; the table's.
  mutable std::list<const TableFile*>::iterator place_;
};

// The files that a provider has attached. At most `max_open_files` of them stay
// open; one that is needed and isn't is opened again, for which some that were
// not used lately are closed (a clock). What is being read meanwhile stays open
// until that is done, also beyond the limit; while that is too much, no new
// section begins.
//
// A file may be gone when it is to be opened again, where somebody else removes
// what a reader has attached: FailedPrecondition that says so.
//
// Thread-safe. Finding an open file takes no lock and writes to no line that
// threads share. What is closed goes through the epoch (cache/epoch.h), one
// generation of the table after the other: a section holds the generation that
// it began in, and with it all that was closed since.
class FileTable {
 public:
  // `file_system` and `engine`, with which descriptors are registered (nullptr:
  // none are), must outlive the table. `max_open_files` of 0: as
  // DefaultMaxOpenFiles says.
  FileTable(FileSystem& file_system, ReadEngine* engine, OpenMode open_mode,
            uint32_t max_open_files);
  // REQUIRES: the files are gone. Outside of any guard.
  ~FileTable();
  FileTable(const FileTable&) = delete;
  FileTable& operator=(const FileTable&) = delete;

  // A file that is opened now. Errors as of OpenSealedFile. `random_access`:
  // the kernel shall read nothing ahead. REQUIRES: as for a section.
  absl::StatusOr<std::unique_ptr<TableFile>> Open(const std::string& path,
                                                  uint64_t size_bytes,
                                                  bool random_access);

  // The same, opened when it is first found.
  std::unique_ptr<TableFile> OpenLater(const std::string& path,
                                       uint64_t size_bytes, bool random_access);

  // While a section lives, files that it has found stay open. Belongs to one
  // thread, which must have no other one. Begins outside of any EpochGuard, and
  // before anything that another section may wait for is taken: it waits itself
  // while far too many files are open.
  class Section {
   public:
    explicit Section(FileTable& table);
    ~Section();
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

    // Where to read the file; opens it if need be (which blocks). Valid as long
    // as the section. If it can't be opened the result has no descriptor, and
    // its ReadAt gives the reason.
    ReadSource Find(const TableFile& file);

    // The same, or the reason.
    absl::StatusOr<ReadSource> TryFind(const TableFile& file);

   private:
    FileTable& table_;
    Generation* generation_;
    std::vector<std::unique_ptr<ReadableFile>> failed_;
  };

  // Files that one section should find at most, so that a few threads stay
  // within the limit: larger batches are read in parts.
  size_t files_per_section() const { return files_per_section_; }

  // Files that are open and can be found.
  size_t open_count() const;

 private:
  friend class TableFile;

  // Blocks while too much is left to be closed by sections of before. Whoever
  // waits has found nothing yet, so that those come to their end.
  void AwaitRoom() const;
  absl::StatusOr<const OpenDescriptor*> OpenAgain(const TableFile& file);
  // The file's descriptor is `opened` now, unless another thread was first.
  const OpenDescriptor* Install(const TableFile& file,
                                std::unique_ptr<OpenDescriptor> opened);
  // Moves up to evicted_at_once_ files that were not used lately out of the
  // clock into `closing`, which has room for them.
  void Evict(
      std::vector<std::unique_ptr<const OpenDescriptor>>& closing) noexcept
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(const TableFile& file);

  FileSystem& file_system_;
  ReadEngine* const engine_;
  const OpenMode open_mode_;
  const size_t max_open_files_;
  const size_t files_per_section_;
  // Several, since each generation costs 8 KiB.
  const size_t evicted_at_once_;
  // Descriptors that there are, found or waiting to be closed. Relaxed: only a
  // measure.
  std::atomic<size_t> descriptors_{0};
  // Generations that are left, this one included. Shared with reclaimers, which
  // may run on any thread.
  const std::shared_ptr<std::atomic<int64_t>> generations_;
  std::atomic<Generation*> current_;

  mutable base::Mutex mu_;
  std::shared_ptr<Generation> current_owner_ ABSL_GUARDED_BY(mu_);
  // The clock: files that are open, the hand at its front.
  std::list<const TableFile*> clock_ ABSL_GUARDED_BY(mu_);
};

// Calls `use` for `items` in parts of at most `part_size`.
template <typename T, typename Use>
void ForEachPart(std::span<T> items, size_t part_size, Use use) {
  while (!items.empty()) {
    const std::span<T> part = items.first(std::min(items.size(), part_size));
    use(part);
    items = items.subspan(part.size());
  }
}

}  // namespace quire::io

#endif  // QUIRE_IO_FILE_TABLE_H_
