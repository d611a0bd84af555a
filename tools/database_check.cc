#include "tools/database_check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "io/posix_file_system.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_files.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/log_walk.h"
#include "kv/internal/manifest_reader.h"
#include "tools/run_check.h"
#include "tools/segment_check.h"
#include "tools/table_walk.h"

namespace quire::tools {
namespace {

// How often a state that has been replaced is given up for a newer one.
constexpr int kRoundsMax = 20;

using kv_internal::CurrentFile;
using kv_internal::DatabaseFiles;
using kv_internal::DatabaseState;
using kv_internal::FileName;
using kv_internal::FileType;
using kv_internal::LogIdOf;
using kv_internal::ManifestContents;
using kv_internal::ParsedFileName;
using kv_internal::RecoveryPlan;
using kv_internal::RunState;
using kv_internal::SegmentState;

std::string Message(const absl::Status& status) {
  return std::string(base::StdView(status.message()));
}

// Reports what is wrong within a table, without a manifest.
class TableDamage final : public TableVisitor {
 public:
  TableDamage(std::string name, Report& report)
      : name_(std::move(name)), report_(report) {}

  void OnDamage(uint64_t offset, uint64_t size,
                const std::string& what) override {
    report_.Problem({name_, offset, size, "table", what});
  }

 private:
  const std::string name_;
  Report& report_;
};

class DatabaseCheck {
 public:
  DatabaseCheck(FileInspector& inspector, const std::string& directory,
                VerifyCounts& counts, Report& report)
      : inspector_(inspector),
        directory_(directory),
        counts_(counts),
        report_(report) {}

  absl::Status Run() {
    QUIRE_ASSIGN_OR_RETURN(
        const DatabaseFiles files,
        kv_internal::ListDatabaseFiles(io::PosixFileSystem(), directory_));
    if (files.Empty() && !files.has_current) {
      return absl::NotFoundError(
          base::AbslView("no database in " + directory_));
    }
    bool is_new = false;
    absl::Status names =
        kv_internal::CheckDatabaseFiles(files, directory_, &is_new);
    if (absl::IsFailedPrecondition(names)) return names;
    QUIRE_RETURN_IF_ERROR(ReadState(/*first=*/true));
    // A writer goes on meanwhile: what it has replaced by the time it is looked
    // at is no problem, and what it has made of it is looked at in turn.
    for (int round = 1; state_ && !(CheckRuns() && CheckLog()); ++round) {
      if (round == kRoundsMax) {
        report_.Note({kv_internal::kCurrentName, 0, 0, "changing",
                      "the database changes faster than it can be read: parts "
                      "of it were not verified"});
        break;
      }
      QUIRE_RETURN_IF_ERROR(ReadState(/*first=*/false));
    }
    if (state_) {
      CheckUnnamedFiles(files);
    } else {
      CheckFilesAlone(files);
    }
    return absl::OkStatus();
  }

 private:
  // Fills state_, or reports why it can't and leaves it empty.
  absl::Status ReadState(bool first) {
    state_.reset();
    absl::StatusOr<ManifestContents> contents = kv_internal::ReadNewestManifest(
        io::PosixFileSystem(), directory_, &current_);
    if (absl::IsFailedPrecondition(contents.status())) {
      return contents.status();
    }
    if (current_.manifest_number == 0) {
      report_.Problem(
          {kv_internal::kCurrentName, 0, 0,
           absl::IsNotFound(contents.status()) ? "missing" : "current",
           StatusText(contents.status())});
      return absl::OkStatus();
    }
    const std::string name =
        FileName(FileType::kManifest, current_.manifest_number);
    if (first) counts_.files += 2;
    if (!contents.ok()) {
      report_.Problem({name, 0, 0, "manifest", StatusText(contents.status())});
      return absl::OkStatus();
    }
    if (first) counts_.bytes += contents->extent.length;
    if (first && contents->extent.torn_bytes != 0) {
      report_.Note({name, contents->extent.length, contents->extent.torn_bytes,
                    "torn-end", "the end of a write that wasn't finished"});
    }
    manifest_length_ = contents->extent.length;
    state_ = std::move(contents->state);
    return absl::OkStatus();
  }

  // Whether the manifest has gone on since state_ was read. `*now` is its state
  // then.
  bool HasMovedOn(DatabaseState* now) const {
    CurrentFile current;
    absl::StatusOr<ManifestContents> contents = kv_internal::ReadNewestManifest(
        io::PosixFileSystem(), directory_, &current);
    if (!contents.ok() ||
        (current == current_ && contents->extent.length == manifest_length_)) {
      return false;
    }
    *now = std::move(contents->state);
    return true;
  }

