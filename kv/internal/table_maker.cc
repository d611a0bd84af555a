#include "kv/internal/table_maker.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "kv/internal/file_header.h"
#include "kv/internal/random_id.h"
#include "kv/internal/unknown_outcome.h"

namespace quire::kv_internal {
namespace {

// Enough to make the hash section of 100 million entries in one piece.
constexpr uint64_t kHashSectionMemory = uint64_t{1} << 30;

absl::StatusOr<FinishedTable> WriteTable(
    DatabaseCore& core, TableSpec spec, TableJob& job,
    absl::FunctionRef<absl::Status(TableBuilder&)> add_entries) {
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<TableBuilder> builder,
      TableBuilder::Create(*core.file_system, std::move(spec)));
  QUIRE_RETURN_IF_ERROR(add_entries(*builder));
  for (const TableSource& source : job.segments) {
    QUIRE_RETURN_IF_ERROR(builder->AddSegment(
        {source.state.number, source.state.id, source.state.length}));
  }
  QUIRE_ASSIGN_OR_RETURN(FinishedTable table, builder->Finish());
  if (absl::Status status =
          UnknownOutcome(core.file_system->SyncDirectory(core.path));
      !status.ok()) {
    // It may have been others' names, too, that were not made durable, and the
    // next sync won't say so.
    core.write_error.Set(status);
    return status;
  }
  return table;
}

absl::StatusOr<std::shared_ptr<Run>> OpenMadeRun(DatabaseCore& core,
                                                 const TableJob& job,
                                                 const RunState& state,
                                                 cache::HugeBuffer hash_image) {
  std::vector<std::shared_ptr<const OpenSegment>> segments;
  for (const TableSource& source : job.segments) {
    std::shared_ptr<const OpenSegment> open = source.open;
    if (open == nullptr) {
      QUIRE_ASSIGN_OR_RETURN(open, core.OpenSealed(source.state));
    }
    segments.push_back(std::move(open));
  }
  QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<Run> run,
                         core.OpenRun(state, std::move(segments)));
  const uint64_t bytes = run->table().hash_section_bytes();
  const int64_t budget =
      core.IndexBudgetLeft() + static_cast<int64_t>(job.replaced_index_bytes);
  if (bytes > 0 && budget >= static_cast<int64_t>(bytes)) {
    if (hash_image.size() > 0) {
      run->table().AdoptHashSection(std::move(hash_image));
    } else {
      // Where it can't be loaded, probes go through the provider.
      run->table().LoadHashSection().IgnoreError();
    }
  }
  return run;
}

}  // namespace

TableJob TableOver(const std::vector<SegmentState>& segments) {
  TableJob job = {.first_sequence = UINT64_MAX};
  for (const SegmentState& segment : segments) {
    job.segments.push_back({.state = segment});
    job.first_sequence = std::min(job.first_sequence, segment.first_sequence);
  }
  return job;
}

absl::StatusOr<MadeRun> MakeTable(
    DatabaseCore& core, TableJob& job,
    absl::FunctionRef<absl::Status(TableBuilder&)> add_entries) {
  TableSpec spec;
  spec.header.type = FileType::kTable;
  spec.header.file_number = core.catalog->NewFileNumber();
  spec.header.file_id = RandomId();
  spec.header.first_sequence = job.first_sequence;
  spec.header.database_id = core.database_id;
  spec.hash_seed = core.hash_seed;
  spec.build_memory_bytes = kHashSectionMemory;
  MadeRun made;
  made.state.table_number = spec.header.file_number;
  made.state.table_id = spec.header.file_id;
  const std::string path =
      FilePath(core.path, FileType::kTable, spec.header.file_number);
  spec.path = path;
  absl::StatusOr<FinishedTable> table =
      WriteTable(core, std::move(spec), job, add_entries);
  absl::Status status = table.status();
  if (status.ok()) {
    for (const TableSource& source : job.segments) {
      made.state.segments.push_back(source.state.number);
    }
    made.state.table_length = table->info.length_bytes;
    made.state.table_digest = table->info.digest;
    made.state.entry_count = table->info.entry_count;
    made.state.max_sequence = table->info.max_sequence;
    absl::StatusOr<std::shared_ptr<Run>> run =
        OpenMadeRun(core, job, made.state, std::move(table->hash_image));
    status = run.status();
    if (status.ok()) made.run = *std::move(run);
  }
  if (!status.ok()) {
    // Nothing names the file; if it can't be removed, the next open does.
    core.file_system->RemoveFile(path).IgnoreError();
    return status;
  }
  core.counters.table_bytes_written.Add(
      static_cast<int64_t>(made.state.table_length));
  return made;
}

}  // namespace quire::kv_internal
