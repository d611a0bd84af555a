#include "tools/table_walk.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "kv/internal/checksum.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/record.h"
#include "kv/internal/run.h"
#include "kv/internal/sorted_block.h"
#include "tools/output.h"

namespace quire::tools {
namespace {

using kv_internal::kPageBytes;
using kv_internal::kSortedBlockBytes;

constexpr uint64_t kWindowBytes = uint64_t{1} << 20;

std::string Text(const absl::Status& status) {
  return std::string(base::StdView(status.message()));
}

// Reads the sections of a table in their order.
class SectionWalk {
 public:
  SectionWalk(InspectedFile& file, const kv_internal::FileHeader& header,
              const kv_internal::TableFooter& footer, TableVisitor& visitor)
      : file_(file), header_(header), footer_(footer), visitor_(visitor) {}

  TableFill Run() {
    Digest(Read(0, kPageBytes));
    WalkBlocks();
    WalkFences();
    WalkHashPages();
    Digest(Read(footer_.segments_offset,
                file_.size_bytes() - footer_.segments_offset));
    CheckCounts();
    fill_.digest = digest_.value();
    return fill_;
  }

 private:
  void Damage(uint64_t offset, uint64_t length, const std::string& what) {
    found_damage_ = true;
    visitor_.OnDamage(offset, length, what);
  }

  std::vector<std::byte> Read(uint64_t offset, uint64_t length) {
    return file_.ReadAround(
        offset, length,
        [this](uint64_t at, uint64_t size, const absl::Status& status) {
          Damage(at, size, "unreadable: " + StatusText(status));
        });
  }

  void Digest(std::span<const std::byte> bytes) { digest_.Update(bytes); }

  // Blocks are found without the fences: each says how long it is.
  void WalkBlocks() {
    const uint64_t end = footer_.sorted_offset + footer_.sorted_bytes;
    uint64_t offset = footer_.sorted_offset;
    uint64_t damaged_from = end;  // where the damage began that is being passed
    while (offset < end) {
      const std::vector<std::byte> window =
          Read(offset, std::min(kWindowBytes, end - offset));
      uint64_t used = 0;
      while (used < window.size()) {
        const auto rest = std::span(window).subspan(used);
        const uint64_t length = kv_internal::SortedBlockLength(rest);
        const bool is_cut = length > rest.size();
        // The rest of a block that the window cuts comes with the next one.
        if (is_cut && used != 0 && offset + window.size() != end) break;
        const uint64_t at = offset + used;
        const auto block = rest.first(is_cut ? rest.size() : length);
        if (WalkBlock(block, at)) {
          TellDamagedBlocks(&damaged_from, at, end);
          block_units_.push_back((at - footer_.sorted_offset) /
                                 kSortedBlockBytes);
          used += block.size();
        } else {
          damaged_from = std::min(damaged_from, at);
          used += kSortedBlockBytes;
        }
      }
      Digest(std::span(window).first(used));
      offset += used;
    }
    TellDamagedBlocks(&damaged_from, end, end);
  }

  void TellDamagedBlocks(uint64_t* from, uint64_t to, uint64_t none) {
    if (*from < to) Damage(*from, to - *from, "damaged sorted block");
    *from = none;
  }

  // False if the block does not hold.
  bool WalkBlock(std::span<const std::byte> bytes, uint64_t offset) {
    kv_internal::SortedBlock block;
    if (!kv_internal::CheckSortedBlock(bytes, footer_.table_id, offset).ok() ||
        !block.Init(bytes)) {
      return false;
    }
    ++fill_.block_count;
    for (size_t group = 0; group < block.group_count(); ++group) {
      if (!group_.Decode(block, group, header_.first_sequence)) {
        Damage(offset, bytes.size(),
               "a sorted block's entries contradict "
               "its header");
        break;
      }
      for (const kv_internal::IndexEntry& entry : group_.entries()) {
        TakeEntry({.key = entry.key,
                   .sequence = entry.sequence,
                   .record = entry.record},
                  offset, bytes.size());
      }
    }
    return true;
  }

  void TakeEntry(const WalkedEntry& entry, uint64_t offset, uint64_t length) {
    const bool is_first = fill_.entry_count == 0;
    const int order = is_first ? -1 : last_key_.compare(entry.key);
    if (order > 0 || (order == 0 && entry.sequence >= last_sequence_)) {
      Damage(offset, length,
             "entries out of order at key " + base::EscapeKey(entry.key));
    }
    if (order != 0) ++key_count_;
    if (entry.record.tombstone) ++tombstone_count_;
    if (is_first || entry.sequence < min_sequence_) {
      min_sequence_ = entry.sequence;
    }
    max_sequence_ = std::max(max_sequence_, entry.sequence);
    last_key_ = entry.key;
    last_sequence_ = entry.sequence;
    ++fill_.entry_count;
    visitor_.OnEntry(entry);
  }

  void WalkFences() {
    auto bytes = std::make_unique<std::byte[]>(footer_.fence_bytes);
    const std::vector<std::byte> section =
        Read(footer_.fence_offset, footer_.fence_bytes);
    std::copy(section.begin(), section.end(), bytes.get());
    Digest(section);
    if (footer_.fence_count == 0) return;
    const absl::StatusOr<std::unique_ptr<kv_internal::FenceIndex>> fences =
        kv_internal::FenceIndex::Make(std::move(bytes), footer_, file_.path());
    if (!fences.ok()) {
      Damage(footer_.fence_offset, footer_.fence_bytes, Text(fences.status()));
      return;
    }
    if (found_damage_) return;
    bool agree = (*fences)->block_count() == block_units_.size();
    for (size_t i = 0; agree && i < block_units_.size(); ++i) {
      agree = (*fences)->unit(i) == block_units_[i];
    }
    if (!agree) {
      Damage(footer_.fence_offset, footer_.fence_bytes,
             "the fences don't agree with the sorted blocks");
    }
  }

