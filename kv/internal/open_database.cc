#include "kv/internal/open_database.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "io/posix_file_system.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_files.h"
#include "kv/internal/fork_check.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/manifest_reader.h"
#include "kv/internal/newest_state.h"
#include "kv/internal/random_id.h"
#include "kv/internal/run_rebuilder.h"
#include "kv/internal/spare_image.h"
#include "kv/internal/table_maker.h"
#include "kv/internal/tail_recovery.h"

namespace quire::kv_internal {
namespace {

std::unique_ptr<DatabaseCore> NewCore(const Options& options,
                                      const std::string& path) {
  auto core = std::make_unique<DatabaseCore>();
  core->options = options;
  core->path = path;
  if (!options.read_only) {
    core->spare_image = std::make_shared<SpareImage>(options.memtable_bytes);
  }
  core->file_system = options.file_system != nullptr ? options.file_system
                                                     : &io::PosixFileSystem();
  core->fork_generation = ForkGeneration();
  return core;
}

absl::Status CheckWanted(const Options& options, const std::string& path,
                         bool is_new) {
  if (is_new && (!options.create_if_missing || options.read_only)) {
    return absl::NotFoundError(absl::StrCat(
        path, ": there is no database",
        options.read_only ? "" : ", and create_if_missing is not set"));
  }
  if (!is_new && options.error_if_exists) {
    return absl::AlreadyExistsError(absl::StrCat(
        path, ": there is a database, and error_if_exists is set"));
  }
  return absl::OkStatus();
}

absl::Status OpenProviderOf(DatabaseCore& core) {
  if (core.options.provider_factory != nullptr) {
    QUIRE_ASSIGN_OR_RETURN(
        core.provider.provider,
        core.options.provider_factory(*core.file_system, core.path));
    core.provider.effective_mode = core.options.provider.read_mode;
    core.provider.effective_engine = core.options.provider.io_engine;
    core.provider.mode_reason = "the provider is the caller's own";
    core.provider.engine_reason = core.provider.mode_reason;
    return absl::OkStatus();
  }
  QUIRE_ASSIGN_OR_RETURN(
      core.provider,
      io::OpenProvider(core.options.provider, *core.file_system, core.path));
  return absl::OkStatus();
}

// The segments of a run that the manifest names. DataLoss if one is missing or
// short: what is not there can't be made again.
absl::StatusOr<std::vector<std::shared_ptr<const OpenSegment>>> OpenSegments(
    DatabaseCore& core, const DatabaseState& state, const RunState& run) {
  std::vector<std::shared_ptr<const OpenSegment>> segments;
  for (uint64_t number : run.segments) {
    QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<const OpenSegment> segment,
                           core.OpenSealed(state.segments.at(number)));
    segments.push_back(std::move(segment));
  }
  return segments;
}

// True if the run can't be opened because of its table, which the segments can
// replace.
bool TableIsLost(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status);
}

// Tables that were made again, until a manifest names them.
struct RebuiltTables {
  ManifestEdit edit;
  std::vector<std::string> old_paths;
  std::vector<std::string> new_paths;
};

// Makes the table of `named` again, for what was `wrong` with it.
absl::StatusOr<std::shared_ptr<Run>> Rebuild(DatabaseCore& core,
                                             const DatabaseState& state,
                                             const RunState& named,
                                             const absl::Status& wrong,
                                             RebuiltTables& rebuilt) {
  absl::StatusOr<MadeRun> made = RebuildRun(core, state, named);
  if (!made.ok()) {
    return absl::Status(
        made.status().code(),
        absl::StrCat(wrong.message(),
                     "; and it can't be rebuilt: ", made.status().message()));
  }
  rebuilt.edit.Add(RunDropped{named.table_number});
  rebuilt.edit.Add(RunAdded{made->state});
  rebuilt.old_paths.push_back(
      FilePath(core.path, FileType::kTable, named.table_number));
  rebuilt.new_paths.push_back(made->run->table().file().path());
  core.recovery_report.Append(
      absl::StrCat("table rebuilt: ", wrong.message(), "\n"));
  return made->run;
}

