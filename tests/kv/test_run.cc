#include "tests/kv/test_run.h"

#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/memory_record.h"
#include "kv/internal/record.h"
#include "kv/internal/table_format.h"
#include "kv/internal/table_reader.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kHashSeed = 7;

absl::Status AddEntries(const Memtable& memtable,
                        absl::FunctionRef<void(TableEntry&)> change,
                        TableBuilder& builder) {
  const auto cursor = memtable.NewCursor();
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const MemoryRecord record(cursor->place().memory);
    const uint64_t offset = record.header() - memtable.image().data();
    TableEntry entry;
    entry.key = record.key();
    entry.sequence = record.sequence();
    entry.address = MakeAddress(offset / kSlotBytes, offset % kSlotBytes);
    entry.tombstone = record.tombstone();
    entry.value_size = static_cast<uint32_t>(record.value().size());
    entry.hash = HashKey(record.key(), kHashSeed);
    change(entry);
    QUIRE_RETURN_IF_ERROR(builder.Add(entry));
  }
  return cursor->status();
}

absl::StatusOr<std::shared_ptr<Run>> Make(
    io::PageProvider& provider, const std::string& directory, uint64_t number,
    const Memtable& memtable, absl::FunctionRef<void(TableEntry&)> change) {
  const uint64_t length = memtable.used_bytes();
  const std::string segment_path =
      FilePath(directory, FileType::kSegment, number);
  testing::WriteFile(
      segment_path,
      {reinterpret_cast<const char*>(memtable.image().data()), length});
  TableSpec spec;
  spec.path = FilePath(directory, FileType::kTable, number);
  spec.header.type = FileType::kTable;
  spec.header.file_number = number;
  spec.header.file_id = number + 1;
  spec.header.first_sequence = 1;
  spec.hash_seed = kHashSeed;
  spec.segments = {
      {.number = number, .id = memtable.segment_id(), .length_bytes = length}};
  TableIdentity identity;
  identity.path = spec.path;
  identity.file_number = spec.header.file_number;
  identity.file_id = spec.header.file_id;
  QUIRE_ASSIGN_OR_RETURN(
      const std::unique_ptr<TableBuilder> builder,
      TableBuilder::Create(io::PosixFileSystem(), std::move(spec)));
  QUIRE_RETURN_IF_ERROR(AddEntries(memtable, change, *builder));
  QUIRE_ASSIGN_OR_RETURN(const FinishedTable table, builder->Finish());
  identity.length_bytes = table.info.length_bytes;
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<TableReader> reader,
                         TableReader::Open(provider, identity));
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::AttachedFile> file,
                         provider.Attach(segment_path, length));
  std::vector<std::shared_ptr<const OpenSegment>> segments;
  segments.push_back(std::make_shared<OpenSegment>(
      provider, std::move(file), number, memtable.segment_id()));
  return std::make_shared<Run>(std::move(reader), std::move(segments));
}

}  // namespace

std::shared_ptr<Run> MakeTestRun(io::PageProvider& provider,
                                 const std::string& directory, uint64_t number,
                                 const TestMemtable& memtable,
                                 absl::FunctionRef<void(TableEntry&)> change) {
  absl::StatusOr<std::shared_ptr<Run>> run =
      Make(provider, directory, number, memtable.memtable(), change);
  if (run.ok()) return *std::move(run);
  ADD_FAILURE() << run.status();
  return nullptr;
}

}  // namespace quire::kv_internal
