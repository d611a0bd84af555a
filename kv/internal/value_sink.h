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
#include "kv/internal/view.h"
#include "kv/pinned_value.h"

namespace quire::kv_internal {

// Copies into the caller's string, reusing its capacity.
class StringSink {
 public:
  explicit StringSink(std::string* out) : out_(out) {}

  // A verified value in a page that stays only as long as the guard. False if
  // the sink would rather have a pin on it.
  bool TakeFromPage(std::string_view value) {
    out_->assign(value);
    return true;
  }
  // A verified value in the caller's scratch memory.
  void TakeCopy(std::string_view value) { out_->assign(value); }
  // A value in a memtable of `view`. REQUIRES: the guard of `view` is active.
  void TakeFromMemtable(std::string_view value, const View&) {
    out_->assign(value);
  }
  // A value in the bytes of `pin`.
  void TakePin(std::string_view value, io::Pin) { out_->assign(value); }

 private:
  std::string* out_;
};

// Fills a PinnedValue: copies what is small, pins what is large. Counts the
// pins in `pins`, which must outlive the value.
class PinnedSink {
 public:
  // Values up to this size are copied: a copy is cheaper than a pin, and holds
  // nothing back.
  static constexpr size_t kCopyBytes = 256;
  // Values in memtables are copied up to this size, since a pin there holds a
  // whole view.
  static constexpr size_t kMemtableCopyBytes = 4096;

  PinnedSink(PinnedValue* out, base::StripedCounter* pins)
      : out_(out), pins_(pins) {}

  bool TakeFromPage(std::string_view value) {
    if (value.size() > kCopyBytes) return false;
    PinnedValueFiller::SetCopy(*out_, value);
    return true;
  }
  void TakeCopy(std::string_view value) {
    PinnedValueFiller::SetCopy(*out_, value);
  }
  void TakeFromMemtable(std::string_view value, const View& view) {
    if (value.size() <= kMemtableCopyBytes) {
      PinnedValueFiller::SetCopy(*out_, value);
      return;
    }
    auto held = std::make_unique<HeldMemtable>(HeldView(&view), pins_);
    pins_->Add(1);
    PinnedValueFiller::SetHeld(
        *out_, value,
        [](void* context) noexcept {
          const std::unique_ptr<HeldMemtable> released(
              static_cast<HeldMemtable*>(context));
          released->view.Reset();
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
    HeldMemtable(HeldView v, base::StripedCounter* p)
        : view(std::move(v)), pins(p) {}
    HeldView view;
    base::StripedCounter* pins;
  };

  PinnedValue* out_;
  base::StripedCounter* pins_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VALUE_SINK_H_
