// Writing table files.
#ifndef QUIRE_KV_INTERNAL_TABLE_BUILDER_H_
#define QUIRE_KV_INTERNAL_TABLE_BUILDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "io/file_system.h"
#include "kv/internal/file_header.h"
#include "kv/internal/hash_section_builder.h"
#include "kv/internal/sequential_writer.h"
#include "kv/internal/sorted_section_builder.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {

// One version of one key, as a table keeps it.
struct TableEntry {
  std::string_view key;
  uint64_t sequence = 0;  // not below the header's first_sequence
  uint64_t address = 0;   // run-local
  bool tombstone = false;
  uint32_t value_size = 0;  // of a tombstone 0
  uint64_t hash = 0;        // HashKey(key, TableSpec::hash_seed)
};

// What a table is made for.
struct TableSpec {
  std::string path;
  // Its type must be kTable. first_sequence: no entry is older than this;
  // entries count from it, so choose it as high as is certain.
  FileHeader header;
  uint64_t hash_seed = 0;
  std::vector<TableSegment> segments;  // in the order of their slots
  // What the hash section may take while it is made. The file does not depend
  // on it.
  uint64_t build_memory_bytes = UINT64_MAX;
};

// A finished table.
struct TableInfo {
  uint64_t length_bytes = 0;
  uint64_t digest = 0;  // XXH3-64 of the whole file, unseeded
  uint64_t entry_count = 0;
  uint64_t key_count = 0;
  uint64_t tombstone_count = 0;
  uint64_t min_sequence = 0;  // 0 if there are no entries
  uint64_t max_sequence = 0;
};

struct FinishedTable {
  TableInfo info;
  // The hash section as it stands in the file, for
  // TableReader::AdoptHashSection. Empty if the table has no entries, or if the
  // section was larger than the memory to make it in.
  cache::HugeBuffer hash_image;
};

// Writes one table file, in one pass of large writes.
//
//   auto builder = TableBuilder::Create(file_system, std::move(spec));
//   for (...) (*builder)->Add(entry);
//   auto table = (*builder)->Finish();
//
// Memory: while it is within build_memory_bytes, 16 bytes an entry until
// Finish, and during it about 10 more for the hash image, whose size depends on
// the exact number of entries. Otherwise nothing is kept, and Finish reads the
// sorted section again: once if the image alone is within the budget, else once
// for each of the ranges that it is made in, and once before
// (hash_section_builder.h). Fences take about 0.1 bytes an entry more.
//
// Not thread-safe. After an error every later call returns that error; the file
// that was begun is the caller's to remove, as is the one of a builder
// destroyed before Finish.
class TableBuilder {
 public:
  // Creates the file. AlreadyExists if there is one; InvalidArgument if the
  // spec is not one of a table or needs more than kMaxSlots. `file_system` must
  // outlive the builder.
  static absl::StatusOr<std::unique_ptr<TableBuilder>> Create(
      io::FileSystem& file_system, TableSpec spec);

  TableBuilder(const TableBuilder&) = delete;
  TableBuilder& operator=(const TableBuilder&) = delete;

  // Adds an entry. Order: key ascending as unsigned bytes, versions of one key
  // by sequence descending; InvalidArgument otherwise, or if a field is out of
  // range. Copies the key.
  absl::Status Add(const TableEntry& entry);

  // Appends to the list of segments. Entries may point into a segment before it
  // is added; Finish fails with InvalidArgument if one points to none.
  absl::Status AddSegment(const TableSegment& segment);

  uint64_t entry_count() const { return footer_.entry_count; }

  // Completes, syncs and closes the file; its directory is the caller's to
  // sync. ResourceExhausted if there is no memory for the hash image; DataLoss
  // if the sorted section was read again and is damaged. No Add may follow.
  absl::StatusOr<FinishedTable> Finish();

 private:
  TableBuilder(io::FileSystem& file_system,
               std::unique_ptr<io::WritableFile> file, TableSpec spec);

  absl::Status CheckRange(const TableEntry& entry) const;
  void KeepForHashSection(uint64_t hash, uint64_t entry);
  absl::StatusOr<FinishedTable> WriteRest();
  // Returns the image of the section, if it was made in one.
  absl::StatusOr<cache::HugeBuffer> WriteHashSection();
  // Gives what was kept, and its memory back.
  absl::Status TakeKept(TakeHashedEntries take);
  // Gives the entries as they stand in the sorted section.
  absl::Status ReadAgain(const io::ReadableFile& file, TakeHashedEntries take);

  io::FileSystem& file_system_;
  TableSpec spec_;
  SequentialWriter writer_;
  std::optional<SortedSectionBuilder> sorted_;  // once the header is written
  // All entries, in chunks, or none once they would exceed the memory.
  bool keeps_hashed_ = true;
  std::vector<std::vector<HashedEntry>> hashed_;
  uint64_t largest_address_ = 0;
  TableFooter footer_;   // as far as it is known
  absl::Status status_;  // the first error
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_TABLE_BUILDER_H_
