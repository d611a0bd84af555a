// What the cached provider keeps for each attached file.

#ifndef QUIRE_IO_CACHED_FILE_H_
#define QUIRE_IO_CACHED_FILE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "cache/frame_table.h"
#include "cache/page_entry.h"
#include "cache/placement_hints.h"
#include "cache/translation.h"
#include "io/file_table.h"
#include "io/page_provider.h"

namespace quire::io {

// Immutable but for the entries. Thread-safe.
class CachedFile final : public AttachedFile {
 public:
  static constexpr uint64_t kPageBytes = cache::kFrameBytes;

  // `pages` has an entry for each page of `size_bytes`. `direct_alignment` as
  // of the file while it is open.
  CachedFile(std::string path, uint64_t size_bytes,
             std::unique_ptr<TableFile> file, uint32_t direct_alignment,
             cache::Translation pages)
      : AttachedFile(std::move(path), size_bytes),
        file_(std::move(file)),
        direct_alignment_(direct_alignment),
        pages_(std::move(pages)),
        hints_(pages_.page_count()) {}

  // The file as this provider attached it. REQUIRES: it did.
  static const CachedFile& From(const AttachedFile& file) {
    return static_cast<const CachedFile&>(file);
  }

  const TableFile& file() const { return *file_; }
  uint32_t direct_alignment() const { return direct_alignment_; }
  const cache::Translation& pages() const { return pages_; }
  cache::PageEntry& entry(uint64_t page) const { return pages_.entry(page); }

  cache::PlacementHints& hints() const { return hints_; }

  // Bytes of the file in `page`, which it has.
  uint64_t PageSize(uint64_t page) const {
    return std::min(kPageBytes, size_bytes() - page * kPageBytes);
  }

 private:
  const std::unique_ptr<TableFile> file_;
  const uint32_t direct_alignment_;
  const cache::Translation pages_;
  mutable cache::PlacementHints hints_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_CACHED_FILE_H_
