// The page provider: the narrow layer that every stored byte is read through.
//
// A database opens exactly one provider. Which one (pread, buffered, mmap,
// direct, or the user's own) changes cost, never bytes, errors or behaviour at
// the end of a file; tests/io/provider_conformance_test.cc holds every
// implementation to the promises written here.
//
// Only sealed files are attached: their bytes and sizes never change meanwhile,
// so nothing cached can go stale. A file that changes all the same (cut short
// by somebody else, a failing device) gives a Status, never a signal and never
// a short read. Checksums are the caller's: no byte means anything here.
//
// All calls are thread-safe unless stated. Offsets and lengths are in bytes.
#ifndef QUIRE_IO_PAGE_PROVIDER_H_
#define QUIRE_IO_PAGE_PROVIDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/striped_counter.h"
#include "io/pin.h"

namespace quire::io {

// What the caller will do with the bytes; said at each call, never guessed.
enum class CachePolicy : uint8_t {
  // Random access, worth keeping. Never read ahead.
  kPoint,
  // One of a run of neighbouring reads; may be kept, but must not push out what
  // point reads use.
  kScan,
  // Merging, verifying, dumping: leave the caches as they were found.
  kReadOnce,
};

// A sealed file known to a provider. Made by PageProvider::Attach;
// implementations derive from it.
class AttachedFile {
 public:
  AttachedFile(std::string path, uint64_t size_bytes)
      : path_(std::move(path)), size_bytes_(size_bytes) {}
  virtual ~AttachedFile() = default;
  AttachedFile(const AttachedFile&) = delete;
  AttachedFile& operator=(const AttachedFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  const std::string path_;
  const uint64_t size_bytes_;
};

// What Peek found. `data == nullptr` is a miss.
struct PeekResult {
  const std::byte* data = nullptr;
  // Contiguous bytes at `data`, at least 1 on a hit and at most the length
  // asked for. Fewer than asked for means that the rest lies in another frame:
  // peek again at offset + size.
  uint64_t size = 0;
  // True where touching `data` may raise SIGBUS (mmap): touch it only through
  // io::GuardedCopy.
  bool may_fault = false;
  // One byte of marks kept with the page that `data` lies in, cleared at each
  // fill, or nullptr where the provider can't tell when a page was filled. The
  // provider never reads it; kv keeps "checksum verified" there.
  std::atomic<uint8_t>* marks = nullptr;
};

// A range of bytes in an attached file.
struct Extent {
  const AttachedFile* file = nullptr;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// One slot of a batch for PageProvider::Read. `status` and `pin` are outputs:
// `pin` has exactly `extent.length` bytes if `status` is OK, none otherwise.
struct ReadRequest {
  Extent extent;
  absl::Status status;
  Pin pin;
};

// Counters since the provider was made. They never decide behaviour.
struct ProviderStats {
  uint64_t peek_hits = 0;     // Peek calls answered; may be a sample or 0
  uint64_t read_extents = 0;  // extents asked of Read
  uint64_t device_reads = 0;  // read requests handed to the kernel
  uint64_t device_bytes = 0;  // bytes of those
  uint64_t read_errors = 0;   // extents that ended in an error
  uint64_t evictions = 0;     // frames taken back from a page
  uint64_t cache_capacity_bytes = 0;
  uint64_t cache_used_bytes = 0;    // frames that hold a page
  uint64_t cache_pinned_bytes = 0;  // frames that a Pin holds
};

// How often bytes that were read failed a check of the caller's, by what
// reading them again from the file showed. Callers count: a provider knows no
// checksums.
struct FailedChecks {
  base::StripedCounter in_memory;  // passed then: memory, or the way to it
  base::StripedCounter on_media;   // failed again: the file itself
};

class PageProvider {
 public:
  virtual ~PageProvider() = default;

  // Makes the sealed file at `path`, of `size_bytes`, readable. Opens it and
  // checks its size: a shorter file is DataLoss, a missing one NotFound, both
  // naming the path; of a longer one only `size_bytes` can be read. A size of 0
  // is allowed. The result goes back to Detach.
  virtual absl::StatusOr<std::unique_ptr<AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) = 0;

  // Forgets the file; gives its memory and descriptors back. Pins stay valid.
  // REQUIRES: no Peek result, Read or Hint on it is in use: the caller let an
  // epoch pass (cache/epoch.h).
  virtual void Detach(std::unique_ptr<AttachedFile> file) = 0;

  // Returns bytes of [offset, offset + length) that are in memory now, or a
  // miss. Never blocks, never enters the kernel, never allocates. The pointer
  // is valid while the caller's EpochGuard is held. A provider without memory
  // of its own may miss always.
  // REQUIRES: an EpochGuard is active; length > 0; offset + length <=
  // file.size_bytes().
  virtual PeekResult Peek(const AttachedFile& file, uint64_t offset,
                          uint64_t length) {
    (void)file, (void)offset, (void)length;
    return {};
  }

  // Starts fetching what Peek at `offset` will look at before it can tell where
  // the bytes are. For callers with many places to peek at, which then don't
  // wait for each of them. May do nothing. REQUIRES: offset <
  // file.size_bytes().
  virtual void PrefetchPeek(const AttachedFile& file, uint64_t offset) {
    (void)file, (void)offset;
  }

  // Reads all requests as one plan: sorted, merged, submitted together, however
  // many files they touch. Blocks until each has a status. All or an error per
  // extent, never fewer bytes: beyond the end of the file is OutOfRange (also
  // in part); an empty extent within the file is OK; a media error is
  // Unavailable naming file, offset, length and errno; a file cut short under
  // us is DataLoss naming file and offset. One failed extent does not fail its
  // neighbours. Concurrent misses on one page cause one device read.
  // REQUIRES: the calling thread is outside of any EpochGuard.
  virtual void Read(std::span<ReadRequest> requests, CachePolicy policy) = 0;

  // Says what will be read soon. Cannot fail and may do nothing; doesn't wait
  // for I/O, but may open files. REQUIRES: outside of any EpochGuard.
  virtual void Hint(std::span<const Extent> extents, CachePolicy policy) = 0;

  // Drops what memory holds of the extents, the provider's own and, as far as
  // that can be, the kernel's, so that the next Read of them asks the device:
  // for bytes that failed a check of the caller's. Waits for loads of them that
  // are under way; a read that an AsyncReader has in flight may bring the old
  // bytes in afterwards. Marks go with the bytes. Pins keep what they have. The
  // default is for providers without memory. REQUIRES: outside of any
  // EpochGuard.
  virtual void Forget(std::span<const Extent> extents) { (void)extents; }

  // What to call the provider in an error: "pread", "direct".
  virtual std::string_view Name() const { return "a provider of the caller's"; }

  FailedChecks& failed_checks() { return failed_checks_; }

  // Counters and memory use. Slow (sums over threads); not for hot paths.
  virtual ProviderStats Stats() const = 0;

 private:
  FailedChecks failed_checks_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_PAGE_PROVIDER_H_
