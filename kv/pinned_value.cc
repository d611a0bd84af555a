#include "kv/pinned_value.h"

#include <cstddef>
#include <functional>
#include <utility>

#include "kv/internal/pinned_value_filler.h"

namespace quire {
namespace {

// Whether `part` lies in `whole`; std::less orders pointers into different
// objects too.
bool Contains(std::string_view whole, std::string_view part) {
  const std::less<const char*> before;
  return !before(part.data(), whole.data()) &&
         !before(whole.data() + whole.size(), part.data() + part.size());
}

}  // namespace

PinnedValue::PinnedValue(PinnedValue&& other) noexcept {
  *this = std::move(other);
}

PinnedValue& PinnedValue::operator=(PinnedValue&& other) noexcept {
  if (this == &other) return *this;
  LetGo();
  // A short copy lies inside the string object itself and moves with it.
  const bool is_copy = Contains(other.copy_, other.value_);
  const ptrdiff_t begin =
      is_copy ? other.value_.data() - other.copy_.data() : 0;
  value_ = std::exchange(other.value_, {});
  copy_ = std::exchange(other.copy_, {});
  if (is_copy) value_ = {copy_.data() + begin, value_.size()};
  pin_ = std::move(other.pin_);
  release_ = std::exchange(other.release_, nullptr);
  release_context_ = std::exchange(other.release_context_, nullptr);
  return *this;
}

void PinnedValue::Reset() noexcept {
  LetGo();
  copy_ = std::string();
}

void PinnedValue::LetGo() noexcept {
  value_ = {};
  pin_.Reset();
  if (release_ != nullptr) {
    std::exchange(release_, nullptr)(std::exchange(release_context_, nullptr));
  }
}

namespace kv_internal {

void PinnedValueFiller::SetCopy(PinnedValue& target, std::string_view value) {
  // First the copy: `value` may lie in what is let go next.
  target.copy_.assign(value);
  target.LetGo();
  target.value_ = target.copy_;
}

std::span<char> PinnedValueFiller::StartCopy(PinnedValue& target, size_t size) {
  target.LetGo();
  target.copy_.resize(size);
  return target.copy_;
}

bool PinnedValueFiller::FinishCopy(PinnedValue& target,
                                   std::string_view value) {
  if (!Contains(target.copy_, value)) return false;
  target.value_ = value;
  return true;
}

bool PinnedValueFiller::Holds(const PinnedValue& target,
                              std::string_view bytes) {
  const std::less<const char*> before;
  return before(bytes.data(), target.value_.data() + target.value_.size()) &&
         before(target.value_.data(), bytes.data() + bytes.size());
}

void PinnedValueFiller::SetPin(PinnedValue& target, io::Pin pin,
                               std::string_view value, Release release,
                               void* context) {
  target.LetGo();
  target.value_ = value;
  target.pin_ = std::move(pin);
  target.release_ = release;
  target.release_context_ = context;
}

void PinnedValueFiller::SetHeld(PinnedValue& target, std::string_view value,
                                Release release, void* context) {
  SetPin(target, io::Pin(), value, release, context);
}

}  // namespace kv_internal
}  // namespace quire
