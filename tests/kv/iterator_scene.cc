#include "tests/kv/iterator_scene.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/internal/db_iterator.h"
#include "kv/internal/sorted_cursor.h"
#include "tests/kv/test_run.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {

using ::quire::testing::IsOkAndHolds;

Scene::Scene(Peeking peeking) : provider_(peeking) { Begin(); }

void Scene::Begin() {
  auto memtable = TestMemtable::Create(uint64_t{32} << 20);
  QUIRE_CHECK(memtable.ok());
  current_ = *std::move(memtable);
}

void Scene::Put(const std::string& key, const std::string& value) {
  current_->Put(key, value, ++sequence_);
  history_.insert({key, sequence_, value, false});
}

void Scene::Delete(const std::string& key) {
  current_->Delete(key, ++sequence_);
  history_.insert({key, sequence_, "", true});
}

void Scene::FillInOrder(int count) {
  for (int i = 0; i < count; ++i) {
    const std::string key = std::to_string(100000 + i);
    Put(key, "value of " + key);
  }
}

void Scene::MakeRun() {
  MakeRun([](TableEntry&) {});
}

void Scene::MakeRun(absl::FunctionRef<void(TableEntry&)> change) {
  runs_.push_back(MakeTestRun(provider_, directory_.path(), ++file_number_,
                              *current_, change));
  Begin();
}

void Scene::KeepMemtable() {
  memtables_.push_back(std::move(current_));
  Begin();
}

std::unique_ptr<Iterator> Scene::NewIterator(const ReadOptions& options,
                                             uint64_t sequence) {
  std::vector<IteratorSource> sources;
  sources.push_back({current_->memtable().NewCursor(), nullptr});
  for (const auto& memtable : memtables_) {
    sources.push_back({memtable->memtable().NewCursor(), nullptr});
  }
  for (const auto& run : runs_) {
    sources.push_back(
        {NewSortedCursor(run->table(), io::CachePolicy::kScan), run.get()});
  }
  return NewDbIterator(std::move(sources), IteratorHolds(), sequence, options,
                       provider_);
}

Rows Scene::Visible(const ReadOptions& options, uint64_t sequence) const {
  std::map<std::string, const ModelEntry*> newest;
  for (const ModelEntry& entry : history_) {
    if (entry.sequence <= sequence) newest.try_emplace(entry.key, &entry);
  }
  Rows rows;
  for (const auto& [key, entry] : newest) {
    const bool inside = (!options.lower_bound || key >= *options.lower_bound) &&
                        (!options.upper_bound || key < *options.upper_bound) &&
                        key.substr(0, options.prefix.size()) == options.prefix;
    if (inside && !entry->tombstone) rows.emplace_back(key, entry->value);
  }
  return rows;
}

void ExpectAt(Iterator& iterator, const Rows& rows, size_t at,
              bool with_value) {
  ASSERT_OK(iterator.status());
  ASSERT_EQ(iterator.Valid(), at < rows.size());
  if (at == rows.size()) return;
  const std::string_view key = iterator.key();
  ASSERT_EQ(key, rows[at].first);
  if (!with_value) return;
  ASSERT_THAT(iterator.value(), IsOkAndHolds(rows[at].second));
  // To read a value is no move: the view from before is good.
  ASSERT_EQ(key, rows[at].first);
  ASSERT_EQ(iterator.key(), rows[at].first);
}

// Walks both ways with values.
void ExpectRows(Iterator& iterator, const Rows& rows) {
  iterator.SeekToFirst();
  for (size_t i = 0; i < rows.size(); ++i, iterator.Next()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, i, true));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, rows.size(), true));
  iterator.SeekToLast();
  for (size_t i = rows.size(); i-- > 0; iterator.Prev()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, i, true));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAt(iterator, rows, rows.size(), true));
}

}  // namespace quire::kv_internal
