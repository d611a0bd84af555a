#include "kv/internal/hash_section_builder.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "base/prefetch.h"
#include "base/status_macros.h"
#include "cache/huge_buffer.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/sequential_writer.h"

namespace quire::kv_internal {
namespace {

// How many entries ahead the lines of the hash image are fetched. An insert is
// one cache miss at a random place: this many are under way together.
constexpr size_t kInsertsAhead = 16;

// How many entries have their home in each line of the ring: a byte a line, and
// what is above 255 aside. Lines with more than 8 are one in four, those with
// more than 255 hold a key of many versions.
class LineCounts {
 public:
  explicit LineCounts(uint64_t line_count) : low_(line_count) {}

  void Add(uint64_t line) {
    if (++low_[line] == 0) ++high_[line];
  }
  void Prefetch(uint64_t line) const { base::PrefetchCacheLine(&low_[line]); }

  uint64_t line_count() const { return low_.size(); }
  uint64_t operator[](uint64_t line) const {
    uint64_t count = low_[line];
    if (!high_.empty()) {
      const auto high = high_.find(line);
      if (high != high_.end()) count += high->second << 8;
    }
    return count;
  }

 private:
  std::vector<uint8_t> low_;
  std::unordered_map<uint64_t, uint64_t> high_;
};

absl::StatusOr<LineCounts> CountHomes(uint64_t page_count,
                                      HashedEntrySource source) {
  LineCounts counts(page_count * kLinesPerHashPage);
  QUIRE_RETURN_IF_ERROR(source([&](std::span<const HashedEntry> entries) {
    for (size_t i = 0; i < entries.size(); ++i) {
      const size_t ahead = std::min(i + kInsertsAhead, entries.size() - 1);
      counts.Prefetch(HashHomeIndex(entries[ahead].hash, page_count));
      counts.Add(HashHomeIndex(entries[i].hash, page_count));
    }
  }));
  return counts;
}

// Which entries overflow into which line depends on their order; how many do,
// on the counts alone. Where none does, the ring can be cut: what has its home
// on one side of the cut stays there.
//
// The last cut of the ring, from 1 to line_count: where the sum of
// (entries - places) over all lines before is lowest, no stretch of lines that
// ends there has more entries than places, also not round the ring, as the sum
// over all of it is negative.
uint64_t LastCut(const LineCounts& counts) {
  int64_t sum = 0;
  int64_t lowest = INT64_MAX;
  uint64_t cut = 0;
  for (uint64_t line = 0; line < counts.line_count(); ++line) {
    sum += static_cast<int64_t>(counts[line]) - int64_t{kEntriesPerLine};
    if (sum <= lowest) {
      lowest = sum;
      cut = line + 1;
    }
  }
  return cut;
}

// A stretch of the ring between two cuts, in lines behind the last cut.
struct LineRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - begin; }
};

// Cuts the whole ring, from `last_cut` round to it, into ranges of at most
// `max_lines` where that can be.
std::vector<LineRange> CutRing(const LineCounts& counts, uint64_t last_cut,
                               uint64_t max_lines) {
  const uint64_t lines = counts.line_count();
  std::vector<LineRange> ranges;
  uint64_t begin = 0;
  uint64_t cut = 0;       // the last place where the ring can be cut
  uint64_t overflow = 0;  // entries that go on behind `end`
  for (uint64_t end = 1; end <= lines; ++end) {
    overflow += counts[(last_cut + end - 1) % lines];
    overflow -= std::min<uint64_t>(overflow, kEntriesPerLine);
    if (overflow > 0) continue;
    if (end - begin > max_lines && cut > begin) {
      ranges.push_back({begin, cut});
      begin = cut;
    }
    cut = end;
  }
  QUIRE_CHECK(cut == lines);
  ranges.push_back({begin, cut});
  return ranges;
}

// Puts lines into pages and appends those.
class PageWriter {
 public:
  PageWriter(const HashSectionPlace& place, SequentialWriter& writer)
      : place_(place), writer_(writer) {}

  absl::Status Append(std::span<const std::byte> lines) {
    while (!lines.empty()) {
      const size_t size = std::min(lines.size(), kPageBytes - filled_);
      std::memcpy(page_.data() + filled_, lines.data(), size);
      filled_ += size;
      lines = lines.subspan(size);
      if (filled_ < kPageBytes) break;
      SealHashPage(page_.data(), page_index_, place_.table_id,
                   place_.offset + page_index_ * kPageBytes);
      QUIRE_RETURN_IF_ERROR(writer_.Append(page_));
      ++page_index_;
      filled_ = kHashLineBytes;
    }
    return absl::OkStatus();
  }

  // Whether all that was appended has been written.
  bool complete() const {
    return page_index_ == place_.page_count && filled_ == kHashLineBytes;
  }