  // Makes what `check` finds known, unless that is a problem and, by the
  // manifest of then, `is_over`: false in that case, and as if it had not been
  // checked.
  template <typename Check, typename IsOver>
  bool CheckWhileItLasts(Check check, IsOver is_over) {
    const VerifyCounts counts_before = counts_;
    const uint64_t problems_before = report_.problems();
    report_.KeepBack();
    check();
    DatabaseState now;
    if (report_.problems() == problems_before || !HasMovedOn(&now) ||
        !is_over(now)) {
      report_.Release();
      return true;
    }
    report_.Drop();
    counts_ = counts_before;
    return false;
  }

  // --- Runs ------------------------------------------------------------------

  // Checks the runs that haven't been yet; false if one was replaced meanwhile.
  bool CheckRuns() {
    bool all = true;
    for (const RunState& run : state_->runs) {
      if (checked_.contains(run.table_id)) continue;
      const bool checked = CheckWhileItLasts(
          [&] {
            CheckRun(inspector_, directory_, *state_, run, counts_, report_);
          },
          [&](const DatabaseState& now) {
            return std::none_of(now.runs.begin(), now.runs.end(),
                                [&](const RunState& other) {
                                  return other.table_id == run.table_id;
                                });
          });
      if (checked) checked_.insert(run.table_id);
      all = all && checked;
    }
    return all;
  }

  // --- The log: segments that no run holds ----------------------------------

  // False if it has to be checked once more, with a newer manifest.
  bool CheckLog() {
    return CheckWhileItLasts([this] { CheckLogOnce(); },
                             [](const DatabaseState&) { return true; });
  }

  void CheckLogOnce() {
    for (const auto& [number, segment] : state_->segments) {
      if (segment.sealed && segment.table_number == 0) {
        CheckSealedSegment(inspector_, directory_, state_->database_id, segment,
                           nullptr, counts_, report_);
      }
    }
    // What is below the durable point is in doubt only if it still is when it
    // is read again: a writer may have been at it.
    absl::StatusOr<RecoveryPlan> plan = Recover();
    if (absl::IsDataLoss(plan.status())) plan = Recover();
    if (!plan.ok()) {
      const std::string name = last_loaded_.empty() ? "log" : last_loaded_;
      report_.Problem({name, 0, 0, "log", StatusText(plan.status())});
      return;
    }
    for (const kv_internal::RecoveredSegment& segment : plan->segments) {
      if (!state_->segments.at(segment.number).sealed) {
        ++counts_.files;
        counts_.records += segment.record_count;
      }
      if (segment.dropped_bytes == 0) continue;
      report_.Note({FileName(FileType::kSegment, segment.number),
                    segment.accepted_end, segment.dropped_bytes, "torn-end",
                    "writes that were never durable and that opening drops: " +
                        Message(plan->torn)});
    }
  }

  // Decides as an open would.
  absl::StatusOr<RecoveryPlan> Recover() {
    std::vector<std::byte> image;
    const auto load = [&](const SegmentState& segment)
        -> absl::StatusOr<std::span<const std::byte>> {
      last_loaded_ = FileName(FileType::kSegment, segment.number);
      QUIRE_ASSIGN_OR_RETURN(
          const std::unique_ptr<InspectedFile> file,
          InspectedFile::Open(inspector_, directory_ + "/" + last_loaded_));
      absl::Status failure;
      image =
          file->ReadAround(0, file->size_bytes(),
                           [&](uint64_t, uint64_t, const absl::Status& status) {
                             failure = status;
                           });
      QUIRE_RETURN_IF_ERROR(failure);
      return std::span<const std::byte>(image);
    };
    return kv_internal::RecoverLog(
        *state_, directory_, load,
        [](const SegmentState&, const kv_internal::LogRecord&) {
          return absl::OkStatus();
        });
  }

  // --- Files beside those that the manifest names ---------------------------

