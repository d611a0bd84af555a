// Where a point read puts the value that it found.
#ifndef QUIRE_KV_INTERNAL_VALUE_SINK_H_
#define QUIRE_KV_INTERNAL_VALUE_SINK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/striped_counter.h"
#include "io/page_provider.h"
#include "kv/internal/pinned_value_filler.h"
#include "kv/internal/resident_record.h"
#include "kv/internal/view.h"
#include "kv/pinned_value.h"

namespace quire::kv_internal {

// Copies into the caller's string, reusing its capacity.
class StringSink {
 public:
  explicit StringSink(std::string* out) : out_(out) {}

  // Memory to copy a record of `size` bytes to, the key of which is looked up
  // by `key`. What the sink held before may be gone then.
  std::byte* Room(size_t, std::string_view) { return ThreadScratch(); }
  // A verified value in memory that stays only as long as the guard, or in what
  // Room gave last.
  void TakeResident(std::string_view value) { out_->assign(value); }
  // A value in a memtable of `view`, which `shared` holds if that is not
  // nullptr. REQUIRES: else the guard of `view` is active.
  void TakeFromMemtable(std::string_view value, const View&,
                        const SharedView*) {
    out_->assign(value);
  }
  // A value in the bytes of `pin`.
  void TakePin(std::string_view value, io::Pin) { out_->assign(value); }

 private:
  std::string* out_;
};

// Fills a PinnedValue: copies what a hit found, keeps the pin that a read gave
// unless the value is small. Counts the pins in `pins`, which must outlive the
// value.
class PinnedSink {
 public:
  // Values up to this size are copied even where there is a pin already: a copy
  // is cheap and holds nothing back.
  static constexpr size_t kCopyBytes = 256;
  // Values in memtables are copied up to this size, since a pin there holds a
  // whole view.
  static constexpr size_t kMemtableCopyBytes = 4096;

  PinnedSink(PinnedValue* out, base::StripedCounter* pins)
      : out_(out), pins_(pins) {}

  // The value's own memory, where it stays, if `key` doesn't lie in it.
  std::byte* Room(size_t size, std::string_view key) {
    if (PinnedValueFiller::Holds(*out_, key)) return ThreadScratch();
    return reinterpret_cast<std::byte*>(
        PinnedValueFiller::StartCopy(*out_, size).data());
  }
  // Copied, whatever its size: what was verified lies in the processor's cache,
  // while a pin would be counted in memory that doesn't, and that all threads
  // which read the page share.
  void TakeResident(std::string_view value) {
    if (!PinnedValueFiller::FinishCopy(*out_, value)) {
      PinnedValueFiller::SetCopy(*out_, value);
    }
  }
  void TakeFromMemtable(std::string_view value, const View& view,
                        const SharedView* shared) {
    if (value.size() <= kMemtableCopyBytes) {
      PinnedValueFiller::SetCopy(*out_, value);
      return;
    }
    auto held = std::make_unique<HeldMemtable>(
        shared == nullptr ? Share(HeldView(&view)) : *shared, pins_);
    pins_->Add(1);
    PinnedValueFiller::SetHeld(
        *out_, value,
        [](void* context) noexcept {
          const std::unique_ptr<HeldMemtable> released(
              static_cast<HeldMemtable*>(context));
          released->view.reset();
          released->pins->Add(-1);
        },
        held.release());
  }
  void TakePin(std::string_view value, io::Pin pin) {
    if (value.size() <= kCopyBytes) {
      PinnedValueFiller::SetCopy(*out_, value);
      return;
    }
    pins_->Add(1);
    PinnedValueFiller::SetPin(
        *out_, std::move(pin), value,
        [](void* context) noexcept {
          static_cast<base::StripedCounter*>(context)->Add(-1);
        },
        pins_);
  }

 private:
  struct HeldMemtable {
    HeldMemtable(SharedView v, base::StripedCounter* p)
        : view(std::move(v)), pins(p) {}
    SharedView view;
    base::StripedCounter* pins;
  };

  PinnedValue* out_;
  base::StripedCounter* pins_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VALUE_SINK_H_
