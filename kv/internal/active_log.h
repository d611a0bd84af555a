// The segment that is being written, together with its memtable.
#ifndef QUIRE_KV_INTERNAL_ACTIVE_LOG_H_
#define QUIRE_KV_INTERNAL_ACTIVE_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "io/file_system.h"
#include "kv/internal/file_header.h"
#include "kv/internal/group.h"
#include "kv/internal/memtable.h"
#include "kv/internal/spare_image.h"

namespace quire::kv_internal {

// One writer at a time appends; Sync may run beside it, on any thread. Becomes
// immutable when the write queue goes on to the next log.
class ActiveLog {
 public:
  // Creates the segment's file in `directory`, writes its header page, and
  // syncs file and directory, so that a manifest may name it. The memtable gets
  // room for `capacity_bytes` of log, the header page included. The first group
  // continues the one whose check is `previous_check` (0: none). `spare_image`:
  // where the memtable's memory comes from (nullptr: fresh).
  static absl::StatusOr<std::unique_ptr<ActiveLog>> Create(
      io::FileSystem& file_system, const std::string& directory,
      const FileHeader& header, uint64_t previous_check,
      uint64_t capacity_bytes,
      std::shared_ptr<SpareImage> spare_image = nullptr);

  const FileHeader& header() const { return header_; }
  const std::string& path() const { return path_; }
  const std::shared_ptr<Memtable>& memtable() const { return memtable_; }
  uint64_t capacity() const { return memtable_->image().size(); }

  // Where the log ends. Read by the writer, or once immutable.
  const LogTail& tail() const { return tail_; }
  uint64_t end() const { return tail_.offset; }

  // Lays out the next group, in the memtable's image.
  GroupBuilder StartGroup() {
    return GroupBuilder(memtable_->image().subspan(end()), tail_);
  }

  // Writes `bytes`, what `group` was finished to. On OK the log ends behind it.
  // ResourceExhausted leaves the log as it was: the next group goes to the same
  // place. Does not index the records.
  absl::Status Append(const GroupBuilder& group,
                      std::span<const std::byte> bytes);

  // Makes everything durable that was appended before the call. After a failure
  // every later call returns that failure: a failed sync is never repeated.
  absl::Status Sync();

  // Lets the device begin with what was appended, as far as it is whole
  // megabytes, so that a Sync finds less to do. Promises nothing. May run
  // beside an Append, on any thread; returns at once while a sync is under way.
  void StartWriteback();

  // Closes the file. REQUIRES: no Append follows, and a Sync behind the last
  // one succeeded; a writer that comes late with a Sync of its own finds it
  // done.
  absl::Status CloseFile();

 private:
  ActiveLog(const FileHeader& header, std::string path,
            std::unique_ptr<io::WritableFile> file,
            std::shared_ptr<Memtable> memtable, uint64_t previous_check);

  const FileHeader header_;
  const std::string path_;
  const std::unique_ptr<io::WritableFile> file_;
  const std::shared_ptr<Memtable> memtable_;
  LogTail tail_;
  // tail_.offset. Relaxed: says where to begin, and publishes nothing.
  std::atomic<uint64_t> written_{0};

  base::Mutex sync_mu_;  // one sync at a time
  absl::Status sync_failure_ ABSL_GUARDED_BY(sync_mu_);
  bool closed_ ABSL_GUARDED_BY(sync_mu_) = false;
  uint64_t writeback_end_ ABSL_GUARDED_BY(sync_mu_) = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_ACTIVE_LOG_H_
