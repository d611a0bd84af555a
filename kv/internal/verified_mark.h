// The mark that a page of a table was verified since the provider filled it.
#ifndef QUIRE_KV_INTERNAL_VERIFIED_MARK_H_
#define QUIRE_KV_INTERNAL_VERIFIED_MARK_H_

#include <atomic>
#include <cstdint>

namespace quire::kv_internal {

// The bit that says so in the marks that a provider keeps with a page
// (io::PeekResult::marks). Of a block of several pages, each page has it.
inline constexpr uint8_t kVerifiedMark = 1;

// Relaxed is enough for the mark. The provider clears it before it publishes a
// filled frame, and whoever reads or sets it reached the frame by an acquire of
// that publication, so nobody meets a mark of an earlier fill; and nobody sets
// one late, because the frame isn't filled again while a guard or a pin that
// saw it lasts. The mark publishes no bytes: those came with the frame.

// False if `marks` is nullptr: nobody knows.
inline bool IsMarkedVerified(const std::atomic<uint8_t>* marks) {
  return marks != nullptr &&
         (marks->load(std::memory_order_relaxed) & kVerifiedMark) != 0;
}

// REQUIRES: the page was verified inside the guard, or with the pin, that
// `marks` came with.
inline void MarkVerified(std::atomic<uint8_t>* marks) {
  if (marks != nullptr) {
    marks->fetch_or(kVerifiedMark, std::memory_order_relaxed);
  }
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VERIFIED_MARK_H_