absl::Status OpenRuns(DatabaseCore& core, const DatabaseState& state,
                      RebuiltTables& rebuilt) {
  std::vector<std::shared_ptr<Run>> runs;
  for (const RunState& named : state.runs) {
    QUIRE_ASSIGN_OR_RETURN(
        std::vector<std::shared_ptr<const OpenSegment>> segments,
        OpenSegments(core, state, named));
    absl::StatusOr<std::shared_ptr<Run>> run =
        core.OpenRun(named, std::move(segments));
    if (TableIsLost(run.status())) {
      run = Rebuild(core, state, named, run.status(), rebuilt);
    }
    QUIRE_RETURN_IF_ERROR(run.status());
    runs.push_back(*std::move(run));
  }
  core.views.Change([&](View& view) { view.runs = std::move(runs); });
  return absl::OkStatus();
}

absl::Status CommitRebuilt(DatabaseCore& core, const RebuiltTables& rebuilt) {
  if (rebuilt.old_paths.empty()) return absl::OkStatus();
  QUIRE_RETURN_IF_ERROR(core.catalog->Commit(rebuilt.edit));
  for (const std::string& path : rebuilt.old_paths) {
    core.file_system->RemoveFile(path).IgnoreError();
  }
  return absl::OkStatus();
}

absl::Status CheckUnnamedSegments(DatabaseCore& core,
                                  const DatabaseFiles& files,
                                  const DatabaseState& state) {
  for (const ParsedFileName& file : files.files) {
    if (file.type != FileType::kSegment ||
        state.segments.contains(file.number)) {
      continue;
    }
    const std::string path =
        FilePath(core.path, FileType::kSegment, file.number);
    uint64_t size = 0;
    QUIRE_ASSIGN_OR_RETURN(const cache::HugeBuffer image,
                           ReadIntoBuffer(*core.file_system, path, &size));
    QUIRE_RETURN_IF_ERROR(CheckUnnamedSegment(
        state, file.number,
        std::span<const std::byte>(image.bytes()).first(size), path));
  }
  return absl::OkStatus();
}

// What an interrupted operation left: files that the manifest in force before
// this open did not name.
std::vector<std::string> UnnamedFiles(const DatabaseCore& core,
                                      const DatabaseFiles& files,
                                      const DatabaseState& state,
                                      uint64_t manifest_number) {
  std::vector<std::string> unnamed;
  for (const ParsedFileName& file : files.files) {
    bool named = false;
    switch (file.type) {
      case FileType::kSegment:
        named = state.segments.contains(file.number);
        break;
      case FileType::kTable:
        named = std::any_of(state.runs.begin(), state.runs.end(),
                            [&](const RunState& run) {
                              return run.table_number == file.number;
                            });
        break;
      case FileType::kManifest:
        named = file.number == manifest_number;
        break;
    }
    if (!named) {
      unnamed.push_back(FilePath(core.path, file.type, file.number));
    }
  }
  return unnamed;
}

// A failure leaves them for the next open.
void RemoveFiles(DatabaseCore& core, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    core.file_system->RemoveFile(path).IgnoreError();
  }
  core.file_system
      ->RemoveFile(absl::StrCat(core.path, "/", kCurrentTemporaryName))
      .IgnoreError();
}

// Removes the files that `state` doesn't name, once it is certain that no
// durable manifest does: CURRENT, and the end of the manifest, may be what the
// page cache shows and the disk doesn't have, if their sync failed or the
// process died before it. Then the state before, which may name these files, is
// what a power loss brings back.
absl::Status RemoveUnnamedFiles(DatabaseCore& core, const DatabaseFiles& files,
                                const DatabaseState& state,
                                uint64_t manifest_number) {
  const std::vector<std::string> unnamed =
      UnnamedFiles(core, files, state, manifest_number);
  if (!unnamed.empty()) {
    const absl::Status status = core.catalog->Commit(ManifestEdit());
    // They stay until there is space.
    if (absl::IsResourceExhausted(status)) return absl::OkStatus();
    QUIRE_RETURN_IF_ERROR(status);
  }
  RemoveFiles(core, unnamed);
  return absl::OkStatus();
}

