#include "kv/internal/sorted_cursor.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "io/page_provider.h"
#include "kv/internal/block_window.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/index_entry.h"
#include "kv/internal/key_bytes.h"
#include "kv/internal/partition_point.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_reader.h"

namespace quire::kv_internal {
namespace {

// The window is a group of a block, decoded.
class SortedCursor final : public EntryCursor {
 public:
  SortedCursor(const TableReader& table, io::CachePolicy policy)
      : table_(table), window_(table, policy) {}

  void SeekToFirst() override {
    if (Begin() && EnterBlock(0)) EnterGroup(0, kFirst);
  }

  void SeekToLast() override {
    if (Begin() && EnterBlock(fences_->block_count() - 1)) {
      EnterGroup(block_.group_count() - 1, kLast);
    }
  }

  void Seek(std::string_view target) override;
  void SeekForPrev(std::string_view target) override;

  absl::Status status() const override { return status_; }

 private:
  enum Edge { kFirst, kLast };

  void NextWindow() override {
    LeaveFrom(group_.entries().back());
    if (group_index_ + 1 < block_.group_count()) {
      EnterGroup(group_index_ + 1, kFirst);
    } else if (block_index_ + 1 == fences_->block_count()) {
      ShowNothing();
    } else if (EnterBlock(block_index_ + 1)) {
      EnterGroup(0, kFirst);
    }
    CheckOrder(true);
  }

  void PrevWindow() override {
    LeaveFrom(group_.entries().front());
    if (group_index_ > 0) {
      EnterGroup(group_index_ - 1, kLast);
    } else if (block_index_ == 0) {
      ShowNothing();
    } else if (EnterBlock(block_index_ - 1)) {
      EnterGroup(block_.group_count() - 1, kLast);
    }
    CheckOrder(false);
  }

  void Fail(absl::Status status) {
    ShowNothing();
    status_ = std::move(status);
  }

  // Before each seek. False if there is nothing to seek in.
  bool Begin();

  // Makes block `index` the current one; false, and invalid, on an error.
  bool EnterBlock(uint64_t index);

  // Decodes a group of the current block and goes to one of its ends; false,
  // and invalid, on an error.
  bool EnterGroup(size_t index, Edge edge);

  // Groups and blocks of a file that somebody made up may stand in any order,
  // and who walks over them and seeks now and then might do so for ever. So a
  // walk from one group to another ascends or descends, as it should, or fails.
  void LeaveFrom(const IndexEntry& entry) {
    left_key_.assign(entry.key);
    left_sequence_ = entry.sequence;
  }
  void CheckOrder(bool forward);

  // How many groups of the current block have a first key for which `before` is
  // true; false, and invalid, on an error.
  template <typename Predicate>
  bool CountGroups(Predicate before, size_t* count);

  const TableReader& table_;
  BlockWindow window_;
  const FenceIndex* fences_ = nullptr;  // loaded by the first seek
  absl::Status status_;

  uint64_t block_index_ = 0;
  SortedBlock block_;
  size_t group_index_ = 0;
  SortedGroup group_;
  // The entry that a walk came from.
  std::string left_key_;
  uint64_t left_sequence_ = 0;
};

bool SortedCursor::Begin() {
  ShowNothing();
  status_ = absl::OkStatus();
  window_.Restart();
  if (fences_ == nullptr) {
    absl::StatusOr<const FenceIndex*> fences = table_.Fences();
    if (!fences.ok()) {
      Fail(std::move(fences).status());
      return false;
    }
    fences_ = *fences;
  }
  return fences_->block_count() > 0;
}

bool SortedCursor::EnterBlock(uint64_t index) {
  absl::StatusOr<SortedBlock> block = window_.Load(*fences_, index);
  if (!block.ok()) {
    Fail(std::move(block).status());
    return false;
  }
  block_index_ = index;
  block_ = *block;
  return true;
}

bool SortedCursor::EnterGroup(size_t index, Edge edge) {
  if (!group_.Decode(block_, index, table_.header().first_sequence)) {
    Fail(window_.MalformedError(*fences_, block_index_));
    return false;
  }
  group_index_ = index;
  Show(group_.entries(), edge == kFirst ? 0 : group_.entries().size() - 1);
  return true;
}

void SortedCursor::CheckOrder(bool forward) {
  if (!Valid()) return;
  int order = CompareKeys(left_key_, key());
  if (order == 0) order = left_sequence_ > sequence() ? -1 : 1;
  if ((order < 0) != forward) {
    Fail(window_.MalformedError(*fences_, block_index_));
  }
}

template <typename Predicate>
bool SortedCursor::CountGroups(Predicate before, size_t* count) {
  bool well_formed = true;
  *count = PartitionPoint(block_.group_count(), [&](uint64_t i) {
    std::string_view key;
    if (!block_.FirstKey(i, &key)) well_formed = false;
    return before(key);
  });
  if (!well_formed) Fail(window_.MalformedError(*fences_, block_index_));
  return well_formed;
}

void SortedCursor::Seek(std::string_view target) {
  if (!Begin() || !EnterBlock(fences_->BlockForSeek(target))) return;
  // The last group that begins before the target, or the first one: there, or
  // at the beginning of what follows it, is the entry.
  size_t count = 0;
  if (!CountGroups([&](std::string_view key) { return key < target; },
                   &count) ||
      !EnterGroup(count == 0 ? 0 : count - 1, kLast)) {
    return;
  }
  const std::span<const IndexEntry> entries = group_.entries();
  const uint64_t before = PartitionPoint(
      entries.size(), [&](uint64_t i) { return entries[i].key < target; });
  if (before == entries.size()) {
    Next();
    if (Valid() && key() < target) {
      Fail(window_.MalformedError(*fences_, block_index_));
    }
  } else {
    Show(entries, before);
  }
}

void SortedCursor::SeekForPrev(std::string_view target) {
  if (!Begin() || !EnterBlock(fences_->BlockForSeekForPrev(target))) return;
  // The last group that begins at or before the target, or the first one:
  // there, or at the end of what precedes it, is the entry.
  size_t count = 0;
  if (!CountGroups([&](std::string_view key) { return key <= target; },
                   &count) ||
      !EnterGroup(count == 0 ? 0 : count - 1, kFirst)) {
    return;
  }
  const std::span<const IndexEntry> entries = group_.entries();
  const uint64_t up_to = PartitionPoint(
      entries.size(), [&](uint64_t i) { return entries[i].key <= target; });
  if (up_to == 0) {
    Prev();
    if (Valid() && key() > target) {
      Fail(window_.MalformedError(*fences_, block_index_));
    }
  } else {
    Show(entries, up_to - 1);
  }
}

}  // namespace

std::unique_ptr<EntryCursor> NewSortedCursor(const TableReader& table,
                                             io::CachePolicy policy) {
  return std::make_unique<SortedCursor>(table, policy);
}

}  // namespace quire::kv_internal
