#include "tests/kv/metamorphic_life.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "kv/repair.h"
#include "kv/write_batch.h"
#include "tests/testing/status_matchers.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostHeld = 6;  // snapshots, iterators, pins: each

// Copies a database that is open but idle. What is removed meanwhile was not
// part of it any more.
void CopyFiles(const std::string& from, const std::string& to) {
  fs::create_directory(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    std::error_code error;
    fs::copy_file(entry.path(), fs::path(to) / entry.path().filename(), error);
    EXPECT_TRUE(!error || error == std::errc::no_such_file_or_directory)
        << entry.path() << ": " << error.message();
  }
}

// Removes one of `items`.
template <typename T>
void RemoveOne(std::vector<T>& items, Dice& dice) {
  items.erase(items.begin() + static_cast<int64_t>(dice.Below(items.size())));
}

}  // namespace

const std::vector<Life::Operation>& Life::Operations() {
  static const auto* const operations = new std::vector<Operation>{
      {60, "put", &Life::Put},
      {1, "large put", &Life::PutLarge},
      {25, "delete", &Life::Delete},
      {20, "batch", &Life::WriteBatchOfSome},
      {10, "burst", &Life::WriteBurst},
      {3, "sync", &Life::Sync},
      {25, "get", &Life::Get},
      {12, "multiget", &Life::MultiGet},
      {12, "pinned get", &Life::GetPinned},
      {8, "check of pins", &Life::CheckPins},
      {3, "whole read", &Life::ReadAll},
      {10, "iterator", &Life::NewIterator},
      {40, "iteration", &Life::MoveIterators},
      {5, "end of iterators", &Life::EndIterators},
      {6, "snapshot", &Life::TakeSnapshot},
      {5, "release", &Life::ReleaseSnapshot},
      {8, "read of snapshot", &Life::ReadSnapshot},
      {6, "run", &Life::FlushMemtables},
      {2, "wait for merges", &Life::WaitForMerges},
      {3, "compaction", &Life::Compact},
      {4, "compaction of a range", &Life::CompactSomeRange},
      {3, "cancelled compaction", &Life::CompactAndCancel},
      {2, "checkpoint", &Life::Checkpoint},
      {1, "change to a checkpoint", &Life::GoOnWithACheckpoint},
      {1, "repair", &Life::RepairToACopy},
      {5, "reopen", &Life::Reopen},
      {3, "refused close", &Life::CloseWhileInUse},
      {3, "kill", &Life::CopyAsAKillLeavesIt},
      {3, "read-only open", &Life::OpenReader},
      {8, "refresh", &Life::RefreshReader},
      {12, "read of reader", &Life::ReadReader},
  };
  return *operations;
}

Life::Life(uint64_t seed, const std::string& directory)
    : directory_(directory), dice_(seed), pool_(dice_), path_(NewPath()) {}

Life::~Life() {
  CloseReader();
  LetGoOfReads();
}

void Life::Run(OperationCounts& counts) {
  const std::vector<Operation>& operations = Operations();
  uint64_t all = 0;
  for (const Operation& operation : operations) all += operation.weight;
  Open(SomeOptions());
  const uint64_t steps = 100 + dice_.Below(400);
  for (uint64_t i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
    uint64_t number = dice_.Below(all);
    size_t chosen = 0;
    while (number >= operations[chosen].weight) {
      number -= operations[chosen++].weight;
    }
    history_.emplace_back(operations[chosen].name);
    ++counts_[operations[chosen].name];
    (this->*operations[chosen].run)();
  }
  for (auto step : {&Life::Reopen, &Life::ReadAll, &Life::Compact}) {
    if (!::testing::Test::HasFailure()) (this->*step)();
  }
  if (!::testing::Test::HasFailure()) ReadAll();
  if (!::testing::Test::HasFailure()) Close();
  for (const auto& [name, count] : counts_) counts[name] += count;
}

std::string Life::History() const {
  constexpr size_t kShown = 40;
  std::string text = std::to_string(history_.size()) + " operations in " +
                     path_ + ", of which the last:";
  const size_t begin = history_.size() - std::min(history_.size(), kShown);
  for (size_t i = begin; i < history_.size(); ++i) text += "\n  " + history_[i];
  return text;
}

void Life::Apply(const std::string& key,
                 std::optional<std::string_view> value) {
  if (value.has_value()) {
    model_[key] = *value;
  } else {
    model_.erase(key);
  }
}

