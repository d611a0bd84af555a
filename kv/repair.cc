#include "kv/repair.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "io/posix_file_system.h"
#include "kv/internal/database_files.h"
#include "kv/internal/file_header.h"
#include "kv/internal/repair_survey.h"
#include "kv/internal/repair_writer.h"
#include "kv/internal/salvage.h"
#include "kv/options.h"

namespace quire {
namespace {

using kv_internal::DatabaseFiles;
using kv_internal::FileName;
using kv_internal::kCurrentName;
using kv_internal::kLockName;
using kv_internal::ParsedFileName;
using kv_internal::RepairSurvey;
using kv_internal::RepairWriter;
using kv_internal::SalvagedSegment;
using kv_internal::SalvageSource;

std::string Join(const std::string& directory, const std::string& name) {
  return absl::StrCat(directory, "/", name);
}

absl::Status CheckArguments(const RepairOptions& options,
                            const std::string& to) {
  if (options.in_place != to.empty()) {
    return absl::InvalidArgumentError(
        options.in_place ? "a repair in place has no other directory"
                         : "no directory for the repaired database");
  }
  Options segment_options;
  segment_options.memtable_bytes = options.memtable_bytes;
  return segment_options.Validate();
}

// The lock of a database that is to be read. Without a lock file nobody has it;
// where it can't be locked for the directory's sake, nobody can write either.
absl::StatusOr<std::unique_ptr<io::FileLock>> LockSource(
    io::FileSystem& fs, const RepairOptions& options, const std::string& from,
    RepairReport& report) {
  const std::string path = Join(from, kLockName);
  if (!options.in_place && absl::IsNotFound(fs.FileSize(path).status())) {
    return nullptr;
  }
  absl::StatusOr<std::unique_ptr<io::FileLock>> lock = fs.LockFile(path);
  if (lock.ok() || options.in_place ||
      absl::IsFailedPrecondition(lock.status())) {
    return lock;
  }
  report.warnings.push_back(absl::StrCat("The database is not locked (",
                                         lock.status().message(), ")."));
  return nullptr;
}

// Names of the files that a repaired database replaces.
std::vector<std::string> Originals(const DatabaseFiles& files) {
  std::vector<std::string> names;
  if (files.has_current) names.push_back(kCurrentName);
  for (const ParsedFileName& file : files.files) {
    names.push_back(FileName(file.type, file.number));
  }
  return names;
}

// Undoes KeepAside, as far as it came.
void DropAside(io::FileSystem& fs, const std::string& path,
               const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    fs.RemoveFile(Join(path, name)).IgnoreError();
  }
  fs.RemoveDirectory(path).IgnoreError();
}

// Gives the files `names` of `directory` second names in a new directory in it;
// returns that one's name. Nothing is left of a failure.
absl::StatusOr<std::string> KeepAside(io::FileSystem& fs,
                                      const std::string& directory,
                                      const std::vector<std::string>& names) {
  std::string aside;
  for (int i = 1; aside.empty(); ++i) {
    std::string name = absl::StrCat("damaged-", i);
    const absl::Status status = fs.CreateDirectory(Join(directory, name));
    if (absl::IsAlreadyExists(status)) continue;
    QUIRE_RETURN_IF_ERROR(status);
    aside = std::move(name);
  }
  const std::string path = Join(directory, aside);
  absl::Cleanup drop = [&] { DropAside(fs, path, names); };
  for (const std::string& name : names) {
    QUIRE_RETURN_IF_ERROR(fs.LinkFile(Join(directory, name), Join(path, name)));
  }
  QUIRE_RETURN_IF_ERROR(fs.SyncDirectory(path));
  QUIRE_RETURN_IF_ERROR(fs.SyncDirectory(directory));
  std::move(drop).Cancel();
  return aside;
}

// A directory for the new database, empty and locked.
class Target {
 public:
  static absl::StatusOr<std::unique_ptr<Target>> Create(
      io::FileSystem& fs, const std::string& path) {
    auto target = std::unique_ptr<Target>(new Target(fs, path));
    const absl::StatusOr<std::vector<std::string>> names =
        fs.ListDirectory(path);
    if (absl::IsNotFound(names.status())) {
      QUIRE_RETURN_IF_ERROR(fs.CreateDirectory(path));
      target->created_ = true;
    } else {
      QUIRE_RETURN_IF_ERROR(names.status());
      for (const std::string& name : *names) {
        if (name == "lost+found") continue;
        return absl::AlreadyExistsError(absl::StrCat(
            path, ": a repair needs an empty directory, and this one holds ",
            name));
      }
    }
    QUIRE_RETURN_IF_ERROR(kv_internal::SyncNameOfDirectory(fs, path));
    QUIRE_ASSIGN_OR_RETURN(target->lock_, fs.LockFile(Join(path, kLockName)));
    return target;
  }

