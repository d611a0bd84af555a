#include "cache/translation.h"

#include <utility>

#include "base/status_macros.h"

namespace quire::cache {

absl::StatusOr<Translation> Translation::Create(uint64_t page_count) {
  Translation translation;
  if (page_count == 0) return translation;
  const uint64_t size_bytes = page_count * sizeof(PageEntry);
  QUIRE_ASSIGN_OR_RETURN(
      translation.memory_,
      HugeBuffer::Create(size_bytes, HugeBuffer::PagesFor(size_bytes)));
  // Zero bytes are an evicted entry (page_entry.h asserts that the atomic is
  // nothing but its value), so the array needs no construction, which would
  // touch all of it.
  translation.entries_ =
      reinterpret_cast<PageEntry*>(translation.memory_.data());
  translation.page_count_ = page_count;
  return translation;
}

}  // namespace quire::cache