absl::Status CreateNew(DatabaseCore& core, const DatabaseFiles& files) {
  core.database_id = RandomDatabaseId();
  core.hash_seed = RandomId();
  DatabaseState state;
  state.database_id = core.database_id;
  state.hash_seed = core.hash_seed;
  core.catalog = std::make_unique<Catalog>(*core.file_system, core.path, state,
                                           /*manifest_number=*/0,
                                           files.HighestNumber() + 1);
  RemoveFiles(core, UnnamedFiles(core, files, DatabaseState{}, 0));
  QUIRE_RETURN_IF_ERROR(core.catalog->Commit(ManifestEdit()));
  return OpenProviderOf(core);
}

void TakeIdentity(DatabaseCore& core, const DatabaseState& state) {
  core.database_id = state.database_id;
  core.hash_seed = state.hash_seed;
  core.previous_segment_number = state.last_log_number;
  core.previous_segment_id = state.last_log_id;
}

absl::Status OpenExisting(DatabaseCore& core, const DatabaseFiles& files) {
  QUIRE_ASSIGN_OR_RETURN(const CurrentFile current,
                         ReadCurrentFile(*core.file_system, core.path));
  QUIRE_ASSIGN_OR_RETURN(const ManifestContents manifest,
                         ReadManifest(*core.file_system, core.path, current));
  const DatabaseState& state = manifest.state;
  TakeIdentity(core, state);
  if (manifest.extent.torn_bytes > 0) {
    core.recovery_report.Append(
        absl::StrCat("torn end of the manifest: ", manifest.extent.torn_bytes,
                     " bytes dropped\n"));
  }
  QUIRE_RETURN_IF_ERROR(CheckUnnamedSegments(core, files, state));
  core.catalog = std::make_unique<Catalog>(
      *core.file_system, core.path, state, current.manifest_number,
      std::max(state.next_file_number, files.HighestNumber() + 1));
  QUIRE_RETURN_IF_ERROR(OpenProviderOf(core));
  RebuiltTables rebuilt;
  auto remove_rebuilt = absl::MakeCleanup([&] {
    for (const std::string& path : rebuilt.new_paths) {
      core.file_system->RemoveFile(path).IgnoreError();
    }
  });
  QUIRE_RETURN_IF_ERROR(OpenRuns(core, state, rebuilt));
  QUIRE_RETURN_IF_ERROR(RecoverTail(core, state));
  // From here on they may be what the manifest names.
  std::move(remove_rebuilt).Cancel();
  QUIRE_RETURN_IF_ERROR(CommitRebuilt(core, rebuilt));
  if (state.runs.empty() && state.segments.empty()) {
    // Maybe nothing was committed since the creation, whose last sync may have
    // failed: then every reader sees a database that a power loss takes away.
    QUIRE_RETURN_IF_ERROR(core.catalog->Commit(ManifestEdit()));
  }
  QUIRE_RETURN_IF_ERROR(
      RemoveUnnamedFiles(core, files, state, current.manifest_number));
  // All that was read is durable: sealed segments, or copies just synced. No
  // group is left of the log that a later one would have to vouch for.
  core.durable.Advance(
      {LogPosition{}, core.published.load(std::memory_order_relaxed)});
  return absl::OkStatus();
}

absl::Status MakeDirectory(io::FileSystem& fs, const std::string& path) {
  QUIRE_RETURN_IF_ERROR(fs.CreateDirectory(path));
  absl::Status status = SyncNameOfDirectory(fs, path);
  // What a failed sync has lost a later one doesn't bring back. If this can be
  // removed, the next open makes it anew.
  if (!status.ok()) fs.RemoveDirectory(path).IgnoreError();
  return status;
}

