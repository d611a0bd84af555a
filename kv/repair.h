// Repair: making a database of what damage has left of one.
#ifndef QUIRE_KV_REPAIR_H_
#define QUIRE_KV_REPAIR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "io/file_system.h"

namespace quire {

struct RepairOptions {
  // The file system of both directories; must outlive the call. nullptr: the
  // process's POSIX file system.
  io::FileSystem* file_system = nullptr;

  // Put the repaired database in the place of the damaged one, whose files go
  // to a directory `damaged-N` in it. Nothing is ever destroyed.
  bool in_place = false;

  // Bytes of a segment of the new database, unless a record needs more: 64 KiB
  // to 1 GiB.
  uint64_t memtable_bytes = uint64_t{64} << 20;
};

// Bytes that didn't come back.
struct LostRange {
  std::string file;  // its name in the damaged database
  uint64_t offset = 0;
  uint64_t length = 0;  // 0: not known
  std::string reason;
  friend bool operator==(const LostRange&, const LostRange&) = default;
};

struct RepairReport {
  // Whether the manifest could tell which segments count. Otherwise all in the
  // directory do, those too that a merge had dropped: deleted keys may be back.
  bool manifest_was_usable = false;

  uint64_t segments_read = 0;
  uint64_t bytes_read = 0;

  // Puts and deletes found intact, with older versions, and their bytes as
  // records. Each went into the new database.
  uint64_t records_kept = 0;
  uint64_t bytes_kept = 0;
  // Those of them from groups that are not whole: batches that may have come
  // back in part.
  uint64_t records_of_damaged_groups = 0;

  // Keys of the new database, and how many of them are deletes that are kept
  // because older versions may exist.
  uint64_t keys = 0;
  uint64_t tombstones = 0;

  // What is lost, sorted by file and offset; no two ranges of a file overlap.
  // Where a newer version of a key was in one of them, an older one is back.
  std::vector<LostRange> lost;

  // What is not lost but worth knowing, one sentence each.
  std::vector<std::string> warnings;

  // Where the damaged files are now; empty unless in place.
  std::string originals;
};

// Makes a database of every record that is intact in the segments of `from`.
// Tables are not read: they are made again.
//
// By default `to` gets the new database: a directory that doesn't exist or is
// empty (AlreadyExists otherwise). `from` is only read, and locked if it has a
// lock file that can be locked. In place, `to` is empty, and the new files
// stand in `from`; this needs a file system with hard links.
//
// The result opens as a database that was closed cleanly; the old one has been
// superseded only if this returns OK. A crash leaves the old state or the new
// one: in place, files of the other one are then removed by the next open, and
// copies of the old ones stay in `damaged-N`.
//
// What comes back
//  - With a usable manifest: the records of the segments that it names. If they
//    can be replayed as an open would, the torn end of the log is left out as
//    an open would do, and listed; otherwise every intact record counts.
//  - Without one, or if it names files that are missing or misses files that
//    the log went on in: the records of all segments in the directory.
//  - Records are believed one by one: each has checks of its own, bound to its
//    place in its file. So a batch that was hit may come back in part.
//  - Of the versions of a key the one with the highest sequence number counts,
//    and a delete is such a version. One record found twice counts once.
//  - What can't be read (EIO) is lost by pages of 4 KiB, the rest goes on.
//
// Limits. Without a manifest, nothing tells where segments ended or that a
// segment is missing but tables and neighbours, so that a cut there may stay
// unseen. So may one behind what was known to be durable of a log that was not
// closed.
//
// Cost: each segment is read once (the last ones of the log twice) and what is
// intact is written once. Memory: one segment of the old and one of the new
// database, 40 bytes a record of the latter; then up to 256 MiB for the table.
//
// Errors: NotFound if `from` holds no file of a database; FailedPrecondition if
// another process holds its lock, naming the process; those of writing. A
// failed repair has removed what it wrote, where it could, unless the result
// may be in force already.
absl::StatusOr<RepairReport> Repair(const RepairOptions& options,
                                    const std::string& from,
                                    const std::string& to);

}  // namespace quire

#endif  // QUIRE_KV_REPAIR_H_