  void WalkHashPages() {
    const uint64_t bytes = footer_.hash_page_count * kPageBytes;
    for (uint64_t at = 0; at < bytes; at += kWindowBytes) {
      const std::vector<std::byte> window =
          Read(footer_.hash_offset + at, std::min(kWindowBytes, bytes - at));
      Digest(window);
      for (uint64_t page = 0; page < window.size(); page += kPageBytes) {
        WalkHashPage(window.data() + page, footer_.hash_offset + at + page);
      }
    }
  }

  void WalkHashPage(const std::byte* page, uint64_t offset) {
    if (!kv_internal::CheckHashPage(page, footer_.table_id, offset).ok()) {
      Damage(offset, kPageBytes, "damaged hash page");
      return;
    }
    ++fill_.hash_page_count;
    for (size_t i = 1; i <= kv_internal::kLinesPerHashPage; ++i) {
      const std::byte* const line = page + i * kv_internal::kHashLineBytes;
      ++fill_.hash_line_count;
      if (kv_internal::HashLineOverflowed(line)) ++fill_.overflowed_lines;
      for (size_t j = 0; j < kv_internal::kEntriesPerLine; ++j) {
        if (kv_internal::LoadHashEntry(line, j) != 0) ++fill_.hash_entry_count;
      }
    }
  }

  // The counts mean nothing where a part is missing.
  void CheckCounts() {
    if (found_damage_) return;
    const struct {
      const char* name;
      uint64_t found;
      uint64_t stated;
    } counts[] = {
        {"entries", fill_.entry_count, footer_.entry_count},
        {"hash entries", fill_.hash_entry_count, footer_.entry_count},
        {"keys", key_count_, footer_.key_count},
        {"tombstones", tombstone_count_, footer_.tombstone_count},
        {"lowest sequence number", min_sequence_, footer_.min_sequence},
        {"highest sequence number", max_sequence_, footer_.max_sequence},
    };
    for (const auto& count : counts) {
      if (count.found == count.stated) continue;
      Damage(file_.size_bytes() - kPageBytes, kPageBytes,
             "the footer says " + std::string(count.name) + " " +
                 std::to_string(count.stated) + ", found " +
                 std::to_string(count.found));
    }
  }

  InspectedFile& file_;
  const kv_internal::FileHeader& header_;
  const kv_internal::TableFooter& footer_;
  TableVisitor& visitor_;
  TableFill fill_;
  kv_internal::FileDigest digest_;
  kv_internal::SortedGroup group_;
  std::vector<uint64_t> block_units_;  // where blocks that hold begin
  bool found_damage_ = false;
  std::string last_key_;
  uint64_t last_sequence_ = 0;
  uint64_t key_count_ = 0;
  uint64_t tombstone_count_ = 0;
  uint64_t min_sequence_ = 0;
  uint64_t max_sequence_ = 0;
};

}  // namespace

AddressPlace LocateAddress(
    const std::vector<kv_internal::TableSegment>& segments, uint64_t address) {
  uint64_t slot = kv_internal::AddressSlot(address);
  for (size_t i = 0; i < segments.size(); ++i) {
    const uint64_t slots =
        kv_internal::Run::SlotCount(segments[i].length_bytes);
    if (slot < slots) {
      return {.segment_number = segments[i].number,
              .segment_index = i,
              .offset = slot * kv_internal::kSlotBytes +
                        kv_internal::AddressOffsetInSlot(address)};
    }
    slot -= slots;
  }
  return {};
}

bool TableWalk::ReadFrame(TableVisitor& visitor) {
  const uint64_t size_bytes = file_.size_bytes();
  const absl::StatusOr<io::Pin> first =
      file_.Read(0, std::min(kPageBytes, size_bytes));
  absl::StatusOr<kv_internal::FileHeader> header =
      first.ok()
          ? kv_internal::DecodeFileHeader(
                first->bytes(), kv_internal::FileType::kTable, file_.path())
          : first.status();
  if (!header.ok()) {
    visitor.OnDamage(0, kPageBytes, StatusText(header.status()));
    return false;
  }
  header_ = *header;
  if (size_bytes < 2 * kPageBytes) {
    visitor.OnDamage(size_bytes, 0, "the file is too short for a table");
    return false;
  }
  const uint64_t footer_offset = size_bytes - kPageBytes;
  const absl::StatusOr<io::Pin> last = file_.Read(footer_offset, kPageBytes);
  const absl::StatusOr<kv_internal::TableFooter> footer =
      last.ok() ? kv_internal::DecodeTableFooter(last->bytes(), header_.file_id,
                                                 size_bytes, file_.path())
                : last.status();
  if (!footer.ok()) {
    visitor.OnDamage(footer_offset, kPageBytes, StatusText(footer.status()));
    return false;
  }
  footer_ = *footer;
  const absl::StatusOr<io::Pin> list =
      file_.Read(footer_.segments_offset, footer_.segments_bytes);
  absl::StatusOr<std::vector<kv_internal::TableSegment>> segments =
      list.ok() ? kv_internal::DecodeTableSegments(list->bytes(), footer_,
                                                   file_.path())
                : list.status();
  if (segments.ok()) {
    segments_ = *std::move(segments);
  } else {
    visitor.OnDamage(footer_.segments_offset, footer_.segments_bytes,
                     StatusText(segments.status()));
  }
  return true;
}

TableFill TableWalk::Walk(TableVisitor& visitor) {
  return SectionWalk(file_, header_, footer_, visitor).Run();
}

}  // namespace quire::tools
