#include "kv/internal/db_iterator.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "kv/internal/index_entry.h"
#include "kv/internal/key_range.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/value_batch.h"
#include "kv/internal/visible_cursor.h"

namespace quire::kv_internal {
namespace {

// Look-ahead: values of as many entries, or records of as many bytes, are read
// at once.
constexpr size_t kMaxWindow = ValueBatch::kCapacity;
constexpr uint64_t kMaxWindowBytes = uint64_t{4} << 20;

// Moves a VisibleCursor. When a value is asked for, it and those of the entries
// after it in the direction of movement are read as one batch: one at first,
// twice as many each time that values were asked for one after the other, so
// that neither keys-only use nor single look-ups read what nobody wants. The
// cursor then stands at the batch's last entry, or beyond it if that was the
// last one of all, and the iterator walks over the batch.
class DbIterator final : public Iterator {
 public:
  DbIterator(std::vector<std::unique_ptr<EntryCursor>> cursors,
             std::vector<const Run*> runs, IteratorHolds holds,
             uint64_t sequence, const ReadOptions& options,
             io::PageProvider& provider)
      : holds_(std::move(holds)),
        keys_only_(options.keys_only),
        runs_(std::move(runs)),
        cursor_(std::move(cursors), sequence, IteratorRange(options)),
        batch_(provider) {}

  bool Valid() const override { return InBatch() || cursor_.Valid(); }

  void SeekToFirst() override {
    OrInvalid([&] { cursor_.SeekToFirst(); });
    Restart(true);
  }
  void SeekToLast() override {
    OrInvalid([&] { cursor_.SeekToLast(); });
    Restart(false);
  }
  // The target may lie in what Restart drops.
  void Seek(std::string_view target) override {
    OrInvalid([&] { cursor_.Seek(target); });
    Restart(true);
  }
  void SeekForPrev(std::string_view target) override {
    OrInvalid([&] { cursor_.SeekForPrev(target); });
    Restart(false);
  }

  void Next() override {
    if (forward_ && at_ + 1 < batch_.size()) {
      ++at_;
    } else {
      OrInvalid([&] { Move(true); });
    }
  }
  void Prev() override {
    if (!forward_ && at_ + 1 < batch_.size()) {
      ++at_;
    } else {
      OrInvalid([&] { Move(false); });
    }
  }

  std::string_view key() const override {
    QUIRE_DCHECK(Valid());
    if (InBatch()) return batch_.key(at_);
    if (keys_only_) return cursor_.key();
    // A copy, since a call of value() would move the cursor on. Another call
    // here puts the same bytes in the same place.
    key_.assign(cursor_.key());
    return key_;
  }

  absl::StatusOr<std::string_view> value() override {
    QUIRE_DCHECK(Valid());
    if (!InBatch()) {
      if (keys_only_) {
        return absl::FailedPreconditionError(
            "the iterator was made with keys_only");
      }
      OrInvalid([&] { forward_ ? ReadBatch<true>() : ReadBatch<false>(); });
    }
    asked_at_ = at_;
    return batch_.value(at_);
  }

  absl::Status status() const override {
    if (InBatch()) return absl::OkStatus();
    if (out_of_memory_) {
      return absl::ResourceExhaustedError("the iterator ran out of memory");
    }
    return cursor_.status();
  }

 private:
  bool InBatch() const { return batch_.size() > 0; }

  // Does what may throw std::bad_alloc, after which nobody knows where the
  // cursor is: the iterator is then invalid until the next seek.
  template <typename Action>
  void OrInvalid(Action action) {
    try {
      action();
    } catch (...) {
      DropBatch();
      cursor_.Invalidate();
      out_of_memory_ = true;
      throw;
    }
  }

  // After a seek: `forward` is a guess at where moves will go.
  void Restart(bool forward) {
    out_of_memory_ = false;
    forward_ = forward;
    DropBatch();
    batch_.Restart();
    window_ = 1;
  }