  // Removes what was made, unless it is to be kept.
  ~Target() {
    if (kept_) return;
    if (lock_ != nullptr) {
      lock_.reset();
      fs_.RemoveFile(Join(path_, kLockName)).IgnoreError();
    }
    if (created_) fs_.RemoveDirectory(path_).IgnoreError();
  }

  void Keep() { kept_ = true; }

 private:
  Target(io::FileSystem& fs, const std::string& path) : fs_(fs), path_(path) {}

  io::FileSystem& fs_;
  const std::string path_;
  std::unique_ptr<io::FileLock> lock_;
  bool created_ = false;
  bool kept_ = false;
};

// Reads every segment into `writer`, and into `report` what came of it. Returns
// the highest sequence number known to have been given out.
absl::StatusOr<uint64_t> SalvageAll(io::FileSystem& fs, const std::string& from,
                                    const RepairSurvey& survey,
                                    RepairWriter& writer,
                                    RepairReport& report) {
  uint64_t last_sequence = survey.base.last_sequence;
  for (const SalvageSource& source : survey.sources) {
    QUIRE_ASSIGN_OR_RETURN(
        SalvagedSegment segment,
        kv_internal::SalvageSegment(fs, from, source,
                                    [&](const kv_internal::LogRecord& record) {
                                      return writer.Add(record);
                                    }));
    ++report.segments_read;
    report.bytes_read += segment.bytes_read;
    report.records_kept += segment.records;
    report.bytes_kept += segment.record_bytes;
    report.records_of_damaged_groups += segment.records_of_damaged_groups;
    std::move(segment.lost.begin(), segment.lost.end(),
              std::back_inserter(report.lost));
    std::move(segment.warnings.begin(), segment.warnings.end(),
              std::back_inserter(report.warnings));
    last_sequence = std::max(last_sequence, segment.last_sequence);
  }
  return last_sequence;
}

// Salvages `from` into `directory`, which may be the same one.
absl::Status MakeDatabase(io::FileSystem& fs, const RepairOptions& options,
                          const std::string& from, const std::string& directory,
                          const DatabaseFiles& files, RepairReport& report) {
  QUIRE_ASSIGN_OR_RETURN(RepairSurvey survey,
                         kv_internal::SurveyDatabase(fs, from, files));
  report.manifest_was_usable = survey.manifest_was_usable;
  report.lost = std::move(survey.lost);
  std::move(survey.warnings.begin(), survey.warnings.end(),
            std::back_inserter(report.warnings));
  RepairWriter writer(fs, directory, survey.base, options.memtable_bytes);
  absl::Cleanup remove_files = [&] { writer.RemoveFiles(); };
  QUIRE_ASSIGN_OR_RETURN(const uint64_t last_sequence,
                         SalvageAll(fs, from, survey, writer, report));
  QUIRE_ASSIGN_OR_RETURN(const kv_internal::RepairedCounts counts,
                         writer.Finish());
  report.keys = counts.keys;
  report.tombstones = counts.tombstones;
  kv_internal::NormalizeLostRanges(report.lost);
  const std::vector<std::string> originals = Originals(files);
  if (options.in_place) {
    QUIRE_ASSIGN_OR_RETURN(report.originals, KeepAside(fs, from, originals));
  }
  const absl::Status status = writer.Commit(last_sequence);
  if (options.in_place && !writer.may_be_named()) {
    DropAside(fs, Join(from, report.originals), originals);
  }
  QUIRE_RETURN_IF_ERROR(status);
  if (!options.in_place) return absl::OkStatus();
  // They have another name each. What can't be removed is nothing to the new
  // database.
  for (const std::string& name : originals) {
    if (name == kCurrentName) continue;
    fs.RemoveFile(Join(from, name)).IgnoreError();
  }
  return fs.SyncDirectory(from);
}

}  // namespace

absl::StatusOr<RepairReport> Repair(const RepairOptions& options,
                                    const std::string& from,
                                    const std::string& to) {
  QUIRE_RETURN_IF_ERROR(CheckArguments(options, to));
  io::FileSystem& fs = options.file_system != nullptr ? *options.file_system
                                                      : io::PosixFileSystem();
  RepairReport report;
  QUIRE_ASSIGN_OR_RETURN(DatabaseFiles files,
                         kv_internal::ListDatabaseFiles(fs, from));
  if (Originals(files).empty()) {
    return absl::NotFoundError(
        absl::StrCat(from, ": holds no file of a database"));
  }
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<io::FileLock> lock,
                         LockSource(fs, options, from, report));
  // Again, now that nobody changes it.
  QUIRE_ASSIGN_OR_RETURN(files, kv_internal::ListDatabaseFiles(fs, from));
  if (options.in_place) {
    QUIRE_RETURN_IF_ERROR(MakeDatabase(fs, options, from, from, files, report));
    return report;
  }
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<Target> target,
                         Target::Create(fs, to));
  QUIRE_RETURN_IF_ERROR(MakeDatabase(fs, options, from, to, files, report));
  target->Keep();
  return report;
}

}  // namespace quire
