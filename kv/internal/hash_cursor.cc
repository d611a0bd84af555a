#include "kv/internal/hash_cursor.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "base/check.h"
#include "io/guarded_copy.h"
#include "io/page_provider.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/table_format.h"
#include "kv/internal/verified_mark.h"

namespace quire::kv_internal {

HashCursor::Step HashCursor::TakePagedLine() {
  if (copy_next_ == copy_end_) {
    const Step step = PeekPage();
    if (step != Step::kCandidate) return step;
  }
  line_ = nullptr;
  copy_at_ = copy_next_;
  copy_next_ += kHashLineBytes;
  TakeLine(copy_ + copy_at_);
  return Step::kCandidate;
}

HashCursor::Step HashCursor::PeekPage() {
  const io::Extent extent = missing_page();
  const io::PeekResult found =
      table_->provider().Peek(*extent.file, extent.offset, extent.length);
  if (found.data == nullptr || found.size < extent.length) return Step::kMiss;
  if (!found.may_fault) {
    return TakePage(found.data, found.marks) ? Step::kCandidate
                                             : Step::kDamaged;
  }
  if (!may_fault_) return Step::kMiss;
  // What may fault may also change under us: the copy is what is verified.
  std::byte page[kPageBytes];
  // A fault becomes a Status where the caller reads the page.
  if (!io::GuardedCopy(page, found.data, kPageBytes)) return Step::kMiss;
  return TakePage(page, nullptr) ? Step::kCandidate : Step::kDamaged;
}

bool HashCursor::TakePage(const std::byte* page, std::atomic<uint8_t>* marks) {
  if (!IsMarkedVerified(marks)) {
    const HashPageCheck check =
        CheckHashPage(page, table_->table_id(), missing_page().offset);
    if (!check.ok()) {
      damage_ = check;
      return false;
    }
    MarkVerified(marks);
  }
  const uint64_t from = at_ % kPageBytes;
  const uint64_t size = std::min<uint64_t>(sizeof(copy_), kPageBytes - from);
  std::memcpy(copy_, page + from, size);
  copy_next_ = 0;
  copy_end_ = static_cast<uint16_t>(size);
  return true;
}

io::Extent HashCursor::missing_page() const {
  return {
      .file = &table_->file(),
      .offset = table_->footer().hash_offset + at_ / kPageBytes * kPageBytes,
      .length = kPageBytes};
}

absl::Status HashCursor::Supply(io::Pin pin) {
  QUIRE_CHECK(pin.bytes().size() == kPageBytes);
  if (!TakePage(pin.bytes().data(), pin.marks())) return status();
  return absl::OkStatus();
}

absl::Status HashCursor::status() const {
  return DamagedTableError(table_->file().path(), missing_page().offset,
                           kHashPageKind, damage_.stored, damage_.computed);
}

}  // namespace quire::kv_internal