 private:
  const HashSectionPlace& place_;
  SequentialWriter& writer_;
  std::array<std::byte, kPageBytes> page_ = {};  // the header's rest: zeros
  size_t filled_ = kHashLineBytes;
  uint64_t page_index_ = 0;
};

// Builds one range at `image`, lines without headers.
absl::Status BuildRange(uint64_t page_count, uint64_t last_cut,
                        const LineRange& range, HashedEntrySource source,
                        std::byte* image) {
  const uint64_t lines = page_count * kLinesPerHashPage;
  // Of those that are inserted next: their homes in the range, in bytes.
  struct Waiting {
    uint64_t at;
    uint64_t entry;
  };
  std::array<Waiting, kInsertsAhead> waiting;
  size_t count = 0;
  const auto insert = [&](Waiting next) {
    // Ends within the range: nothing overflows its end.
    while (!PutIntoHashLine(image + next.at, next.entry)) {
      next.at += kHashLineBytes;
    }
  };
  std::memset(image, 0, range.size() * kHashLineBytes);
  QUIRE_RETURN_IF_ERROR(source([&](std::span<const HashedEntry> entries) {
    for (const auto& [hash, entry] : entries) {
      const uint64_t home = HashHomeIndex(hash, page_count);
      const uint64_t behind_cut =
          home >= last_cut ? home - last_cut : home + lines - last_cut;
      const uint64_t line = behind_cut - range.begin;
      if (line >= range.size()) continue;
      base::PrefetchCacheLine(image + line * kHashLineBytes);
      Waiting& next = waiting[count++ % kInsertsAhead];
      if (count > kInsertsAhead) insert(next);
      next = {line * kHashLineBytes, entry};
    }
  }));
  const size_t left = std::min(count, kInsertsAhead);
  for (size_t i = count - left; i < count; ++i) {
    insert(waiting[i % kInsertsAhead]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<cache::HugeBuffer> BuildHashSection(
    const HashSectionPlace& place, HashedEntrySource source) {
  const uint64_t pages = place.page_count;
  QUIRE_ASSIGN_OR_RETURN(cache::HugeBuffer image,
                         NewHashImage(pages * kPageBytes));
  std::byte* const section = image.data();
  QUIRE_RETURN_IF_ERROR(source([&](std::span<const HashedEntry> entries) {
    for (size_t i = 0; i < entries.size(); ++i) {
      const size_t ahead = std::min(i + kInsertsAhead, entries.size() - 1);
      base::PrefetchCacheLine(section +
                              HashHomeLine(entries[ahead].hash, pages));
      InsertHashEntry(section, pages, entries[i].hash, entries[i].entry);
    }
  }));
  for (uint64_t i = 0; i < pages; ++i) {
    SealHashPage(section + i * kPageBytes, i, place.table_id,
                 place.offset + i * kPageBytes);
  }
  return image;
}

absl::Status WriteHashSectionByRanges(const HashSectionPlace& place,
                                      uint64_t range_bytes,
                                      HashedEntrySource source,
                                      SequentialWriter& writer) {
  uint64_t last_cut = 0;
  std::vector<LineRange> ranges;
  {
    QUIRE_ASSIGN_OR_RETURN(const LineCounts counts,
                           CountHomes(place.page_count, source));
    last_cut = LastCut(counts);
    ranges = CutRing(counts, last_cut, range_bytes / kHashLineBytes);
  }
  uint64_t longest = 0;
  for (const LineRange& range : ranges) {
    longest = std::max(longest, range.size());
  }
  QUIRE_ASSIGN_OR_RETURN(const cache::HugeBuffer image,
                         NewHashImage(longest * kHashLineBytes));
  // The first range begins with the section's last lines, if any entry
  // overflows from them into the first: they are written at the end.
  const uint64_t last_lines = place.page_count * kLinesPerHashPage - last_cut;
  std::vector<std::byte> last;
  PageWriter pages(place, writer);
  for (const LineRange& range : ranges) {
    QUIRE_RETURN_IF_ERROR(
        BuildRange(place.page_count, last_cut, range, source, image.data()));
    const std::span<const std::byte> lines =
        image.bytes().first(range.size() * kHashLineBytes);
    const size_t hold = std::min<uint64_t>(
        lines.size(), last_lines * kHashLineBytes - last.size());
    last.insert(last.end(), lines.begin(), lines.begin() + hold);
    QUIRE_RETURN_IF_ERROR(pages.Append(lines.subspan(hold)));
  }
  QUIRE_RETURN_IF_ERROR(pages.Append(last));
  QUIRE_CHECK(pages.complete());
  return absl::OkStatus();
}

}  // namespace quire::kv_internal
