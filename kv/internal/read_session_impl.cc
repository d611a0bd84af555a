#include "kv/internal/read_session_impl.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace quire::kv_internal {
namespace {

// Keys that are looked up at a time.
constexpr size_t kSomeKeys = 32;

// The same for a session, which doesn't wait while it looks into memory.
PointReader::Options ForSession(PointReader::Options options) {
  options.may_fault = false;
  return options;
}

}  // namespace

ReadSessionImpl::ReadSessionImpl(DatabaseCore& core, PointReader& reader,
                                 const PointReader::Options& options,
                                 uint32_t depth, base::StripedCounter& sessions)
    : core_(core),
      point_reader_(reader),
      options_(ForSession(options)),
      depth_(depth),
      sessions_(sessions),
      reader_(io::NewAsyncReader(*core.provider.provider, depth)) {
  QUIRE_CHECK(depth >= 1);
  sessions_.Add(1);
}

ReadSessionImpl::~ReadSessionImpl() {
  reader_.reset();
  lookups_.clear();
  completed_.clear();
  sessions_.Add(-1);
}

void ReadSessionImpl::Submit(std::span<const std::string_view> keys,
                             std::span<const uint64_t> tags) {
  QUIRE_CHECK(keys.size() == tags.size());
  core_.counters.multiget_keys.Add(static_cast<int64_t>(keys.size()));
  for (size_t begin = 0; begin < keys.size(); begin += kSomeKeys) {
    const size_t count = std::min(kSomeKeys, keys.size() - begin);
    SubmitSome(keys.subspan(begin, count), tags.subspan(begin, count));
  }
  StartReads();
}

void ReadSessionImpl::SubmitSome(std::span<const std::string_view> keys,
                                 std::span<const uint64_t> tags) {
  std::array<PinnedValue, kSomeKeys> values;
  std::array<absl::Status, kSomeKeys> statuses;
  std::array<bool, kSomeKeys> blocked = {};
  std::vector<Search> searches;
  HeldView held = point_reader_.LookUpInMemory(
      keys, options_, std::span(values).first(keys.size()),
      std::span(statuses).first(keys.size()), &searches);
  SharedView view;
  if (!searches.empty()) {
    view = options_.view == nullptr ? Share(std::move(held)) : *options_.view;
  }
  for (const Search& search : searches) {
    const auto i = static_cast<size_t>(search.status() - statuses.data());
    blocked[i] = true;
    Lookup& lookup = NewLookup();
    lookup.key = keys[i];
    lookup.view = view;
    lookup.completion.tag = tags[i];
    lookup.search.emplace(
        search.search().WithKeyAt(lookup.key),
        PinnedSink(&lookup.completion.value, &core_.pinned_values),
        &lookup.completion.status);
    GoOn(lookup);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (blocked[i]) continue;
    completed_.push_back({.tag = tags[i],
                          .status = std::move(statuses[i]),
                          .value = std::move(values[i])});
  }
}

ReadSessionImpl::Lookup& ReadSessionImpl::NewLookup() {
  if (free_.empty()) return lookups_.emplace_back();
  Lookup* const lookup = free_.back();
  free_.pop_back();
  return *lookup;
}

void ReadSessionImpl::GoOn(Lookup& lookup) {
  if (lookup.search->Advance(*core_.provider.provider)) {
    waiting_.push_back(&lookup);
    return;
  }
  completed_.push_back(std::move(lookup.completion));
  lookup.search.reset();
  lookup.view.reset();
  free_.push_back(&lookup);
}

void ReadSessionImpl::StartReads() noexcept {
  while (!waiting_.empty() && in_flight_ < depth_) {
    // One call for what is read alike.
    const bool past_cache = waiting_.front()->search->past_cache();
    starting_.clear();
    while (!waiting_.empty() && in_flight_ < depth_ &&
           waiting_.front()->search->past_cache() == past_cache) {
      Lookup& lookup = *waiting_.front();
      waiting_.pop_front();
      lookup.extent = lookup.search->extent();
      starting_.push_back(&lookup);
      ++in_flight_;
    }
    reader_->Submit(starting_,
                    past_cache ? io::CachePolicy::kReadOnce : options_.policy);
  }
}

void ReadSessionImpl::TakeReads(size_t least) noexcept {
  taken_.resize(in_flight_);
  const size_t count = reader_->Poll(std::min(least, in_flight_), taken_);
  in_flight_ -= count;
  for (size_t i = 0; i < count; ++i) {
    auto& lookup = static_cast<Lookup&>(*taken_[i]);
    io::ReadRequest& request = lookup;
    lookup.search->Supply(*core_.provider.provider, std::move(request));
    GoOn(lookup);
  }
  StartReads();
}

size_t ReadSessionImpl::Poll(size_t least, std::span<Completion> completions) {
  least = std::min(least, completions.size());
  do {
    TakeReads(least > completed_.size() ? least - completed_.size() : 0);
  } while (completed_.size() < least && in_flight_ > 0);
  return Give(completions);
}

size_t ReadSessionImpl::Give(std::span<Completion> completions) {
  const size_t count = std::min(completions.size(), completed_.size());
  for (size_t i = 0; i < count; ++i) {
    completions[i] = std::move(completed_.front());
    completed_.pop_front();
    if (absl::IsDataLoss(completions[i].status)) {
      core_.counters.checksum_failures.Add(1);
    }
  }
  return count;
}

}  // namespace quire::kv_internal