void Life::Put() {
  const std::string& key = pool_.Any(dice_);
  const std::string_view value = RandomValue(dice_);
  ASSERT_OK(db_->Put({.sync = dice_.OneIn(20)}, key, value));
  Apply(key, value);
}

void Life::PutLarge() {
  const std::string& key = pool_.Any(dice_);
  std::string_view value;
  while (value.size() < 50'000) value = RandomValue(dice_);
  ASSERT_OK(db_->Put({}, key, value));
  Apply(key, value);
}

void Life::Delete() {
  const std::string key = pool_.AnyOrAbsent(dice_);
  ASSERT_OK(db_->Delete({.sync = dice_.OneIn(20)}, key));
  Apply(key, std::nullopt);
}

void Life::WriteBatchOfSome() {
  WriteBatch batch;
  State after = model_;
  for (uint64_t n = dice_.Below(20); n > 0; --n) {
    const std::string& key = pool_.Any(dice_);
    if (dice_.OneIn(3)) {
      batch.Delete(key);
      after.erase(key);
    } else {
      const std::string_view value = RandomValue(dice_);
      batch.Put(key, value);
      after[key] = value;
    }
  }
  ASSERT_OK(db_->Write({.sync = dice_.OneIn(20)}, batch));
  model_ = std::move(after);
}

void Life::WriteBurst() {
  for (uint64_t n = dice_.Below(300); n > 0; --n) {
    const std::string& key = pool_.Any(dice_);
    if (dice_.OneIn(6)) {
      ASSERT_OK(db_->Delete({}, key));
      Apply(key, std::nullopt);
    } else {
      const std::string_view value = RandomSmallValue(dice_);
      ASSERT_OK(db_->Put({}, key, value));
      Apply(key, value);
    }
  }
}

void Life::Sync() { ASSERT_OK(db_->Sync()); }

const State& Life::RandomState(ReadOptions& options) {
  options.fill_cache = dice_.OneIn(2);
  if (snapshots_.empty() || dice_.OneIn(2)) return model_;
  const Held& held = snapshots_[dice_.Below(snapshots_.size())];
  options.snapshot = held.snapshot.get();
  return held.state;
}

void Life::Get() {
  ReadOptions options;
  const State& state = RandomState(options);
  ExpectGet(*db_, options, state, pool_.AnyOrAbsent(dice_));
}

void Life::MultiGet() {
  ReadOptions options;
  const State& state = RandomState(options);
  std::vector<std::string> keys;
  for (uint64_t n = dice_.Below(40); n > 0; --n) {
    keys.push_back(pool_.AnyOrAbsent(dice_));
  }
  ExpectMultiGet(*db_, options, state, keys);
}

void Life::GetPinned() {
  ReadOptions options;
  const State& state = RandomState(options);
  const std::string key = pool_.AnyOrAbsent(dice_);
  PinnedValue value;
  const absl::Status status = db_->Get(options, key, &value);
  ExpectRead(state, key, status, value.value());
  if (!status.ok() || ::testing::Test::HasFailure()) return;
  if (pins_.size() == kMostHeld) RemoveOne(pins_, dice_);
  pins_.push_back({std::move(value), state.find(key)->second});
}

void Life::CheckPins() {
  for (const Pinned& pinned : pins_) {
    EXPECT_TRUE(pinned.value.value() == pinned.expected)
        << "a pinned value of " << pinned.expected.size() << " bytes changed";
  }
  if (dice_.OneIn(2)) pins_.clear();
}

void Life::ReadAll() {
  ReadOptions options;
  const State& state = RandomState(options);
  ExpectState(*db_, options, state, pool_);
  CheckedIterator(*db_, options, state).ReadBackward();
}

void Life::NewIterator() {
  ReadOptions options = RandomRange(pool_, dice_);
  const State& state = RandomState(options);
  if (iterators_.size() == kMostHeld) RemoveOne(iterators_, dice_);
  iterators_.push_back(std::make_unique<CheckedIterator>(*db_, options, state));
}

void Life::MoveIterators() {
  for (const auto& iterator : iterators_) {
    for (uint64_t n = dice_.Below(30); n > 0; --n) {
      if (::testing::Test::HasFailure()) return;
      iterator->Move(pool_, dice_);
    }
  }
}

void Life::EndIterators() { iterators_.clear(); }

void Life::TakeSnapshot() {
  if (snapshots_.size() == kMostHeld) ReleaseSnapshot();
  snapshots_.push_back({db_->GetSnapshot(), model_});
}

void Life::ReleaseSnapshot() {
  if (!snapshots_.empty()) RemoveOne(snapshots_, dice_);
}

void Life::ReadSnapshot() {
  if (snapshots_.empty()) return;
  const Held& held = snapshots_[dice_.Below(snapshots_.size())];
  ReadOptions options;
  options.snapshot = held.snapshot.get();
  ExpectState(*db_, options, held.state, pool_);
}

void Life::FlushMemtables() { ASSERT_OK(db_->FlushMemtables()); }

void Life::WaitForMerges() { ASSERT_OK(db_->WaitForMerges()); }

void Life::Compact() {
  ASSERT_OK(db_->CompactRange({}));
  if (snapshots_.empty() && iterators_.empty()) {
    // No older version and no tombstone is left; what the memtables hold, which
    // this made a run of, was part of it.
    EXPECT_EQ(db_->GetStats().entries, model_.size());
  }
}

void Life::CompactSomeRange() {
  CompactOptions options;
  if (!dice_.OneIn(4)) options.begin = pool_.AnyOrAbsent(dice_);
  if (!dice_.OneIn(4)) options.end = pool_.AnyOrAbsent(dice_);
  ASSERT_OK(db_->CompactRange(options));
}

void Life::CompactAndCancel() {
  CompactOptions options;
  uint64_t calls = dice_.Below(4);
  bool cancelled = false;
  options.progress = [&](double) {
    cancelled = calls == 0;
    if (!cancelled) --calls;
    return !cancelled;
  };
  const absl::Status status = db_->CompactRange(options);
  if (cancelled) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
  } else {
    EXPECT_OK(status);
  }
}