absl::Status PrepareDirectory(DatabaseCore& core, DatabaseFiles& files) {
  io::FileSystem& fs = *core.file_system;
  const bool is_made = !files.directory_exists;
  if (is_made) QUIRE_RETURN_IF_ERROR(MakeDirectory(fs, core.path));
  QUIRE_ASSIGN_OR_RETURN(core.lock,
                         fs.LockFile(absl::StrCat(core.path, "/", kLockName)));
  // Again, now that nobody else changes it.
  QUIRE_ASSIGN_OR_RETURN(files, ListDatabaseFiles(fs, core.path));
  if (is_made || files.has_current) return absl::OkStatus();
  // Whoever made it may not have got as far as the sync.
  return SyncNameOfDirectory(fs, core.path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatabaseCore>> OpenDatabase(
    const Options& options, const std::string& path) {
  QUIRE_RETURN_IF_ERROR(options.Validate());
  std::unique_ptr<DatabaseCore> core = NewCore(options, path);
  QUIRE_ASSIGN_OR_RETURN(DatabaseFiles files,
                         ListDatabaseFiles(*core->file_system, path));
  bool is_new = false;
  QUIRE_RETURN_IF_ERROR(CheckDatabaseFiles(files, path, &is_new));
  QUIRE_RETURN_IF_ERROR(CheckWanted(options, path, is_new));
  absl::Status status;
  if (options.read_only) {
    status = OpenProviderOf(*core);
    if (status.ok()) status = LoadNewestState(*core);
  } else {
    QUIRE_RETURN_IF_ERROR(PrepareDirectory(*core, files));
    QUIRE_RETURN_IF_ERROR(CheckDatabaseFiles(files, path, &is_new));
    QUIRE_RETURN_IF_ERROR(CheckWanted(options, path, is_new));
    status = is_new ? CreateNew(*core, files) : OpenExisting(*core, files);
  }
  if (!status.ok()) return status;
  return core;
}

absl::Status DestroyDatabase(const Options& options, const std::string& path) {
  io::FileSystem& fs = options.file_system != nullptr ? *options.file_system
                                                      : io::PosixFileSystem();
  QUIRE_ASSIGN_OR_RETURN(DatabaseFiles files, ListDatabaseFiles(fs, path));
  if (!files.directory_exists) return absl::OkStatus();
  if (!files.has_current && files.files.empty() && files.auxiliary.empty()) {
    if (files.foreign.empty()) return fs.RemoveDirectory(path);
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": not a Quire database: it holds ", files.foreign.front()));
  }
  const std::string lock_path = absl::StrCat(path, "/", kLockName);
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::FileLock> lock,
                         fs.LockFile(lock_path));
  QUIRE_ASSIGN_OR_RETURN(files, ListDatabaseFiles(fs, path));
  // CURRENT first: what is left of an interrupted removal is no database.
  if (files.has_current) {
    QUIRE_RETURN_IF_ERROR(fs.RemoveFile(absl::StrCat(path, "/", kCurrentName)));
    QUIRE_RETURN_IF_ERROR(fs.SyncDirectory(path));
  }
  for (const ParsedFileName& file : files.files) {
    QUIRE_RETURN_IF_ERROR(
        fs.RemoveFile(FilePath(path, file.type, file.number)));
  }
  for (const std::string& name : files.auxiliary) {
    QUIRE_RETURN_IF_ERROR(fs.RemoveFile(absl::StrCat(path, "/", name)));
  }
  lock.reset();
  if (!files.foreign.empty()) return fs.SyncDirectory(path);
  QUIRE_RETURN_IF_ERROR(fs.RemoveDirectory(path));
  return fs.SyncDirectory(ParentDirectory(path));
}

}  // namespace quire::kv_internal
