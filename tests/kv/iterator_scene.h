// A database of several memtables and runs without a DB around it, a model of
// it, and walks that compare iterators with the model.
#ifndef QUIRE_TESTS_KV_ITERATOR_SCENE_H_
#define QUIRE_TESTS_KV_ITERATOR_SCENE_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/run.h"
#include "kv/internal/table_builder.h"
#include "kv/iterator.h"
#include "kv/options.h"
#include "tests/kv/cursor_testing.h"
#include "tests/kv/test_memtable.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {

// Keys and values as an iterator shows them, in order.
using Rows = std::vector<std::pair<std::string, std::string>>;

class Scene {
 public:
  using Peeking = testing::MemoryPageProvider::Peeking;

  explicit Scene(Peeking peeking = Peeking::kAll);

  void Put(const std::string& key, const std::string& value);
  void Delete(const std::string& key);

  // `count` keys in order from "100000", each with a value that names it.
  void FillInOrder(int count);

  // What was written since the last call becomes a run, whose table's entries
  // `change` may falsify, or a memtable that no longer grows.
  void MakeRun();
  void MakeRun(absl::FunctionRef<void(TableEntry&)> change);
  void KeepMemtable();

  std::unique_ptr<Iterator> NewIterator(const ReadOptions& options,
                                        uint64_t sequence = kMaxSequence);

  // What an iterator must show.
  Rows Visible(const ReadOptions& options, uint64_t sequence) const;

  uint64_t sequence() const { return sequence_; }
  testing::MemoryPageProvider& provider() { return provider_; }
  const std::vector<std::shared_ptr<Run>>& runs() const { return runs_; }

 private:
  void Begin();

  testing::TempDirectory directory_;
  testing::MemoryPageProvider provider_;
  std::set<ModelEntry> history_;  // newest version of a key first
  uint64_t sequence_ = 0;
  uint64_t file_number_ = 10;
  std::unique_ptr<TestMemtable> current_;
  std::vector<std::unique_ptr<TestMemtable>> memtables_;
  std::vector<std::shared_ptr<Run>> runs_;
};

// That the iterator is at rows[at], or nowhere if `at` is rows.size().
void ExpectAt(Iterator& iterator, const Rows& rows, size_t at, bool with_value);

// Walks both ways with values.
void ExpectRows(Iterator& iterator, const Rows& rows);

}  // namespace quire::kv_internal

#endif  // QUIRE_TESTS_KV_ITERATOR_SCENE_H_
