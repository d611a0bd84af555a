// Tables for tests: made of a model, opened, probed.

#ifndef QUIRE_TESTS_KV_TEST_TABLE_H_
#define QUIRE_TESTS_KV_TEST_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/record.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/table_reader.h"

namespace quire::kv_internal {

inline constexpr uint64_t kTestHashSeed = 0x5eed;
inline constexpr uint64_t kTestFileNumber = 7;
inline constexpr uint64_t kTestFileId = 0x1234567890abcdef;

// What a table should hold. Iterates as a table's cursor does.
class TableModel {
 public:
  struct Position {
    std::string key;
    uint64_t sequence = 0;
    bool operator<(const Position& other) const {
      if (key != other.key) return key < other.key;
      return sequence > other.sequence;
    }
    bool operator==(const Position&) const = default;
  };

  // Adds an entry with an address that no other has: of a put, or a tombstone.
  // Adding it twice changes nothing.
  void Add(std::string key, uint64_t sequence, uint32_t value_size = 0);
  void AddTombstone(std::string key, uint64_t sequence);

  const std::map<Position, RecordRef>& entries() const { return entries_; }

  // The sequence numbers of a key, newest first.
  std::vector<uint64_t> Versions(std::string_view key) const;

  // What has this address; nullptr if nothing has.
  const Position* Find(uint64_t address) const;

 private:
  void Insert(Position position, RecordRef record);

  std::map<Position, RecordRef> entries_;
  std::map<uint64_t, Position> by_address_;
};

// A header and a list of segments that suit TableModel.
TableSpec TestTableSpec(const std::string& path);

// Writes the table of `model`.
absl::StatusOr<FinishedTable> WriteTable(
    const TableModel& model, const TableSpec& spec,
    io::FileSystem& file_system = io::PosixFileSystem());

// Where a table written so is expected.
TableIdentity IdentityOf(const std::string& path, uint64_t length_bytes);

// The sequence numbers of `key` in the order in which a probe meets them; pages
// that aren't in memory are read. Other keys' entries are passed over. An error
// is what the caller of a HashCursor would return.
absl::StatusOr<std::vector<uint64_t>> Probe(const TableReader& table,
                                            const TableModel& model,
                                            std::string_view key);

// Fails the test unless the cursor stands on `at`.
void ExpectAt(const EntryCursor& cursor,
              const std::pair<const TableModel::Position, RecordRef>& entry);

// Fails the test unless the cursor meets exactly the entries of the model, from
// the first to the last and back.
void ExpectSameOrder(const TableReader& table, const TableModel& model);

}  // namespace quire::kv_internal

#endif  // QUIRE_TESTS_KV_TEST_TABLE_H_
