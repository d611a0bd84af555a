#include "benchmarks/cache_policy/policies.h"

#include <array>
#include <limits>
#include <list>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "cache/epoch.h"
#include "cache/page_cache.h"
#include "cache/translation.h"

namespace quire::benchmarks {

HitCount RunQuire(const Trace& trace, uint32_t frames) {
  auto cache = cache::PageCache::Create(frames);
  QUIRE_CHECK(cache.ok());
  auto file = cache::Translation::Create(trace.pages);
  QUIRE_CHECK(file.ok());
  HitCount count;
  for (const PageAccess& access : trace.accesses) {
    cache::PageEntry& entry = file->entry(access.page);
    bool hit;
    {
      const cache::EpochGuard guard;
      hit = (access.scan ? (*cache)->Find(entry)
                         : (*cache)->FindAndUse(entry)) != cache::kNoFrame;
    }
    count.reads += access.scan ? 0 : 1;
    count.hits += hit && !access.scan ? 1 : 0;
    if (hit) continue;
    cache::PageLoad load;
    const cache::ClaimResult result = (*cache)->Claim(
        entry, access.scan ? cache::LoadFor::kScan : cache::LoadFor::kPoint,
        &load);
    if (result != cache::ClaimResult::kClaimed) continue;
    (*cache)->Publish(load);
    (*cache)->Unhold(load.frame);
  }
  (*cache)->Drop(*file);
  return count;
}

HitCount RunLru(const Trace& trace, uint32_t frames) {
  std::list<uint32_t> order;  // the latest first
  std::vector<std::optional<std::list<uint32_t>::iterator>> places(trace.pages);
  HitCount count;
  for (const PageAccess& access : trace.accesses) {
    auto& place = places[access.page];
    count.reads += access.scan ? 0 : 1;
    if (place.has_value()) {
      count.hits += access.scan ? 0 : 1;
      order.splice(order.begin(), order, *place);
      continue;
    }
    if (order.size() == frames) {
      places[order.back()].reset();
      order.pop_back();
    }
    order.push_front(access.page);
    place = order.begin();
  }
  return count;
}

HitCount RunClock(const Trace& trace, uint32_t frames) {
  constexpr uint8_t kMaxCount = 3;
  constexpr uint32_t kNobody = std::numeric_limits<uint32_t>::max();
  std::vector<uint32_t> page_in(frames, kNobody);
  std::vector<uint8_t> uses(frames, 0);
  std::vector<uint32_t> frame_of(trace.pages, kNobody);
  uint32_t hand = 0;
  HitCount count;
  for (const PageAccess& access : trace.accesses) {
    count.reads += access.scan ? 0 : 1;
    if (const uint32_t frame = frame_of[access.page]; frame != kNobody) {
      if (access.scan) continue;
      ++count.hits;
      if (uses[frame] < kMaxCount) ++uses[frame];
      continue;
    }
    while (page_in[hand] != kNobody && uses[hand] > 0) {
      --uses[hand];
      hand = (hand + 1) % frames;
    }
    if (page_in[hand] != kNobody) frame_of[page_in[hand]] = kNobody;
    page_in[hand] = access.page;
    uses[hand] = access.scan ? 0 : 1;
    frame_of[access.page] = hand;
    hand = (hand + 1) % frames;
  }
  return count;
}

HitCount RunOptimum(const Trace& trace, uint32_t frames) {
  constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  // For each access: when its page is next read by a point read.
  std::vector<uint64_t> next(trace.accesses.size());
  std::vector<uint64_t> seen(trace.pages, kNever);
  for (size_t i = trace.accesses.size(); i-- > 0;) {
    const PageAccess& access = trace.accesses[i];
    next[i] = seen[access.page];
    if (!access.scan) seen[access.page] = i;
  }
  std::set<std::pair<uint64_t, uint32_t>> kept;  // by next read
  std::vector<uint64_t> key(trace.pages, 0);
  std::vector<bool> resident(trace.pages, false);
  HitCount count;
  for (size_t i = 0; i < trace.accesses.size(); ++i) {
    const auto [page, scan] = trace.accesses[i];
    count.reads += scan ? 0 : 1;
    if (resident[page]) {
      count.hits += scan ? 0 : 1;
      kept.erase({key[page], page});
      resident[page] = false;
    }
    if (next[i] == kNever) continue;
    if (kept.size() == frames) {
      const auto last = std::prev(kept.end());
      if (last->first <= next[i]) continue;
      resident[last->second] = false;
      kept.erase(last);
    }
    key[page] = next[i];
    kept.insert({next[i], page});
    resident[page] = true;
  }
  return count;
}

std::span<const CachePolicy> CachePolicies() {
  static const std::array<CachePolicy, 4> policies = {{
      {"quire", RunQuire},
      {"lru", RunLru},
      {"clock", RunClock},
      {"optimum", RunOptimum},
  }};
  return policies;
}

}  // namespace quire::benchmarks