void Life::Checkpoint() {
  const std::string path = NewPath();
  ASSERT_OK(db_->Checkpoint(path));
  OpenAndCompare(path, /*writable=*/true);
  EXPECT_OK(DB::Destroy({}, path));
  EXPECT_FALSE(fs::exists(path));
}

void Life::GoOnWithACheckpoint() {
  const std::string path = NewPath();
  ASSERT_OK(db_->Checkpoint(path));
  CloseReader();
  Close();
  ASSERT_OK(DB::Destroy({}, path_));
  path_ = path;
  Open(SomeOptions());
  ExpectState(*db_, {}, model_, pool_);
}

void Life::RepairToACopy() {
  Close();
  const std::string path = NewPath();
  RepairOptions options;
  options.memtable_bytes = dice_.OneIn(2) ? 64 << 10 : 64 << 20;
  const absl::StatusOr<RepairReport> report = Repair(options, path_, path);
  ASSERT_OK(report.status());
  EXPECT_TRUE(report->manifest_was_usable);
  EXPECT_EQ(report->lost, std::vector<LostRange>());
  OpenAndCompare(path, /*writable=*/true);
  fs::remove_all(path);
  Open(SomeOptions());
}

void Life::Reopen() {
  const bool whole = dice_.OneIn(2);
  Close();
  if (::testing::Test::HasFailure()) return;
  Open(SomeOptions());
  if (whole) ExpectState(*db_, {}, model_, pool_);
}

