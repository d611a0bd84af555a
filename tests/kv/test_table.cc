#include "tests/kv/test_table.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "cache/epoch.h"
#include "gtest/gtest.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/record.h"
#include "kv/internal/sorted_cursor.h"
#include "tests/testing/status_matchers.h"

namespace quire::kv_internal {
namespace {

// Behind the header page of the first segment.
constexpr uint64_t kFirstAddress = kPageBytes / kAlignmentBytes;

// One step of a probe, with what a reader does about a page that is missing or
// damaged: it reads it (once more).
absl::StatusOr<HashCursor::Step> NextWithReads(const TableReader& table,
                                               HashCursor& cursor,
                                               HashCandidate* candidate) {
  bool was_damaged = false;
  for (;;) {
    HashCursor::Step step;
    {
      cache::EpochGuard guard;
      step = cursor.Next(candidate);
    }
    if (step == HashCursor::Step::kDamaged) {
      if (was_damaged) return cursor.status();
      was_damaged = true;
    } else if (step != HashCursor::Step::kMiss) {
      return step;
    }
    io::ReadRequest request;
    request.extent = cursor.missing_page();
    table.provider().Read({&request, 1}, io::CachePolicy::kPoint);
    QUIRE_RETURN_IF_ERROR(request.status);
    QUIRE_RETURN_IF_ERROR(cursor.Supply(std::move(request.pin)));
  }
}

}  // namespace

void TableModel::Add(std::string key, uint64_t sequence, uint32_t value_size) {
  Insert({std::move(key), sequence}, {.value_size = value_size});
}

void TableModel::AddTombstone(std::string key, uint64_t sequence) {
  Insert({std::move(key), sequence}, {.tombstone = true});
}

void TableModel::Insert(Position position, RecordRef record) {
  record.address = kFirstAddress + entries_.size();
  if (!entries_.try_emplace(position, record).second) return;
  by_address_.emplace(record.address, std::move(position));
}

std::vector<uint64_t> TableModel::Versions(std::string_view key) const {
  std::vector<uint64_t> versions;
  Position from = {std::string(key), std::numeric_limits<uint64_t>::max()};
  for (auto it = entries_.lower_bound(from);
       it != entries_.end() && it->first.key == key; ++it) {
    versions.push_back(it->first.sequence);
  }
  return versions;
}

const TableModel::Position* TableModel::Find(uint64_t address) const {
  const auto it = by_address_.find(address);
  return it == by_address_.end() ? nullptr : &it->second;
}

TableSpec TestTableSpec(const std::string& path) {
  TableSpec spec;
  spec.path = path;
  spec.header.type = FileType::kTable;
  spec.header.file_number = kTestFileNumber;
  spec.header.file_id = kTestFileId;
  spec.header.first_sequence = 1;
  spec.hash_seed = kTestHashSeed;
  spec.segments = {{.number = 3, .id = 0x33, .length_bytes = kSlotBytes},
                   {.number = 5, .id = 0x55, .length_bytes = 8192}};
  return spec;
}

absl::StatusOr<FinishedTable> WriteTable(const TableModel& model,
                                         const TableSpec& spec,
                                         io::FileSystem& file_system) {
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<TableBuilder> builder,
                         TableBuilder::Create(file_system, spec));
  for (const auto& [position, record] : model.entries()) {
    QUIRE_RETURN_IF_ERROR(
        builder->Add({.key = position.key,
                      .sequence = position.sequence,
                      .address = record.address,
                      .tombstone = record.tombstone,
                      .value_size = record.value_size,
                      .hash = HashKey(position.key, spec.hash_seed)}));
  }
  return builder->Finish();
}

TableIdentity IdentityOf(const std::string& path, uint64_t length_bytes) {
  return {.path = path,
          .length_bytes = length_bytes,
          .file_number = kTestFileNumber,
          .file_id = kTestFileId};
}

absl::StatusOr<std::vector<uint64_t>> Probe(const TableReader& table,
                                            const TableModel& model,
                                            std::string_view key) {
  std::vector<uint64_t> versions;
  const uint64_t hash = HashKey(key, kTestHashSeed);
  table.PrefetchLine(hash);
  HashCursor cursor;
  cursor.Start(table, hash, /*may_fault=*/true);
  for (;;) {
    HashCandidate candidate;
    QUIRE_ASSIGN_OR_RETURN(const HashCursor::Step step,
                           NextWithReads(table, cursor, &candidate));
    if (step == HashCursor::Step::kEnd) return versions;
    const TableModel::Position* found = model.Find(candidate.address);
    if (found == nullptr) {
      ADD_FAILURE() << "a probe for " << base::EscapeKey(key) << " met address "
                    << candidate.address;
      return versions;
    }
    if (found->key != key) continue;  // another key with the same tag
    EXPECT_EQ(candidate.size_class,
              model.entries().at(*found).Class(key.size()));
    versions.push_back(found->sequence);
  }
}

void ExpectAt(const EntryCursor& cursor,
              const std::pair<const TableModel::Position, RecordRef>& entry) {
  const auto& [position, record] = entry;
  ASSERT_TRUE(cursor.Valid()) << cursor.status();
  EXPECT_TRUE(cursor.key() == position.key)
      << base::EscapeKey(cursor.key()) << " is not "
      << base::EscapeKey(position.key);
  EXPECT_EQ(cursor.sequence(), position.sequence);
  EXPECT_EQ(cursor.tombstone(), record.tombstone);
  const EntryPlace place = cursor.place();
  EXPECT_EQ(place.memory, nullptr);
  EXPECT_EQ(place.address, record.address);
  EXPECT_EQ(place.record_bytes,
            RecordBytes(position.key.size(), record.value_size));
}

void ExpectSameOrder(const TableReader& table, const TableModel& model) {
  const auto cursor = NewSortedCursor(table, io::CachePolicy::kScan);
  EXPECT_FALSE(cursor->Valid());
  cursor->SeekToFirst();
  for (const auto& entry : model.entries()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, entry));
    cursor->Next();
  }
  EXPECT_FALSE(cursor->Valid());
  EXPECT_OK(cursor->status());
  cursor->SeekToLast();
  for (auto it = model.entries().rbegin(); it != model.entries().rend(); ++it) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*cursor, *it));
    cursor->Prev();
  }
  EXPECT_FALSE(cursor->Valid());
  EXPECT_OK(cursor->status());
}

}  // namespace quire::kv_internal
