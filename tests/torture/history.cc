#include "tests/torture/history.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace quire::torture {
namespace {

void Apply(const History::Batch& batch, State& state) {
  for (const auto& [key, value] : batch) {
    if (value.has_value()) {
      state[key] = *value;
    } else {
      state.erase(key);
    }
  }
}

bool Fits(const Observed& observed, const State& state) {
  for (const auto& [key, value] : observed.values) {
    const auto it = state.find(key);
    if (value.has_value() != (it != state.end())) return false;
    if (value.has_value() && *value != it->second) return false;
  }
  return std::all_of(state.begin(), state.end(), [&](const auto& entry) {
    return observed.values.contains(entry.first) ||
           observed.unreadable.contains(entry.first);
  });
}

// The beginning of a value tells which one it is.
std::string Short(const std::optional<std::string>& value) {
  if (!value.has_value()) return "none";
  return value->substr(0, value->find(':'));
}

std::string Text(const std::string& key) {
  return key.size() <= 8 ? key : absl::StrCat(key.substr(0, 8), "...");
}

}  // namespace

History::History(State base) : base_(std::move(base)), states_({base_}) {
  keys_ = {"", "never", "zz"};
  for (const auto& [key, value] : base_) keys_.insert(key);
  marks_.push_back(now_);
}

void History::Begin(Batch batch, size_t position) {
  for (const auto& [key, value] : batch) keys_.insert(key);
  State next = states_.back();
  Apply(batch, next);
  states_.push_back(std::move(next));
  batches_.push_back({std::move(batch), false});
  now_.begun = batches_.size();
  AddMark(position);
}

void History::Acknowledge(size_t position) {
  now_.acknowledged = batches_.size();
  AddMark(position);
}

void History::Fail(size_t position) {
  batches_.back().unknown = true;
  now_.acknowledged = batches_.size();
  AddMark(position);
}

void History::BecomeDurable(size_t position) {
  now_.durable = now_.acknowledged;
  AddMark(position);
}

void History::AddMark(size_t position) {
  now_.position = position;
  marks_.push_back(now_);
}

const History::Mark& History::At(size_t position) const {
  const auto it = std::upper_bound(
      marks_.begin(), marks_.end(), position,
      [](size_t at, const Mark& mark) { return at < mark.position; });
  QUIRE_CHECK(it != marks_.begin());
  return *std::prev(it);
}

History::Bounds History::AfterPowerLoss(size_t position) const {
  const Mark& mark = At(position);
  return {mark.durable, mark.begun};
}

History::Bounds History::AfterDeath(size_t position) const {
  const Mark& mark = At(position);
  return {mark.acknowledged, mark.begun};
}

size_t History::unknown_count() const {
  return static_cast<size_t>(
      std::count_if(batches_.begin(), batches_.end(),
                    [](const Entry& entry) { return entry.unknown; }));
}

bool History::Search(const Observed& observed, Bounds bounds, size_t index,
                     const State& state) const {
  if (index >= bounds.lower && Fits(observed, state)) return true;
  if (index >= bounds.upper) return false;
  State with = state;
  Apply(batches_[index].batch, with);
  if (Search(observed, bounds, index + 1, with)) return true;
  return batches_[index].unknown && Search(observed, bounds, index + 1, state);
}

std::optional<std::string> History::Explain(const Observed& observed,
                                            Bounds bounds) const {
  for (size_t i = bounds.upper + 1; i > bounds.lower; --i) {
    if (Fits(observed, states_[i - 1])) return std::nullopt;
  }
  const auto first_unknown =
      std::find_if(batches_.begin(), batches_.end(),
                   [](const Entry& entry) { return entry.unknown; });
  const auto start =
      std::min<size_t>(first_unknown - batches_.begin(), bounds.upper);
  if (start < bounds.upper && Search(observed, bounds, start, states_[start])) {
    return std::nullopt;
  }
  std::string text =
      absl::StrCat("not a state of ", bounds.lower, " to ", bounds.upper,
                   " batches; differs from the last in");
  const State& last = states_[bounds.upper];
  for (const std::string& key : keys_) {
    const auto value = observed.values.find(key);
    if (value == observed.values.end()) continue;
    const auto it = last.find(key);
    const auto expected =
        it == last.end() ? std::nullopt : std::optional(it->second);
    if (value->second == expected) continue;
    absl::StrAppend(&text, " '", Text(key), "': ", Short(value->second),
                    " for ", Short(expected));
  }
  return text;
}

}  // namespace quire::torture
