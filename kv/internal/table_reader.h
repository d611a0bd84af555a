// An open table file: what its header and footer say, and where its hash
// section and its sorted section are. Probing is in hash_cursor.h.
#ifndef QUIRE_KV_INTERNAL_TABLE_READER_H_
#define QUIRE_KV_INTERNAL_TABLE_READER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/prefetch.h"
#include "cache/huge_buffer.h"
#include "io/page_provider.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/file_header.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {

// Which file a table is expected in; from the manifest.
struct TableIdentity {
  std::string path;
  uint64_t length_bytes = 0;
  uint64_t file_number = 0;
  uint64_t file_id = 0;
};

// Immutable but for what of it is in memory: the hash section becomes resident
// once and stays so; the fences are loaded by the first cursor and stay.
// Thread-safe.
class TableReader {
 public:
  // Attaches the file and reads and verifies header, footer and the list of
  // segments: nothing that grows with the number of keys. Errors name the path:
  // NotFound for a missing file, DataLoss for damage, a wrong length, or
  // another id or number than expected; FailedPrecondition for a newer format
  // or a file that is no table; Unavailable for an I/O error. `provider` must
  // outlive the reader. Blocks.
  static absl::StatusOr<std::unique_ptr<TableReader>> Open(
      io::PageProvider& provider, const TableIdentity& identity);

  // Detaches the file.
  // REQUIRES: no cursor is left, and an epoch passed since the last probe.
  ~TableReader();
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  io::PageProvider& provider() const { return provider_; }
  const io::AttachedFile& file() const { return *file_; }
  uint64_t size_bytes() const { return file_->size_bytes(); }
  const FileHeader& header() const { return header_; }
  const TableFooter& footer() const { return footer_; }
  uint64_t table_id() const { return footer_.table_id; }
  uint64_t entry_count() const { return footer_.entry_count; }
  uint64_t max_sequence() const { return footer_.max_sequence; }
  // What the keys of this table were hashed with. The caller that probes it
  // with hashes made otherwise would miss its keys: compare at open.
  uint64_t hash_seed() const { return footer_.hash_seed; }
  // In the order of their slots.
  const std::vector<TableSegment>& segments() const { return segments_; }

  // --- Hash section ---------------------------------------------------------

  // Bytes of the hash section, in the file and in memory once resident.
  uint64_t hash_section_bytes() const { return hash_bytes_; }

  // Reads the hash section, verifies every page and makes it resident in
  // huge-page memory; from then on probes need no provider. May run while other
  // threads probe. OK at once if it is resident. DataLoss or the provider's
  // error otherwise, ResourceExhausted without memory: probes go on through the
  // provider as before. Blocks.
  absl::Status LoadHashSection();

  // Makes the section resident from an image that TableBuilder::Finish gave for
  // this very file; nothing is read. Ignored if it is resident already.
  // REQUIRES: image.size() >= hash_section_bytes().
  void AdoptHashSection(cache::HugeBuffer image);

  // The resident section, or nullptr. Valid as long as the reader.
  const std::byte* resident_hash_section() const {
    // Acquire: pairs with the release in Publish, so that whoever sees the
    // pointer sees the bytes behind it.
    return resident_.load(std::memory_order_acquire);
  }

  // Starts fetching the line where a probe for `hash` begins. Does nothing
  // unless the section is resident.
  void PrefetchLine(uint64_t hash) const {
    const std::byte* section = resident_hash_section();
    if (section != nullptr) base::PrefetchCacheLine(section + HomeLine(hash));
  }

  // Offset in the hash section of the line where a probe for `hash` begins.
  // REQUIRES: the section is not empty.
  uint64_t HomeLine(uint64_t hash) const {
    return HashHomeLine(hash, hash_page_count_);
  }

  // --- Sorted section -------------------------------------------------------

  // The fences of the sorted section, read and verified at the first call. One
  // thread loads, others wait; after an error the next call tries again.
  // Blocks. Valid as long as the reader.
  absl::StatusOr<const FenceIndex*> Fences() const;

  // Bytes of memory that the table's index takes now: resident hash section and
  // fences.
  uint64_t resident_bytes() const;

 private:
  TableReader(io::PageProvider& provider,
              std::unique_ptr<io::AttachedFile> file);

  absl::Status ReadFrame(const TableIdentity& identity);
  absl::StatusOr<std::unique_ptr<FenceIndex>> ReadFences() const;
  // Reads and verifies the pages from offset `at` of the hash section on.
  absl::Status LoadHashPages(uint64_t at, std::span<std::byte> pages) const;
  void Publish(cache::HugeBuffer image) ABSL_EXCLUSIVE_LOCKS_REQUIRED(hash_mu_);

  // What a probe touches comes first, in one cache line.
  std::atomic<const std::byte*> resident_{nullptr};
  uint64_t hash_page_count_ = 0;
  uint64_t hash_bytes_ = 0;
  io::PageProvider& provider_;
  std::unique_ptr<io::AttachedFile> file_;  // given back by the destructor

  FileHeader header_;
  TableFooter footer_;
  std::vector<TableSegment> segments_;

  // Held while the hash section is read. Never held with fence_mu_.
  base::Mutex hash_mu_;
  cache::HugeBuffer hash_image_ ABSL_GUARDED_BY(hash_mu_);
  std::atomic<uint64_t> hash_memory_bytes_{0};

  mutable base::Mutex fence_mu_;
  mutable std::unique_ptr<FenceIndex> fence_storage_ ABSL_GUARDED_BY(fence_mu_);
  // Set once, with release, when fence_storage_ is complete; read with acquire.
  mutable std::atomic<const FenceIndex*> fences_{nullptr};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_TABLE_READER_H_
