// The list of a database's files: what the manifest says, in memory and
// durable.
#ifndef QUIRE_KV_INTERNAL_CATALOG_H_
#define QUIRE_KV_INTERNAL_CATALOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "io/file_system.h"
#include "kv/internal/database_state.h"
#include "kv/internal/manifest_writer.h"

namespace quire::kv_internal {

// An existing manifest is never written into. The first edit after an open
// writes a new manifest, whose first group is the whole state, and makes
// CURRENT name it (marked open); so an open that writes nothing changes nothing
// on disk, and a cleanly closed database stays marked closed until then. A
// manifest that has grown to over 1 MiB and four times its first length is
// replaced in the same way.
//
// Thread-safe.
class Catalog {
 public:
  // `state` as read from the manifest `manifest_number` (0: a new database);
  // `first_free_number` is above every file number in use or found.
  Catalog(io::FileSystem& file_system, std::string directory,
          DatabaseState state, uint64_t manifest_number,
          uint64_t first_free_number);

  // A number that no file of this database had or will have.
  uint64_t NewFileNumber();

  // Makes `edit` durable, then applies it. ResourceExhausted leaves everything
  // as it was. After any other failure it is unknown whether the edit is in the
  // manifest: the caller sets the error latch, and every later call fails. So
  // it is after std::bad_alloc.
  absl::Status Commit(const ManifestEdit& edit);

  // Writes a manifest of one group and marks CURRENT closed, if anything was
  // committed since the open. No Commit may follow.
  absl::Status CloseCleanly(uint64_t last_sequence);

  // A copy of the state.
  DatabaseState state() const;

  // Bytes written to manifests and CURRENT since the open.
  uint64_t bytes_written() const {
    return bytes_written_.load(std::memory_order_relaxed);  // a statistic
  }

 private:
  absl::Status CommitLocked(const ManifestEdit& edit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CloseLocked(uint64_t last_sequence)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Makes `edit` durable, which leads to `next`: behind what the manifest has,
  // or in a new one.
  absl::Status WriteEdit(const ManifestEdit& edit, const DatabaseState& next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Starts the manifest with `state` as its first group and makes CURRENT name
  // it. Removes the manifest that was named before.
  absl::Status StartManifest(const DatabaseState& state, bool closed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  io::FileSystem& file_system_;
  const std::string directory_;
  const absl::Status no_memory_ = absl::InternalError(
      "memory ran out while the manifest was written: the outcome is unknown");
  std::atomic<uint64_t> next_file_number_;
  std::atomic<uint64_t> bytes_written_{0};

  mutable base::Mutex mu_;
  DatabaseState state_ ABSL_GUARDED_BY(mu_);
  uint64_t manifest_number_ ABSL_GUARDED_BY(mu_);  // named by CURRENT; 0: none
  std::unique_ptr<ManifestWriter> writer_ ABSL_GUARDED_BY(mu_);
  // In bytes; a manifest that is longer is replaced by the next edit.
  uint64_t length_limit_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);  // unknown outcome: refuse all
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_CATALOG_H_
