// A log in memory, written as the database writes it, for tests that damage it.

#ifndef QUIRE_TESTS_KV_TEST_LOG_H_
#define QUIRE_TESTS_KV_TEST_LOG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "kv/internal/database_state.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"

namespace quire::kv_internal {

// What a record says, wherever it stands.
struct Entry {
  uint64_t sequence = 0;
  RecordKind kind = RecordKind::kPut;
  std::string key;
  std::string value;
  friend bool operator==(const Entry&, const Entry&) = default;
};

std::ostream& operator<<(std::ostream& out, const Entry& entry);

Entry EntryOf(const LogRecord& record);

// Names and files of a log of one or more segments.
class TestLog {
 public:
  struct Group {
    LogPosition begin;
    uint64_t end = 0;
    LogPosition synced_upto;
    std::vector<Entry> entries;
  };

  TestLog();

  // Starts the next segment and names it in the state.
  void StartSegment();

  // Appends a group of puts with values of these sizes.
  void Append(const std::vector<size_t>& value_sizes);

  // Appends a group of these entries.
  void AppendEntries(const std::vector<Entry>& entries);

  // All so far becomes durable: later groups say so.
  void Sync();

  // Seals the oldest unsealed segment in the state.
  void SealOldest();

  // Everything below is durable.
  LogPosition durable() const { return durable_; }

  DatabaseState state;
  std::map<uint64_t, std::vector<std::byte>> files;  // by segment number
  std::vector<Group> groups;

  // The entries of the first `group_count` groups.
  std::vector<Entry> EntriesOf(size_t group_count) const;

  // The tail behind the last group.
  const LogTail& tail() const { return tail_; }

 private:
  LogTail tail_;
  LogPosition durable_;
  uint64_t next_sequence_ = 1;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_TESTS_KV_TEST_LOG_H_
