#include "tests/kv/metamorphic_model.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "kv/pinned_value.h"
#include "tests/testing/status_matchers.h"

namespace quire::testing {
namespace {

constexpr size_t kSourceBytes = size_t{16} << 20;

// Where all values come from: equal ones are the same place by far the most
// often, so one that is mistaken for another shows.
const std::string& SourceOfValues() {
  static const std::string* const source = [] {
    auto* const bytes = new std::string(kSourceBytes, '\0');
    std::mt19937_64 engine(1);
    for (size_t i = 0; i < bytes->size(); i += sizeof(uint64_t)) {
      const uint64_t word = engine();
      std::memcpy(bytes->data() + i, &word, sizeof(word));
    }
    return bytes;
  }();
  return *source;
}

std::string_view ValueOf(uint64_t size, Dice& dice) {
  return std::string_view(SourceOfValues())
      .substr(dice.Below(kSourceBytes - size), size);
}

std::string RandomBytes(uint64_t size, Dice& dice) {
  std::string bytes;
  for (uint64_t i = 0; i < size; ++i) {
    // Few different ones, so that keys share their beginnings.
    constexpr std::string_view kBytes("\0\1a/\x7f\x80\xfe\xff", 8);
    bytes += kBytes[dice.Below(kBytes.size())];
  }
  return bytes;
}

// Keys and values for people.
std::string Show(std::string_view bytes) {
  return ::testing::PrintToString(std::string(bytes.substr(0, 24))) + " of " +
         std::to_string(bytes.size()) + " bytes";
}

}  // namespace

std::string_view RandomValue(Dice& dice) {
  switch (dice.Below(100)) {
    case 0:
      return ValueOf(dice.Below(dice.OneIn(12) ? 4'000'000 : 400'000), dice);
    case 1:
    case 2:
    case 3:
      return ValueOf(dice.Below(30'000), dice);
    case 4:
    case 5:
      return ValueOf(0, dice);
    case 6:
    case 7:
      return ValueOf(4000 + dice.Below(200), dice);  // about a page
    default:
      return RandomSmallValue(dice);
  }
}

std::string_view RandomSmallValue(Dice& dice) {
  return ValueOf(dice.Below(300), dice);
}

KeyPool::KeyPool(Dice& dice) {
  const std::vector<std::string> prefixes = {
      "",         "k",    "user/", "user/1/",           std::string(40, 'p'),
      "\xff\xff", "abc/", "abd",   std::string(2, '\0')};
  keys_.emplace_back();
  const uint64_t count = dice.OneIn(8) ? 1 + dice.Below(8) : dice.Below(400);
  for (uint64_t i = 0; i < count; ++i) {
    std::string key = dice.OneOf(prefixes);
    if (dice.OneIn(3)) {
      key += RandomBytes(dice.Below(6), dice);
    } else {
      key += std::to_string(dice.Below(500));
    }
    keys_.push_back(std::move(key));
  }
  if (dice.OneIn(10)) keys_.emplace_back(kMaxKeyBytes, 'L');
  if (dice.OneIn(10)) keys_.push_back(std::string(5000, 'L') + "ong");
  std::sort(keys_.begin(), keys_.end());
  keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
}

const std::string& KeyPool::Any(Dice& dice) const {
  const uint64_t few = std::min<uint64_t>(keys_.size(), 5);
  return keys_[dice.Below(dice.OneIn(4) ? few : keys_.size())];
}

std::string KeyPool::AnyOrAbsent(Dice& dice) const {
  std::string key = Any(dice);
  if (dice.OneIn(5)) key += static_cast<char>(dice.Below(256));
  key.resize(std::min<size_t>(key.size(), kMaxKeyBytes));
  return key;
}

std::string KeyPool::SomePrefix(Dice& dice) const {
  const std::string& key = Any(dice);
  return key.substr(0, dice.Below(key.size() + 1));
}

ReadOptions RandomRange(const KeyPool& pool, Dice& dice) {
  ReadOptions options;
  if (dice.OneIn(3)) options.lower_bound = pool.AnyOrAbsent(dice);
  if (dice.OneIn(3)) options.upper_bound = pool.AnyOrAbsent(dice);
  if (dice.OneIn(3)) options.prefix = pool.SomePrefix(dice);
  options.keys_only = dice.OneIn(4);
  options.fill_cache = dice.OneIn(2);
  return options;
}

Options RandomOptions(Dice& dice) {
  Options options;
  options.create_if_missing = true;
  options.provider.read_mode =
      dice.OneOf<ReadMode>({ReadMode::kPread, ReadMode::kBuffered,
                            ReadMode::kMmap, ReadMode::kDirect});
  options.provider.io_engine =
      dice.OneOf<IoEngine>({IoEngine::kIoUring, IoEngine::kPreadv});
  options.provider.cache_bytes =
      dice.OneOf<uint64_t>({64 << 10, 300 << 10, 2 << 20, 8 << 20});
  options.provider.buffered_piece_bytes =
      dice.OneOf<uint32_t>({4 << 10, 16 << 10, 64 << 10});
  options.provider.max_open_files = dice.OneOf<uint32_t>({0, 0, 1, 3, 16});
  options.memtable_bytes =
      dice.OneOf<uint64_t>({64 << 10, 64 << 10, 200 << 10, 1 << 20, 16 << 20});
  options.max_waiting_memtables = 1 + static_cast<uint32_t>(dice.Below(3));
  options.sync_interval_ms = dice.OneIn(4) ? 1 : 0;
  options.index_memory_bytes =
      dice.OneOf<uint64_t>({0, 10'000, 100'000, UINT64_MAX});
  options.automatic_merges = !dice.OneIn(4);
  return options;
}

CheckedIterator::CheckedIterator(DB& db, const ReadOptions& options,
                                 const State& state)
    : keys_only_(options.keys_only), iterator_(db.NewIterator(options)) {
  for (const auto& [key, value] : state) {
    const bool inside =
        (!options.lower_bound.has_value() || key >= *options.lower_bound) &&
        (!options.upper_bound.has_value() || key < *options.upper_bound) &&
        key.starts_with(options.prefix);
    if (inside) state_.emplace_hint(state_.end(), key, value);
  }
  at_ = state_.end();
  Compare();
}

void CheckedIterator::Move(const KeyPool& pool, Dice& dice) {
  const bool valid = at_ != state_.end();
  switch (dice.Below(valid ? 24 : 4)) {
    case 0:
      return SeekToFirst();
    case 1:
      return SeekToLast();
    case 2:
      return Seek(pool.AnyOrAbsent(dice));
    case 3:
      return SeekForPrev(pool.AnyOrAbsent(dice));
    default:
      // Mostly on in one direction.
      return (valid && at_->first.size() % 2 == 0) != dice.OneIn(8) ? Next()
                                                                    : Prev();
  }
}

void CheckedIterator::ReadForward() {
  for (SeekToFirst(); at_ != state_.end() && !::testing::Test::HasFailure();) {
    Next();
  }
}

void CheckedIterator::ReadBackward() {
  for (SeekToLast(); at_ != state_.end() && !::testing::Test::HasFailure();) {
    Prev();
  }
}

void CheckedIterator::SeekToFirst() {
  iterator_->SeekToFirst();
  at_ = state_.begin();
  Compare();
}

void CheckedIterator::SeekToLast() {
  iterator_->SeekToLast();
  at_ = state_.empty() ? state_.end() : std::prev(state_.end());
  Compare();
}

void CheckedIterator::Seek(const std::string& target) {
  iterator_->Seek(target);
  at_ = state_.lower_bound(target);
  Compare();
}

void CheckedIterator::SeekForPrev(const std::string& target) {
  iterator_->SeekForPrev(target);
  at_ = state_.upper_bound(target);
  at_ = at_ == state_.begin() ? state_.end() : std::prev(at_);
  Compare();
}

void CheckedIterator::Next() {
  iterator_->Next();
  ++at_;
  Compare();
}

void CheckedIterator::Prev() {
  iterator_->Prev();
  at_ = at_ == state_.begin() ? state_.end() : std::prev(at_);
  Compare();
}

void CheckedIterator::Compare() {
  EXPECT_OK(iterator_->status());
  const bool valid = at_ != state_.end();
  ASSERT_EQ(iterator_->Valid(), valid)
      << (valid ? "it should be at " + Show(at_->first)
                : "it is at " + Show(iterator_->key()));
  if (!valid) return;
  ASSERT_EQ(Show(iterator_->key()), Show(at_->first));
  ASSERT_TRUE(iterator_->key() == at_->first) << Show(at_->first);
  const absl::StatusOr<std::string_view> value = iterator_->value();
  if (keys_only_) {
    EXPECT_THAT(value, StatusIs(absl::StatusCode::kFailedPrecondition));
    return;
  }
  ASSERT_OK(value.status()) << Show(at_->first);
  EXPECT_TRUE(*value == at_->second)
      << Show(at_->first) << " has the value " << Show(*value) << ", not "
      << Show(at_->second);
}

void ExpectRead(const State& state, const std::string& key,
                const absl::Status& status, std::string_view value) {
  const auto found = state.find(key);
  if (found == state.end()) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound)) << Show(key);
    return;
  }
  ASSERT_OK(status) << Show(key);
  EXPECT_TRUE(value == found->second)
      << Show(key) << " has the value " << Show(value) << ", not "
      << Show(found->second);
}

void ExpectGet(DB& db, const ReadOptions& options, const State& state,
               const std::string& key) {
  std::string value;
  const absl::Status status = db.Get(options, key, &value);
  ExpectRead(state, key, status, value);
}

void ExpectMultiGet(DB& db, const ReadOptions& options, const State& state,
                    const std::vector<std::string>& keys) {
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<PinnedValue> values(keys.size());
  std::vector<absl::Status> statuses(keys.size());
  db.MultiGet(options, views, values, statuses);
  for (size_t i = 0; i < keys.size(); ++i) {
    ExpectRead(state, keys[i], statuses[i], values[i].value());
  }
}

void ExpectState(DB& db, const ReadOptions& options, const State& state,
                 const KeyPool& pool) {
  CheckedIterator(db, options, state).ReadForward();
  ExpectMultiGet(db, options, state, pool.keys());
}

}  // namespace quire::testing