  void DropBatch() {
    batch_.Clear();
    at_ = 0;
    asked_at_ = kNone;
  }

  // Moves that leave the batch.
  void Move(bool forward);
  void StepCursor() { forward_ ? cursor_.Next() : cursor_.Prev(); }
  // Reads the batch that begins with the current entry; `kForward` is forward_.
  template <bool kForward>
  void ReadBatch();

  // Destroyed last.
  const IteratorHolds holds_;
  const bool keys_only_;
  const std::vector<const Run*> runs_;  // by source; nullptr for a memtable
  VisibleCursor cursor_;
  bool forward_ = true;
  bool out_of_memory_ = false;
  mutable std::string key_;  // what key() gave outside of a batch

  // Entries from the current one on, if not empty.
  ValueBatch batch_;
  size_t at_ = 0;  // the current one
  size_t window_ = 1;
  // The last entry of the batch whose value was asked for.
  static constexpr size_t kNone = SIZE_MAX;
  size_t asked_at_ = kNone;
};

void DbIterator::Move(bool forward) {
  QUIRE_DCHECK(Valid());
  if (forward != forward_) {
    if (InBatch()) {
      // The cursor is elsewhere; put it back to where the user is.
      const std::string current(key());
      DropBatch();
      cursor_.Seek(current);
      if (!cursor_.Valid()) return;
    }
    Restart(forward);
    StepCursor();
    return;
  }
  // The batch is at its end, or empty.
  window_ =
      InBatch() && asked_at_ == at_ ? std::min(2 * window_, kMaxWindow) : 1;
  if (InBatch()) DropBatch();
  if (cursor_.Valid()) StepCursor();
}

template <bool kForward>
void DbIterator::ReadBatch() {
  batch_.Add(cursor_.entry(), runs_[cursor_.source()]);
  while (batch_.size() < window_ && batch_.record_bytes() < kMaxWindowBytes) {
    const std::span<const IndexEntry> following =
        cursor_.Following<kForward>(window_ - batch_.size());
    if (!following.empty()) {
      const size_t added = batch_.AddAll<kForward>(
          following, runs_[cursor_.upcoming_source()], kMaxWindowBytes);
      cursor_.Skip<kForward>(added);
      continue;
    }
    kForward ? cursor_.Next() : cursor_.Prev();
    if (!cursor_.Valid()) break;
    batch_.Add(cursor_.entry(), runs_[cursor_.source()]);
  }
  batch_.Read();
}

}  // namespace

std::unique_ptr<Iterator> NewDbIterator(IteratorHolds holds, uint64_t sequence,
                                        const ReadOptions& options,
                                        io::PageProvider& provider) {
  std::vector<IteratorSource> sources;
  const View& view = **holds.view;
  sources.reserve(view.memtables.size() + view.runs.size());
  for (const auto& memtable : view.memtables) {
    sources.push_back({memtable->NewCursor(), nullptr});
  }
  for (const auto& run : view.runs) {
    sources.push_back(
        {NewSortedCursor(run->table(), io::CachePolicy::kScan), run.get()});
  }
  return NewDbIterator(std::move(sources), std::move(holds), sequence, options,
                       provider);
}

std::unique_ptr<Iterator> NewDbIterator(std::vector<IteratorSource> sources,
                                        IteratorHolds holds, uint64_t sequence,
                                        const ReadOptions& options,
                                        io::PageProvider& provider) {
  std::vector<std::unique_ptr<EntryCursor>> cursors;
  std::vector<const Run*> runs;
  cursors.reserve(sources.size());
  runs.reserve(sources.size());
  for (IteratorSource& source : sources) {
    cursors.push_back(std::move(source.cursor));
    runs.push_back(source.run);
  }
  return std::make_unique<DbIterator>(std::move(cursors), std::move(runs),
                                      std::move(holds), sequence, options,
                                      provider);
}

}  // namespace quire::kv_internal
