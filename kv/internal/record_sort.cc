#include "kv/internal/record_sort.h"

#include <array>
#include <utility>
#include <vector>

#include "base/prefetch.h"
#include "kv/internal/format.h"
#include "kv/internal/memory_record.h"

namespace quire::kv_internal {
namespace {

// Below, comparing beats counting.
constexpr size_t kSmallestRadixGroup = 512;

// Records touched this far ahead: enough to overlap their cache misses.
constexpr size_t kPrefetchDistance = 16;

// Keys of a group looked at for a guess at what all of them share.
constexpr size_t kSamples = 16;

class RecordSorter {
 public:
  RecordSorter(const std::byte* image, std::span<SortEntry> entries,
               std::span<SortEntry> scratch)
      : image_(image), entries_(entries), scratch_(scratch) {}

  size_t Run();

 private:
  // Entries [begin, end), whose keys agree in the first `shared` bytes.
  struct Group {
    size_t begin;
    size_t end;
    size_t shared;
  };

  std::string_view Key(const SortEntry& entry) const {
    return MemoryRecord(image_ + uint64_t{entry.place} * kAlignmentBytes).key();
  }

  // How many bytes behind the first group.shared ones the group's keys share,
  // or of them only every `stride`th one.
  size_t SharedBehind(const Group& group, size_t stride) const;

  // Sets words and rests of the group if its keys share `more` bytes behind the
  // first group.shared ones; else returns false.
  bool LoadWords(const Group& group, size_t more);

  // Starts fetching the record of entry `i` if that is below `end`.
  void Prefetch(size_t i, size_t end) const {
    if (i >= end) return;
    base::PrefetchCacheLine(image_ +
                            uint64_t{entries_[i].place} * kAlignmentBytes);
  }

  // Sorts a group whose keys share at least group.shared bytes, but for those
  // that agree in their next word too and go on behind it: they are put on
  // pending_. Returns how many bytes the keys share.
  size_t SortByWord(Group group);
  void RadixSort(size_t begin, size_t end);

  const std::byte* const image_;
  const std::span<SortEntry> entries_;
  const std::span<SortEntry> scratch_;
  std::vector<Group> pending_;
};

size_t RecordSorter::Run() {
  const size_t shared = SortByWord({0, entries_.size(), 0});
  // Sorting the groups overwrites their words.
  std::vector<std::pair<Group, uint64_t>> groups;
  groups.reserve(pending_.size());
  for (const Group& group : pending_) {
    groups.emplace_back(group, entries_[group.begin].word);
  }
  while (!pending_.empty()) {
    const Group group = pending_.back();
    pending_.pop_back();
    SortByWord(group);
  }
  for (const auto& [group, word] : groups) {
    for (size_t i = group.begin; i < group.end; ++i) entries_[i].word = word;
  }
  return shared;
}

size_t RecordSorter::SharedBehind(const Group& group, size_t stride) const {
  const std::string_view first =
      Key(entries_[group.begin]).substr(group.shared);
  size_t more = first.size();
  for (size_t i = group.begin; i < group.end; i += stride) {
    Prefetch(i + kPrefetchDistance * stride, group.end);
    more = SharedBytes(first.substr(0, more),
                       Key(entries_[i]).substr(group.shared));
  }
  return more;
}

bool RecordSorter::LoadWords(const Group& group, size_t more) {
  const size_t skip = group.shared + more;
  const std::string_view shared =
      Key(entries_[group.begin]).substr(group.shared, more);
  for (size_t i = group.begin; i < group.end; ++i) {
    Prefetch(i + kPrefetchDistance, group.end);
    const std::string_view key = Key(entries_[i]);
    if (key.substr(group.shared, more) != shared) return false;
    entries_[i].word = KeyWord(key, skip);
    entries_[i].rest = std::min(key.size() - skip, kWordBytes + 1);
  }
  return true;
}

size_t RecordSorter::SortByWord(Group group) {
  // A guess from a few keys spares a pass over all of them; it can only be too
  // long.
  size_t more =
      SharedBehind(group, (group.end - group.begin + kSamples - 1) / kSamples);
  if (!LoadWords(group, more)) {
    more = SharedBehind(group, 1);
    LoadWords(group, more);
  }
  group.shared += more;
  if (group.end - group.begin >= kSmallestRadixGroup) {
    RadixSort(group.begin, group.end);
  } else {
    std::sort(entries_.begin() + group.begin, entries_.begin() + group.end,
              [](const SortEntry& a, const SortEntry& b) {
                if (a.word != b.word) return a.word < b.word;
                if (a.rest != b.rest) return a.rest < b.rest;
                return a.place > b.place;
              });
  }
  for (size_t begin = group.begin, end; begin < group.end; begin = end) {
    const SortEntry& entry = entries_[begin];
    end = begin + 1;
    while (end < group.end && entries_[end].word == entry.word &&
           entries_[end].rest == entry.rest) {
      ++end;
    }
    if (end - begin > 1 && entry.rest > kWordBytes) {
      pending_.push_back({begin, end, group.shared + kWordBytes});
    }
  }
  return group.shared;
}

// Stable, and places descend before, so they do so within equal keys after.
void RecordSorter::RadixSort(size_t begin, size_t end) {
  // Digit 0 is `rest`, then the bytes of the word from the last to the first.
  constexpr size_t kDigits = 1 + kWordBytes;
  const auto digit = [](const SortEntry& entry, size_t d) {
    return d == 0 ? entry.rest : entry.word >> (8 * (d - 1)) & 0xff;
  };
  std::array<std::array<uint32_t, 256>, kDigits> counts = {};
  for (size_t i = begin; i < end; ++i) {
    for (size_t d = 0; d < kDigits; ++d) ++counts[d][digit(entries_[i], d)];
  }
  std::span<SortEntry> from = entries_.subspan(begin, end - begin);
  std::span<SortEntry> to = scratch_.subspan(begin, end - begin);
  for (size_t d = 0; d < kDigits; ++d) {
    if (counts[d][digit(from[0], d)] == from.size()) continue;
    uint32_t next = 0;
    for (uint32_t& count : counts[d]) next += std::exchange(count, next);
    for (const SortEntry& entry : from) {
      to[counts[d][digit(entry, d)]++] = entry;
    }
    std::swap(from, to);
  }
  if (from.data() != &entries_[begin]) {
    std::copy(from.begin(), from.end(), entries_.begin() + begin);
  }
}

}  // namespace

size_t SortRecords(const std::byte* image, std::span<SortEntry> entries,
                   std::span<SortEntry> scratch) {
  return RecordSorter(image, entries, scratch).Run();
}

}  // namespace quire::kv_internal
