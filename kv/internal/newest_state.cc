#include "kv/internal/newest_state.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/manifest_reader.h"
#include "kv/internal/memtable.h"
#include "kv/internal/run.h"
#include "kv/internal/tail_recovery.h"
#include "kv/internal/view.h"

namespace quire::kv_internal {
namespace {

// How often a state that is gone by the time it is looked at is given up for a
// newer one. Each time only what is new is opened, so a reader catches up with
// any writer long before.
constexpr int kAttemptsMax = 100;

// What a writer that goes on may cause, as damage does.
bool MayHaveMovedOn(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status);
}

// Tells one state of the manifest from another.
struct ManifestVersion {
  CurrentFile current;
  uint64_t length = 0;  // 0: could not be read
  friend bool operator==(const ManifestVersion&,
                         const ManifestVersion&) = default;
};

class StateLoader {
 public:
  explicit StateLoader(DatabaseCore& core)
      : core_(core), before_(core.views.Hold()) {
    for (const auto& run : before_->runs) Keep(run);
  }

  absl::Status Load() {
    absl::Status status;
    std::optional<ManifestVersion> failed;
    for (int i = 0; i < kAttemptsMax; ++i) {
      ManifestVersion version;
      const absl::StatusOr<ManifestContents> manifest =
          ReadNewestManifest(*core_.file_system, core_.path, &version.current);
      if (manifest.ok()) version.length = manifest->extent.length;
      const bool again = failed == version;
      status =
          manifest.ok() ? TryState(manifest->state, again) : manifest.status();
      if (status.ok() || again || !MayHaveMovedOn(status)) break;
      failed = version;
    }
    return status;
  }

 private:
  // What a view is made of.
  struct Parts {
    std::vector<std::shared_ptr<Memtable>> memtables;
    std::vector<std::shared_ptr<Run>> runs;
    std::string report;
    std::shared_ptr<const DatabaseState> state;
  };

  void Keep(const std::shared_ptr<Run>& run) {
    runs_[run->table().header().file_number] = run;
    for (const auto& segment : run->segments()) {
      segments_[segment->number()] = segment;
    }
  }

  // Opens everything and publishes it. `lenient`: does without lost tables.
  absl::Status TryState(const DatabaseState& state, bool lenient) {
    QUIRE_RETURN_IF_ERROR(TakeIdentity(state));
    // Runs first: opening them is quick, and what is open can't vanish.
    Parts parts;
    QUIRE_ASSIGN_OR_RETURN(const size_t in_memory,
                           OpenRuns(state, lenient, parts));
    QUIRE_ASSIGN_OR_RETURN(TailImage tail,
                           ReadTail(*core_.file_system, core_.path, state));
    parts.memtables = std::move(tail.memtables);
    for (size_t i = 0; i < in_memory; ++i) {
      QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<Memtable> memtable,
                             ReadRunIntoMemory(*core_.file_system, core_.path,
                                               state, state.runs[i]));
      parts.memtables.push_back(std::move(memtable));
    }
    parts.report += tail.report;
    parts.state = std::make_shared<const DatabaseState>(state);
    Publish(std::move(parts), tail.last_sequence);
    return absl::OkStatus();
  }

  absl::Status TakeIdentity(const DatabaseState& state) {
    constexpr DatabaseId kUnknown = {};
    if (core_.database_id == kUnknown) {  // the first state of an open
      core_.database_id = state.database_id;
      core_.hash_seed = state.hash_seed;
    }
    if (core_.database_id == state.database_id &&
        core_.hash_seed == state.hash_seed) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(absl::StrCat(
        core_.path, ": another database than before; open it again"));
  }

  // Opens the runs, newest first; how many of the newest have to be read into
  // memory instead: from the oldest lost table on, all newer ones. Memtables
  // are looked at before runs, so a newer run must not stay behind an older
  // memtable.
  absl::StatusOr<size_t> OpenRuns(const DatabaseState& state, bool lenient,
                                  Parts& parts) {
    size_t in_memory = 0;
    for (size_t i = 0; i < state.runs.size(); ++i) {
      // What is missing of the segments can't be made up for.
      QUIRE_ASSIGN_OR_RETURN(
          std::vector<std::shared_ptr<const OpenSegment>> segments,
          OpenSegments(state, state.runs[i]));
      absl::StatusOr<std::shared_ptr<Run>> run =
          OpenRun(state.runs[i], std::move(segments));
      if (run.ok()) {
        parts.runs.push_back(*std::move(run));
        continue;
      }
      if (!lenient || !MayHaveMovedOn(run.status())) return run.status();
      absl::StrAppend(&parts.report, "table not used: ", run.status().message(),
                      "\n");
      in_memory = i + 1;
      parts.runs.clear();
    }
    return in_memory;
  }

  absl::StatusOr<std::vector<std::shared_ptr<const OpenSegment>>> OpenSegments(
      const DatabaseState& state, const RunState& named) {
    std::vector<std::shared_ptr<const OpenSegment>> segments;
    for (const uint64_t number : named.segments) {
      QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<const OpenSegment> segment,
                             OpenSealed(state.segments.at(number)));
      segments.push_back(std::move(segment));
    }
    return segments;
  }

  absl::StatusOr<std::shared_ptr<Run>> OpenRun(
      const RunState& named,
      std::vector<std::shared_ptr<const OpenSegment>> segments) {
    const auto open = runs_.find(named.table_number);
    if (open != runs_.end() &&
        open->second->table().table_id() == named.table_id &&
        open->second->segments() == segments) {
      return open->second;
    }
    QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<Run> run,
                           core_.OpenRun(named, std::move(segments)));
    Keep(run);
    return run;
  }

  absl::StatusOr<std::shared_ptr<const OpenSegment>> OpenSealed(
      const SegmentState& segment) {
    std::shared_ptr<const OpenSegment>& open = segments_[segment.number];
    if (open == nullptr || open->id() != segment.id) {
      QUIRE_ASSIGN_OR_RETURN(open, core_.OpenSealed(segment));
    }
    return open;
  }

  void Publish(Parts parts, uint64_t last_sequence) {
    core_.recovery_report.Replace(std::move(parts.report));
    // Before the view: a reader that has the old view finds nothing above the
    // old number in it, but one that has the new view needs all of it, since
    // older versions may have been merged away. Release: as in WriteQueue.
    core_.published.store(last_sequence, std::memory_order_release);
    core_.views.Change([&](View& view) {
      view.memtables = std::move(parts.memtables);
      view.runs = std::move(parts.runs);
      view.last_sequence = last_sequence;
      view.state = std::move(parts.state);
    });
  }

  DatabaseCore& core_;
  // Outlives the shares below: what it holds is given back through the epoch.
  const HeldView before_;
  // What is open, by number.
  std::map<uint64_t, std::shared_ptr<Run>> runs_;
  std::map<uint64_t, std::shared_ptr<const OpenSegment>> segments_;
};

}  // namespace

absl::Status LoadNewestState(DatabaseCore& core) {
  return StateLoader(core).Load();
}

}  // namespace quire::kv_internal
