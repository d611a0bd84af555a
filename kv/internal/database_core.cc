#include "kv/internal/database_core.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/file_header.h"
#include "kv/internal/random_id.h"
#include "kv/internal/table_reader.h"

namespace quire::kv_internal {

absl::StatusOr<std::shared_ptr<ActiveLog>> DatabaseCore::CreateLog(
    uint64_t first_sequence, uint64_t capacity, const LogTail& previous) {
  FileHeader header;
  header.type = FileType::kSegment;
  header.file_id = RandomId();
  header.file_number = catalog->NewFileNumber();
  header.previous_id = previous_segment_id;
  header.previous_number = previous_segment_number;
  header.first_sequence = first_sequence;
  header.database_id = database_id;
  absl::StatusOr<std::shared_ptr<ActiveLog>> log =
      ActiveLog::Create(*file_system, path, header, previous.previous_check,
                        capacity, spare_image);
  absl::Status status = log.status();
  if (status.ok()) {
    ManifestEdit edit;
    edit.Add(SegmentCreated{.number = header.file_number,
                            .id = header.file_id,
                            .previous_number = header.previous_number,
                            .previous_id = header.previous_id,
                            .first_sequence = header.first_sequence,
                            .previous_length = previous.offset});
    status = catalog->Commit(edit);
  }
  if (status.ok()) {
    previous_segment_id = header.file_id;
    previous_segment_number = header.file_number;
    return log;
  }
  if (!absl::IsResourceExhausted(status)) {
    write_error.Set(status);
    return status;
  }
  // Nothing names the file; if it can't be removed, the next open does.
  file_system
      ->RemoveFile(FilePath(path, FileType::kSegment, header.file_number))
      .IgnoreError();
  return status;
}

absl::StatusOr<std::shared_ptr<const OpenSegment>> DatabaseCore::OpenSealed(
    const SegmentState& segment) {
  const std::string file = FilePath(path, FileType::kSegment, segment.number);
  absl::StatusOr<std::unique_ptr<io::AttachedFile>> attached =
      provider.provider->Attach(file, segment.length);
  if (absl::IsNotFound(attached.status())) {
    return absl::DataLossError(absl::StrCat(
        file, ": the segment is missing, though the manifest names it"));
  }
  QUIRE_RETURN_IF_ERROR(attached.status());
  return std::make_shared<const OpenSegment>(
      *provider.provider, *std::move(attached), segment.number, segment.id);
}

absl::StatusOr<std::shared_ptr<Run>> DatabaseCore::OpenRun(
    const RunState& state,
    std::vector<std::shared_ptr<const OpenSegment>> segments) {
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<TableReader> table,
      TableReader::Open(
          *provider.provider,
          {.path = FilePath(path, FileType::kTable, state.table_number),
           .length_bytes = state.table_length,
           .file_number = state.table_number,
           .file_id = state.table_id}));
  std::vector<TableSegment> expected;
  for (const auto& segment : segments) {
    expected.push_back({segment->number(), segment->id(), segment->length()});
  }
  if (table->segments() != expected || table->hash_seed() != hash_seed) {
    return absl::DataLossError(
        absl::StrCat(table->file().path(),
                     ": the table was made for other segments or another "
                     "database than the manifest says"));
  }
  return std::make_shared<Run>(std::move(table), std::move(segments));
}

int64_t DatabaseCore::IndexBudgetLeft() const {
  uint64_t used = 0;
  const HeldView view = views.Hold();
  for (const auto& run : view->runs) used += run->table().resident_bytes();
  const auto budget = static_cast<int64_t>(
      std::min<uint64_t>(options.index_memory_bytes, INT64_MAX));
  return budget - static_cast<int64_t>(used);
}

}  // namespace quire::kv_internal