  void CheckUnnamedFiles(const DatabaseFiles& files) {
    std::set<uint64_t> tables;
    for (const RunState& run : state_->runs) {
      tables.insert(run.table_number);
    }
    for (const ParsedFileName& file : files.files) {
      const bool is_named = file.type == FileType::kSegment
                                ? state_->segments.contains(file.number)
                            : file.type == FileType::kTable
                                ? tables.contains(file.number)
                                : file.number == current_.manifest_number;
      const std::string name = FileName(file.type, file.number);
      const auto is_gone = [&] {
        return absl::IsNotFound(
            io::PosixFileSystem().FileSize(directory_ + "/" + name).status());
      };
      if (is_named || is_gone()) continue;
      // A log that goes on may have come to name it; what was dropped is gone.
      if (file.type == FileType::kSegment &&
          !CheckWhileItLasts([&] { CheckUnnamedSegment(file, name); },
                             [&](const DatabaseState& now) {
                               return now.segments.contains(file.number) ||
                                      is_gone();
                             })) {
        continue;
      }
      report_.Note({name, 0, 0, "orphan", "the manifest doesn't name it"});
    }
    for (const std::string& name : files.auxiliary) {
      if (!name.ends_with(".lost")) continue;
      report_.Note({name, 0, 0, "lost",
                    "bytes that an open dropped from the end of the log"});
    }
  }

  void CheckUnnamedSegment(const ParsedFileName& file,
                           const std::string& name) {
    const std::optional<std::vector<std::byte>> image = ReadFile(name);
    if (!image) return;
    const absl::Status status = kv_internal::CheckUnnamedSegment(
        *state_, file.number, *image, directory_ + "/" + name);
    if (!status.ok()) {
      report_.Problem({name, 0, 0, "unnamed-segment", StatusText(status)});
    }
  }

  // --- Without a manifest ----------------------------------------------------

  void CheckFilesAlone(const DatabaseFiles& files) {
    for (const ParsedFileName& file : files.files) {
      const std::string name = FileName(file.type, file.number);
      if (file.type == FileType::kTable) {
        CheckTableAlone(name);
      } else {
        CheckLogFileAlone(file.type, name);
      }
    }
  }

  void CheckLogFileAlone(FileType type, const std::string& name) {
    const std::optional<std::vector<std::byte>> image = ReadFile(name);
    if (!image) return;
    const absl::StatusOr<kv_internal::FileHeader> header =
        kv_internal::DecodeFileHeader(*image, type, name);
    if (!header.ok()) {
      report_.Problem({name, 0, kv_internal::kPageBytes, "header",
                       StatusText(header.status())});
    }
    const std::optional<uint64_t> id = LogIdOf(*image, header);
    if (!id) return;
    for (const LogDamage& damage : WalkForDamage(*image, *id, counts_)) {
      report_.Problem({name, damage.offset, damage.size, "log", damage.what});
    }
  }

  void CheckTableAlone(const std::string& name) {
    const absl::StatusOr<std::unique_ptr<InspectedFile>> file =
        InspectedFile::Open(inspector_, directory_ + "/" + name);
    if (!file.ok()) {
      report_.Problem({name, 0, 0, "unreadable", StatusText(file.status())});
      return;
    }
    ++counts_.files;
    TableDamage damage(name, report_);
    TableWalk table(**file);
    if (table.ReadFrame(damage)) {
      counts_.entries += table.Walk(damage).entry_count;
    }
  }

  // The whole file; nothing, and a problem, if it can't be opened. Nothing
  // alone if it is gone: a writer has removed it since.
  std::optional<std::vector<std::byte>> ReadFile(const std::string& name) {
    const absl::StatusOr<std::unique_ptr<InspectedFile>> file =
        InspectedFile::Open(inspector_, directory_ + "/" + name);
    if (absl::IsNotFound(file.status())) return std::nullopt;
    if (!file.ok()) {
      report_.Problem({name, 0, 0, "unreadable", StatusText(file.status())});
      return std::nullopt;
    }
    ++counts_.files;
    bool unreadable = false;
    return ReadForReport(**file, name, UINT64_MAX, &unreadable, report_);
  }

  FileInspector& inspector_;
  const std::string& directory_;
  VerifyCounts& counts_;
  Report& report_;
  CurrentFile current_;
  uint64_t manifest_length_ = 0;
  std::optional<DatabaseState> state_;
  std::set<uint64_t> checked_;  // runs, by the ids of their tables
  std::string last_loaded_;     // name of the segment that recovery read last
};

}  // namespace

absl::Status CheckDatabase(FileInspector& inspector,
                           const std::string& directory, VerifyCounts& counts,
                           Report& report) {
  QUIRE_RETURN_IF_ERROR(
      DatabaseCheck(inspector, directory, counts, report).Run());
  counts.bytes += inspector.bytes_read();
  return absl::OkStatus();
}

}  // namespace quire::tools
