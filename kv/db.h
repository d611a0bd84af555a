// Quire: an embedded, append-only, read-optimised key-value store.
//
//   quire::Options options;
//   options.create_if_missing = true;
//   absl::StatusOr<std::unique_ptr<quire::DB>> db = quire::DB::Open(options,
//   "/var/lib/example");
//   (*db)->Put({}, "key", "value").IgnoreError();
//   std::string value;
//   absl::Status status = (*db)->Get({}, "key", &value);
#ifndef QUIRE_KV_DB_H_
#define QUIRE_KV_DB_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/iterator.h"
#include "kv/options.h"
#include "kv/pinned_value.h"
#include "kv/stats.h"
#include "kv/write_batch.h"

namespace quire {

// A fixed state of a database. Obtained from DB::GetSnapshot; destroying it
// lets go of the state. Must be destroyed before the database is closed.
// Thread-safe.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  // Newest sequence number that the snapshot sees.
  virtual uint64_t sequence() const = 0;
};

// An open database. All calls are thread-safe; reads never wait for writers.
//
// Keys and values are any bytes, empty ones included, up to kMaxKeyBytes and
// kMaxValueBytes. Errors of reads: NotFound if the key is absent (nothing else
// gives NotFound); DataLoss if what is stored fails its checksum or is missing;
// Unavailable if the device fails. An error names file and offset, concerns the
// keys stored there, and leaves the database usable. Errors of writes:
// ResourceExhausted for want of space refuses that write only, and the next may
// succeed; after any other failed write or sync, writes are refused with the
// first cause (FailedPrecondition) until the database is opened again; reads go
// on. A small allocation that fails throws std::bad_alloc out of the call or,
// once a change may have begun, makes it return ResourceExhausted, after which
// writes are refused as after any other failure (docs/promises.md).
//
// In a child made by fork all that can be done with a database is to destroy
// it, after which it can be opened again, once the parent has closed it. Until
// then calls give FailedPrecondition, no snapshot, no property, empty Stats;
// what was obtained before the fork (iterators, read sessions, pins, snapshots)
// must not be touched. A child that keeps the database keeps its lock, too. If
// another thread was inside a call at the fork, a database that the child opens
// may wait for that thread for ever: fork first, or exec.
class DB {
 public:
  // Opens the database in directory `path`. Errors name what is wrong: NotFound
  // (nothing there and not create_if_missing), AlreadyExists (error_if_exists),
  // FailedPrecondition (held by another process or this one, a newer format,
  // not a database, a read mode refused under kRequire), DataLoss (damage:
  // nothing was changed; `quire verify` tells more), InvalidArgument (options).
  static absl::StatusOr<std::unique_ptr<DB>> Open(const Options& options,
                                                  const std::string& path);

  // Removes the database in `path`, and the directory if nothing foreign is
  // left in it. FailedPrecondition if it is open or not a database; OK if there
  // is nothing.
  static absl::Status Destroy(const Options& options, const std::string& path);

  // Closes if that has not been done; pins, iterators, snapshots and read
  // sessions must be gone by then.
  virtual ~DB() = default;

  virtual absl::Status Put(const WriteOptions& options, std::string_view key,
                           std::string_view value) = 0;

  // Deleting an absent key is OK.
  virtual absl::Status Delete(const WriteOptions& options,
                              std::string_view key) = 0;

  // Applies all of `batch` or nothing. After an error it is unknown which,
  // until the database has been opened again.
  virtual absl::Status Write(const WriteOptions& options,
                             const WriteBatch& batch) = 0;

  // Copies the value into `*value`, whose capacity is reused. `*value` is
  // unspecified after an error.
  virtual absl::Status Get(const ReadOptions& options, std::string_view key,
                           std::string* value) = 0;

  // Gives the value without a second copy; see PinnedValue. `*value` is
  // unspecified after an error.
  virtual absl::Status Get(const ReadOptions& options, std::string_view key,
                           PinnedValue* value) = 0;

  // Looks up all keys at one state as one plan: `statuses[i]` and `values[i]`
  // belong to `keys[i]`. Order and duplicates are the caller's. REQUIRES: the
  // three spans have one size; no key lies in what one of `values` held.
  virtual void MultiGet(const ReadOptions& options,
                        std::span<const std::string_view> keys,
                        std::span<PinnedValue> values,
                        std::span<absl::Status> statuses) = 0;

  // Never null; errors are in the iterator's status.
  virtual std::unique_ptr<Iterator> NewIterator(const ReadOptions& options) = 0;

  virtual std::unique_ptr<const Snapshot> GetSnapshot() = 0;

  // Returns once every write acknowledged before the call is durable.
  virtual absl::Status Sync() = 0;

  // Makes a run of what is in the memtables and waits for it.
  virtual absl::Status FlushMemtables() = 0;

  // Brings a read-only open to the newest state of the database, which another
  // process, or another open in this one, may be writing. Reads go on
  // meanwhile; iterators, snapshots and pinned values keep the state of before.
  // Files that are still in use stay open, with what is cached of them: the
  // cost is that of new files and of the log that is in no run yet. After an
  // error the state of before stays: DataLoss or NotFound where something is
  // damaged or missing at a second look too. FailedPrecondition for a database
  // that is open for writing, and for a path that holds another database by
  // now. A read of a removed file that isn't open any more fails with
  // FailedPrecondition too, and says so: Refresh more often, or allow more open
  // files (io::ProviderOptions::max_open_files).
  virtual absl::Status Refresh() = 0;

  // Makes `directory` a copy of the database, cleanly closed, to be opened at
  // once like any other; durable on return. Reads and writes go on meanwhile.
  // It holds every write acknowledged before the call and, of later ones, those
  // up to some point. The directory must not hold anything (AlreadyExists) or
  // must be missing, with its parent there (NotFound). After an error nothing
  // that can be opened is left there, or a whole copy if not even removing it
  // was possible; this database is not affected.
  //
  // Costs a switch of the memtable and a link for each file: the two databases
  // share the bytes on disk, which neither ever writes into, until both have
  // dropped them. Across file systems the bytes are copied. The copy keeps the
  // database id: it is the same database up to this point, and from here on two
  // histories that give numbers of their own to files and writes, so files of
  // the one must not be put among those of the other.
  virtual absl::Status Checkpoint(const std::string& directory) = 0;

  // Merges all runs into one, without what nobody can see any more. Without
  // bounds, values come to lie in the order of their keys; with bounds, only
  // those of the keys inside. Runs on the calling thread, beside reads and
  // writes, and first waits for the merges under way; what is written meanwhile
  // is not waited for. Disk space for a second copy is needed until the end.
  // Cancelled if `options.progress` says so; nothing but time is lost then.
  virtual absl::Status CompactRange(const CompactOptions& options) = 0;

  // Blocks until no merge is due or under way. Returns why merging has come to
  // a halt, if it has.
  virtual absl::Status WaitForMerges() = 0;

  virtual Stats GetStats() = 0;

  // The value of a property, or nothing for an unknown name. Properties() lists
  // the names with a line of explanation.
  virtual std::optional<std::string> GetProperty(std::string_view name) = 0;

  struct PropertyDescription {
    std::string name;
    std::string meaning;
  };
  static const std::vector<PropertyDescription>& Properties();

  // Makes runs of the memtables, marks the database cleanly closed and gives
  // everything back. FailedPrecondition with their counts while pinned values,
  // iterators, snapshots or read sessions are outstanding: the database then
  // stays open.
  // Idempotent; no other call may follow or run beside it.
  virtual absl::Status Close() = 0;
};

}  // namespace quire

#endif  // QUIRE_KV_DB_H_
