// Options of a database, of a read and of a write. Plain structs: set the
// fields that matter, keep the rest.
//
// No option changes what stored bytes mean: every option may differ between two
// opens of one database.
#ifndef QUIRE_KV_OPTIONS_H_
#define QUIRE_KV_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "io/open_provider.h"
#include "io/page_provider.h"

namespace quire {

class Snapshot;

using io::IoEngine;
using io::ProviderPolicy;
using io::ReadMode;

// Limits of the format. A key or value beyond them is refused with
// InvalidArgument.
inline constexpr uint64_t kMaxKeyBytes = 65535;
inline constexpr uint64_t kMaxValueBytes = uint64_t{1} << 30;

struct Options {
  // Create the database if the directory does not exist or is empty.
  bool create_if_missing = false;

  // Fail with AlreadyExists if there is a database.
  bool error_if_exists = false;

  // Open without the lock and without writing anything: beside a live writer,
  // on a read-only file system, on a damaged database. Writes fail with
  // FailedPrecondition. Sees the state at the open, or at the last DB::Refresh.
  // Not together with create_if_missing or error_if_exists.
  bool read_only = false;

  // How stored bytes are read, what to do where that is refused, memory for
  // cached pages (buffered, direct), piece size (buffered) and I/O engine.
  // Default: mmap, falling back to pread.
  io::ProviderOptions provider;

  // A provider of the caller's own in place of `provider`, made once per open
  // for the database's directory. Empty: none.
  std::function<absl::StatusOr<std::unique_ptr<io::PageProvider>>(
      io::FileSystem&, const std::string& directory)>
      provider_factory;

  // The file system beneath everything; must outlive the database. nullptr: the
  // process's POSIX file system.
  io::FileSystem* file_system = nullptr;

  // Bytes of log held by one memtable before a run is made of it: 64 KiB to 1
  // GiB. Memory in use is up to this times (1 + max_waiting_memtables). A batch
  // larger than this gets a memtable of its own.
  uint64_t memtable_bytes = uint64_t{64} << 20;

  // Full memtables that may wait for their runs to be made; beyond them writers
  // wait. 1 to 16.
  uint32_t max_waiting_memtables = 2;

  // Sync the log at least this often, in milliseconds, while there are unsynced
  // writes. 0: only synced writes sync.
  uint32_t sync_interval_ms = 0;

  // Memory for resident hash sections, in bytes; sections beyond it are probed
  // through the provider. Default: no bound.
  uint64_t index_memory_bytes = UINT64_MAX;

  // Merge runs in the background as they come to be due. false: only
  // DB::CompactRange merges, and the number of runs, which every read has to
  // look at, grows without bound.
  bool automatic_merges = true;

  // Most bytes a second that merges write, over all threads. 0: no limit.
  uint64_t merge_bytes_per_second = 0;

  // OK if every field is within its bounds, otherwise InvalidArgument naming
  // the field. Open calls it. The fields of `provider` are checked by
  // io::OpenProvider.
  absl::Status Validate() const;
};

struct ReadOptions {
  // Read the state of this snapshot; nullptr: the newest state. Must belong to
  // the same database and outlive the read (for an iterator: its creation).
  const Snapshot* snapshot = nullptr;

  // Whether pages read for this stay in the caches as point reads do. Scans
  // that touch much once should say false. Default: true for Get and MultiGet;
  // iterators read with the scan policy whatever it says.
  bool fill_cache = true;

  // The fields below are for iterators only.

  // First key inside, and first key outside, of the range that the iterator can
  // see. Empty optional: unbounded. Copied.
  std::optional<std::string> lower_bound;
  std::optional<std::string> upper_bound;

  // Only keys that start with this; combined with the bounds. Empty: all keys.
  std::string prefix;

  // Don't read values: value() fails with FailedPrecondition, and no log page
  // is read.
  bool keys_only = false;
};

struct WriteOptions {
  // Acknowledge only once this write, and every earlier one, survives a power
  // loss. false: once it has been handed to the operating system: it survives
  // the death of the process, and a power loss leaves a prefix of the writes.
  bool sync = false;
};

struct CompactOptions {
  // First key inside, and first key outside, of what is compacted. Empty
  // optional: unbounded.
  std::optional<std::string> begin;
  std::optional<std::string> end;

  // Called on the calling thread now and then with the share that is done, from
  // 0 to 1. Returning false cancels. Empty: not called.
  std::function<bool(double done)> progress;
};

}  // namespace quire

#endif  // QUIRE_KV_OPTIONS_H_