void Life::CloseWhileInUse() {
  if (snapshots_.empty() && iterators_.empty()) return;
  EXPECT_THAT(db_->Close(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

void Life::CopyAsAKillLeavesIt() {
  Close();
  if (::testing::Test::HasFailure()) return;
  Options options = SomeOptions();
  options.automatic_merges = false;
  Open(options);
  WriteBurst();
  PutLarge();
  ASSERT_OK(db_->FlushMemtables());
  // Less than a memtable holds: nothing happens behind the copying.
  for (uint64_t n = dice_.Below(50); n > 0; --n) {
    const std::string& key = pool_.Any(dice_);
    if (key.size() > 1000) continue;
    const std::string_view value = RandomSmallValue(dice_);
    ASSERT_OK(db_->Put({.sync = dice_.OneIn(10)}, key, value));
    Apply(key, value);
  }
  if (dice_.OneIn(3)) TakeSnapshot();
  const std::string copy = NewPath();
  CopyFiles(path_, copy);
  if (dice_.OneIn(2)) OpenAndCompare(copy, /*writable=*/false);
  CloseReader();
  Close();
  fs::remove_all(path_);
  path_ = copy;
  Open(SomeOptions());
  ExpectState(*db_, {}, model_, pool_);
}

void Life::OpenReader() {
  CloseReader();
  Options options = SomeOptions();
  options.create_if_missing = false;
  options.read_only = true;
  // Beyond this number, files that the writer has removed may be gone.
  options.provider.max_open_files = 0;
  auto reader = DB::Open(options, path_);
  ASSERT_OK(reader.status());
  reader_ = *std::move(reader);
  reader_state_ = model_;
  ExpectState(*reader_, {}, reader_state_, pool_);
  EXPECT_THAT(reader_->Put({}, "key", "value"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

void Life::RefreshReader() {
  if (reader_ == nullptr) return OpenReader();
  ASSERT_OK(reader_->Refresh());
  reader_state_ = model_;
  if (dice_.OneIn(2)) ExpectState(*reader_, {}, reader_state_, pool_);
  if (dice_.OneIn(2) && reader_snapshots_.size() < kMostHeld) {
    reader_snapshots_.push_back({reader_->GetSnapshot(), reader_state_});
  }
}

void Life::ReadReader() {
  if (reader_ == nullptr) return;
  for (const auto& iterator : reader_iterators_) {
    iterator->Move(pool_, dice_);
  }
  ReadOptions options = RandomRange(pool_, dice_);
  const State* state = &reader_state_;
  if (!reader_snapshots_.empty() && dice_.OneIn(2)) {
    const Held& held = reader_snapshots_[dice_.Below(reader_snapshots_.size())];
    options.snapshot = held.snapshot.get();
    state = &held.state;
  }
  for (uint64_t n = dice_.Below(10); n > 0; --n) {
    ExpectGet(*reader_, options, *state, pool_.AnyOrAbsent(dice_));
  }
  if (reader_iterators_.size() == kMostHeld)
    RemoveOne(reader_iterators_, dice_);
  reader_iterators_.push_back(
      std::make_unique<CheckedIterator>(*reader_, options, *state));
  reader_iterators_.back()->ReadForward();
}

std::string Life::NewPath() const {
  return directory_ + "/db" + std::to_string(paths_++);
}

void Life::Open(const Options& options) {
  options_ = options;
  auto db = DB::Open(options, path_);
  ASSERT_OK(db.status());
  db_ = *std::move(db);
}

Options Life::SomeOptions() {
  Options options = RandomOptions(dice_);
  history_.push_back(
      std::string(" mode ") + io::ReadModeName(options.provider.read_mode) +
      ", engine " + io::IoEngineName(options.provider.io_engine) +
      ", memtables of " + std::to_string(options.memtable_bytes) + ", merges " +
      (options.automatic_merges ? "on" : "off"));
  return options;
}

void Life::Close() {
  LetGoOfReads();
  CountMerges();
  ASSERT_OK(db_->Close());
  db_.reset();
}

void Life::CloseReader() {
  reader_iterators_.clear();
  reader_snapshots_.clear();
  reader_.reset();
}

void Life::LetGoOfReads() {
  pins_.clear();
  iterators_.clear();
  snapshots_.clear();
}

void Life::CountMerges() {
  const Stats stats = db_->GetStats();
  counts_["merge"] += stats.merges;
  counts_["MiB rewritten by merges"] += stats.rewritten_bytes >> 20;
}

void Life::OpenAndCompare(const std::string& path, bool writable) {
  Options options = SomeOptions();
  options.create_if_missing = false;
  options.read_only = !writable || dice_.OneIn(2);
  const auto db = DB::Open(options, path);
  ASSERT_OK(db.status());
  ExpectState(**db, {}, model_, pool_);
  if (options.read_only || ::testing::Test::HasFailure()) return;
  // What happens to the copy is no concern of the database's.
  State state = model_;
  for (const std::string& key : pool_.keys()) {
    if (dice_.OneIn(2)) continue;
    state[key] = RandomSmallValue(dice_);
    ASSERT_OK((*db)->Put({}, key, state[key]));
  }
  if (dice_.OneIn(2)) {
    EXPECT_OK((*db)->CompactRange({}));
  }
  ExpectState(**db, {}, state, pool_);
  EXPECT_OK((*db)->Close());
}

}  // namespace quire::testing
