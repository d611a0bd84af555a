#include "tests/kv/cursor_testing.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"

namespace quire::kv_internal {
namespace {

class ModelCursor final : public EntryCursor {
 public:
  ModelCursor(const std::vector<ModelEntry>& entries, size_t failing,
              absl::Status failure)
      : entries_(entries), failing_(failing), failure_(std::move(failure)) {}

  bool Valid() const override { return status_.ok() && at_ < entries_.size(); }
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
  void Next() override { MoveTo(at_ + 1); }
  void Prev() override { MoveTo(at_ - 1); }
  std::string_view key() const override { return entries_[at_].key; }
  uint64_t sequence() const override { return entries_[at_].sequence; }
  bool tombstone() const override { return entries_[at_].tombstone; }
  EntryPlace place() const override {
    EntryPlace place;
    place.address = at_;
    return place;
  }
  absl::Status status() const override { return status_; }

 private:
  size_t LowerBound(std::string_view target, uint64_t sequence) const {
    ModelEntry wanted;
    wanted.key = target;
    wanted.sequence = sequence;
    return std::lower_bound(entries_.begin(), entries_.end(), wanted) -
           entries_.begin();
  }
  void Jump(size_t at) {
    status_ = absl::OkStatus();
    MoveTo(at);
  }
  void MoveTo(size_t at) {
    at_ = at;
    if (at == failing_) status_ = failure_;
  }

  const std::vector<ModelEntry>& entries_;
  const size_t failing_;
  const absl::Status failure_;
  size_t at_ = SIZE_MAX;
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
