// quire checkpoint: a consistent copy of a database.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "kv/internal/checkpoint.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/manifest_reader.h"
#include "kv/options.h"
#include "tools/command.h"

namespace quire::tools {
namespace {

using kv_internal::CurrentFile;
using kv_internal::DatabaseState;
using kv_internal::ManifestContents;

// How often a database whose files are replaced meanwhile is tried again.
constexpr int kTriesMax = 20;

constexpr char kDetails[] =
    "Makes DIR, which must be missing or empty, a copy of the database, "
    "cleanly "
    "closed. Files are linked, so that the copy takes no space at first; "
    "across "
    "file systems they are copied. Neither database ever writes into the "
    "shared "
    "files.\n"
    "\n"
    "If nobody has the database open the copy holds all of it; a database that "
    "was not closed is recovered first. Beside a process that has it open, or "
    "without the right to write to it, the copy holds what the manifest lists "
    "as "
    "runs: a state that the database has been in, older by what is in the log "
    "alone. A message on the standard error tells so. That process gets a copy "
    "of everything by DB::Checkpoint.";

bool HasLog(const DatabaseState& state) {
  return std::any_of(
      state.segments.begin(), state.segments.end(),
      [](const auto& segment) { return segment.second.table_number == 0; });
}

// Copies what the manifest lists as runs, without a lock: while a writer
// removes files that are to be linked, it has a newer manifest to go by.
// `*state` is what the manifest said.
absl::Status CheckpointRuns(const std::string& source,
                            const std::string& target, DatabaseState* state) {
  absl::Status status;
  CurrentFile before;
  uint64_t length_before = 0;
  for (int i = 0; i < kTriesMax; ++i) {
    CurrentFile current;
    QUIRE_ASSIGN_OR_RETURN(ManifestContents contents,
                           kv_internal::ReadNewestManifest(
                               io::PosixFileSystem(), source, &current));
    if (i > 0 && current == before && contents.extent.length == length_before) {
      break;
    }
    before = current;
    length_before = contents.extent.length;
    *state = std::move(contents.state);
    status = kv_internal::WriteCheckpoint(io::PosixFileSystem(), source,
                                          RunsOnly(*state), target);
    if (!absl::IsNotFound(status)) break;
  }
  return status;
}

class CheckpointCommand final : public Command {
 public:
  CheckpointCommand()
      : Command({.name = "checkpoint",
                 .arguments = "DB DIR",
                 .summary = "make a consistent copy by links",
                 .details = kDetails,
                 .arguments_min = 2,
                 .arguments_max = 2}) {}

  void DefineFlags(FlagSet&) override {}

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    const std::string& source = arguments[0];
    const std::string& target = arguments[1];
    const absl::StatusOr<std::unique_ptr<DB>> db = DB::Open({}, source);
    if (absl::IsFailedPrecondition(db.status()) ||
        absl::IsPermissionDenied(db.status())) {
      return RunWithoutLock(source, target, db.status(), console);
    }
    if (!db.ok()) {
      console.Error("cannot open " + source, db.status());
      return ExitCode::kOpen;
    }
    absl::Status status = (*db)->Checkpoint(target);
    if (status.ok()) status = (*db)->Close();
    if (status.ok()) return ExitCode::kOk;
    console.Error("cannot copy " + source, status);
    return ExitCode::kData;
  }

 private:
  static ExitCode RunWithoutLock(const std::string& source,
                                 const std::string& target,
                                 const absl::Status& why, Console& console) {
    DatabaseState state;
    const absl::Status status = CheckpointRuns(source, target, &state);
    if (!status.ok()) {
      console.Error("cannot open " + source, why);
      console.Error("cannot copy its runs", status);
      return ExitCode::kData;
    }
    if (HasLog(state)) {
      console.Error("writes that are in the log alone were left out (" +
                    std::string(base::StdView(why.message())) + ")");
    }
    return ExitCode::kOk;
  }
};

}  // namespace

std::unique_ptr<Command> MakeCheckpointCommand() {
  return std::make_unique<CheckpointCommand>();
}

}  // namespace quire::tools
