// Comparing a cursor with a model of what it should show.

#ifndef QUIRE_TESTS_KV_CURSOR_TESTING_H_
#define QUIRE_TESTS_KV_CURSOR_TESTING_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kv/internal/entry_cursor.h"

namespace quire::kv_internal {

// An entry as tests keep it; ordered as cursors order entries.
struct ModelEntry {
  std::string key;
  uint64_t sequence = 0;
  std::string value;
  bool tombstone = false;

  friend bool operator==(const ModelEntry& a, const ModelEntry& b) {
    return a.sequence == b.sequence && a.key == b.key;
  }
  friend std::strong_ordering operator<=>(const ModelEntry& a,
                                          const ModelEntry& b) {
    const int order = a.key.compare(b.key);
    return order != 0 ? order <=> 0 : b.sequence <=> a.sequence;
  }
};

// A cursor over `entries`, which are sorted and outlive it; each entry's
// address is its index.
std::unique_ptr<EntryCursor> NewModelCursor(
    const std::vector<ModelEntry>& entries);

// As above, but with this status, and invalid, where it would move to or past
// entry `failing`.
std::unique_ptr<EntryCursor> NewFailingCursor(
    const std::vector<ModelEntry>& entries, size_t failing,
    absl::Status status);

// Fails the test unless `cursor` shows exactly `entries`, sorted, walking
// forward and back.
void ExpectShows(EntryCursor& cursor, const std::vector<ModelEntry>& entries);

// Makes `move_count` random moves and compares the place after each with that
// of a model cursor. `keys` are targets of seeks.
void ExpectMovesAlike(EntryCursor& cursor,
                      const std::vector<ModelEntry>& entries,
                      const std::vector<std::string>& keys, int move_count,
                      std::mt19937_64& random);

// A random key from a family that is hard to sort: few different bytes, many
// shared prefixes of all lengths, zeros at the end, now and then empty.
std::string HardKey(std::mt19937_64& random);

}  // namespace quire::kv_internal

#endif  // QUIRE_TESTS_KV_CURSOR_TESTING_H_
