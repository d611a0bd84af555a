// Where the pages of one file are: an array with an entry for each page.
//
// Sealed files are immutable and dense, so that offset / 4096 is an index
// already: no hash, no lock, and neighbouring pages share a cache line. It
// costs 8 bytes for 4 KiB of file.

#ifndef QUIRE_CACHE_TRANSLATION_H_
#define QUIRE_CACHE_TRANSLATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "cache/huge_buffer.h"
#include "cache/page_entry.h"

namespace quire::cache {

// Move-only. Moving leaves the entries where they are: pointers to them stay
// valid until the array is destroyed. Entries may be used from any thread.
class Translation {
 public:
  // All pages evicted. Takes memory as pages are first used. ResourceExhausted
  // if the address space can't be had.
  static absl::StatusOr<Translation> Create(uint64_t page_count);

  // Of no pages.
  Translation() = default;
  Translation(Translation&&) noexcept = default;
  Translation& operator=(Translation&&) noexcept = default;

  // REQUIRES: page < page_count().
  PageEntry& entry(uint64_t page) const {
    QUIRE_DCHECK(page < page_count_);
    return entries_[page];
  }

  uint64_t page_count() const { return page_count_; }

 private:
  HugeBuffer memory_;
  PageEntry* entries_ = nullptr;
  uint64_t page_count_ = 0;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_TRANSLATION_H_
