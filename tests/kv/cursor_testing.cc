#include "tests/kv/cursor_testing.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/index_entry.h"

namespace quire::kv_internal {
namespace {

class ModelCursor final : public EntryCursor {
 public:
  ModelCursor(const std::vector<ModelEntry>& entries, size_t failing,
              absl::Status failure)
      : failing_(failing), failure_(std::move(failure)) {
    for (size_t i = 0; i < entries.size(); ++i) {
      entries_.push_back(
          {.key = entries[i].key,
           .sequence = entries[i].sequence,
           .record = {.address = i, .tombstone = entries[i].tombstone}});
    }
  }

  void SeekToFirst() override { Jump(0); }
  void SeekToLast() override { Jump(entries_.size() - 1); }
  void Seek(std::string_view target) override {
    SeekVersion(target, kMaxSequence);
  }
  void SeekForPrev(std::string_view target) override {
    Jump(LowerBound(target, 0) - 1);
  }
  void SeekVersion(std::string_view target, uint64_t sequence) override {
    Jump(LowerBound(target, sequence));
  }
  absl::Status status() const override { return status_; }

 private:
  // Windows of different sizes, down to one entry.
  static constexpr size_t kWindows = 5;

  void NextWindow() override { MoveTo(end_index_); }
  void PrevWindow() override { MoveTo(first_ - 1); }

  size_t LowerBound(std::string_view target, uint64_t sequence) const {
    return std::partition_point(entries_.begin(), entries_.end(),
                                [&](const IndexEntry& entry) {
                                  const int order = entry.key.compare(target);
                                  return order != 0 ? order < 0
                                                    : entry.sequence > sequence;
                                }) -
           entries_.begin();
  }
  void Jump(size_t at) {
    status_ = absl::OkStatus();
    MoveTo(at);
  }
  void MoveTo(size_t at) {
    if (at == failing_) status_ = failure_;
    if (at >= entries_.size() || !status_.ok()) {
      ShowNothing();
      return;
    }
    // The entries up to the next multiple of the size; the failing one and
    // what is on its other side are not shown.
    const size_t size = 1 + at % kWindows;
    first_ = at / size * size;
    end_index_ = std::min(first_ + size, entries_.size());
    if (failing_ < at) first_ = std::max(first_, failing_ + 1);
    if (failing_ > at) end_index_ = std::min(end_index_, failing_);
    Show(std::span(entries_).subspan(first_, end_index_ - first_), at - first_);
  }

  std::vector<IndexEntry> entries_;  // views into the caller's
  const size_t failing_;
  const absl::Status failure_;
  // The window.
  size_t first_ = 0;
  size_t end_index_ = 0;
  absl::Status status_;
};

}  // namespace

std::unique_ptr<EntryCursor> NewModelCursor(
    const std::vector<ModelEntry>& entries) {
  return std::make_unique<ModelCursor>(entries, SIZE_MAX - 1, absl::OkStatus());
}

std::unique_ptr<EntryCursor> NewFailingCursor(
    const std::vector<ModelEntry>& entries, size_t failing,
    absl::Status status) {
  return std::make_unique<ModelCursor>(entries, failing, std::move(status));
}

void ExpectShows(EntryCursor& cursor, const std::vector<ModelEntry>& entries) {
  cursor.SeekToFirst();
  for (const ModelEntry& entry : entries) {
    ASSERT_TRUE(cursor.Valid());
    ASSERT_EQ(cursor.key(), entry.key);
    ASSERT_EQ(cursor.sequence(), entry.sequence);
    ASSERT_EQ(cursor.tombstone(), entry.tombstone);
    cursor.Next();
  }
  ASSERT_FALSE(cursor.Valid());
  cursor.SeekToLast();
  for (size_t i = entries.size(); i-- > 0;) {
    ASSERT_TRUE(cursor.Valid());
    ASSERT_EQ(cursor.key(), entries[i].key);
    ASSERT_EQ(cursor.sequence(), entries[i].sequence);
    cursor.Prev();
  }
  ASSERT_FALSE(cursor.Valid());
  ASSERT_TRUE(cursor.status().ok()) << cursor.status();
}

void ExpectMovesAlike(EntryCursor& cursor,
                      const std::vector<ModelEntry>& entries,
                      const std::vector<std::string>& keys, int move_count,
                      std::mt19937_64& random) {
  const std::unique_ptr<EntryCursor> model = NewModelCursor(entries);
  for (int i = 0; i < move_count; ++i) {
    const std::string& target = keys[random() % keys.size()];
    // Mostly steps, so that seeks, steps and turns follow each other in every
    // order.
    const uint64_t move = random() % 16;
    const uint64_t sequence =
        entries.empty() ? 0 : entries[random() % entries.size()].sequence;
    for (EntryCursor* c : {&cursor, model.get()}) {
      if (move == 0) {
        c->SeekToFirst();
      } else if (move == 1) {
        c->SeekToLast();
      } else if (move == 2 || !c->Valid()) {
        c->Seek(target);
      } else if (move == 3) {
        c->SeekForPrev(target);
      } else if (move == 4) {
        c->SeekVersion(target, sequence);
      } else if (move < 10) {
        c->Next();
      } else {
        c->Prev();
      }
    }
    ASSERT_EQ(cursor.Valid(), model->Valid()) << "move " << move;
    if (!model->Valid()) continue;
    ASSERT_EQ(cursor.key(), model->key()) << "move " << move;
    ASSERT_EQ(cursor.sequence(), model->sequence()) << "move " << move;
    ASSERT_EQ(cursor.tombstone(), model->tombstone());
  }
}

std::string HardKey(std::mt19937_64& random) {
  std::string key;
  // Shared starts of 0 to 40 bytes, then few random ones.
  switch (random() % 4) {
    case 0:
      break;
    case 1:
      key = std::string(random() % 40, 'a');
      break;
    case 2:
      key = "orders/0000000/";
      break;
    case 3:
      key = "orders/0000001/customer/";
      break;
  }
  const uint64_t length = random() % 4;
  for (uint64_t i = 0; i < length; ++i) {
    constexpr char kBytes[] = {'\0', '\x01', 'a', 'b', '\x7f', '\xff'};
    key.push_back(kBytes[random() % sizeof(kBytes)]);
  }
  return key;
}

}  // namespace quire::kv_internal
