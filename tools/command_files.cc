// quire files: the files of a database's directory and what each is for.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "io/posix_file_system.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_files.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/manifest_reader.h"
#include "tools/command.h"
#include "tools/file_text.h"

namespace quire::tools {
namespace {

using kv_internal::CurrentFile;
using kv_internal::DatabaseFiles;
using kv_internal::FileName;
using kv_internal::FileType;
using kv_internal::ManifestContents;
using kv_internal::ParsedFileName;
using kv_internal::RunState;
using kv_internal::SegmentState;

// How often a directory that changes is read again.
constexpr int kTriesMax = 20;

constexpr char kDetails[] =
    "Prints a line for each file in the directory: name, type, number, size in "
    "bytes, role and what the manifest knows of it. Roles:\n"
    "  live      the database is made of it\n"
    "  active    a segment that is, or was, being written\n"
    "  missing   the manifest names it, and it isn't there\n"
    "  orphan    of a database, but the manifest doesn't name it: opening for\n"
    "            writing removes it; or a writer is making it\n"
    "  lost      bytes that an open dropped from the end of the log\n"
    "  foreign   not of a database\n"
    "Where CURRENT or the manifest can't be read the roles are unknown ('?'), "
    "and the exit code is 1.";

// One line.
struct FileLine {
  std::string name;
  std::string type;
  uint64_t number = 0;
  std::string size;
  std::string role;
  std::string details;
};

class FileLister {
 public:
  explicit FileLister(const std::string& directory) : directory_(directory) {}

  // Reads names and manifest. An error means that there is no database.
  absl::Status Read() {
    // The names have to be those of the manifest's time: if a writer has gone
    // on between two readings, once more.
    ReadManifest();
    for (int i = 0; i < kTriesMax; ++i) {
      QUIRE_ASSIGN_OR_RETURN(names_, kv_internal::ListDatabaseFiles(
                                         io::PosixFileSystem(), directory_));
      const std::optional<CurrentFile> current = current_;
      const uint64_t length = ManifestLength();
      ReadManifest();
      if (current == current_ && length == ManifestLength()) break;
    }
    if (!names_.has_current && names_.files.empty()) {
      return absl::NotFoundError("no database in this directory");
    }
    if (contents_) {
      for (const RunState& run : contents_->state.runs) {
        tables_[run.table_number] = &run;
      }
    }
    return absl::OkStatus();
  }

  // Why the roles are unknown; OK if they are known.
  const absl::Status& manifest_status() const { return manifest_status_; }

  std::vector<FileLine> Lines() {
    if (names_.has_current) {
      Add(kv_internal::kCurrentName, "current", 0, "live",
          !current_          ? ""
          : current_->closed ? "closed cleanly"
                             : "not closed");
    }
    for (const ParsedFileName& file : names_.files) AddFile(file);
    AddMissing();
    for (const std::string& name : names_.auxiliary) {
      const bool is_lock = name == kv_internal::kLockName;
      Add(name, is_lock ? "lock" : "other", 0,
          is_lock                   ? "live"
          : name.ends_with(".lost") ? "lost"
                                    : "orphan",
          "");
    }
    for (const std::string& name : names_.foreign) {
      Add(name, "other", 0, "foreign", "");
    }
    return std::move(lines_);
  }

 private:
  // Sets manifest_status_ and, as far as they can be read, current_ and
  // contents_.
  void ReadManifest() {
    CurrentFile current;
    absl::StatusOr<ManifestContents> contents = kv_internal::ReadNewestManifest(
        io::PosixFileSystem(), directory_, &current);
    current_.reset();
    contents_.reset();
    if (current.manifest_number != 0) current_ = current;
    manifest_status_ = contents.status();
    if (contents.ok()) contents_ = *std::move(contents);
  }

  // 0 if it can't be read.
  uint64_t ManifestLength() const {
    return contents_ ? contents_->extent.length : 0;
  }

  void Add(std::string name, std::string_view type, uint64_t number,
           std::string role, std::string details) {
    const absl::StatusOr<uint64_t> size =
        io::PosixFileSystem().FileSize(directory_ + "/" + name);
    lines_.push_back({.name = std::move(name),
                      .type = std::string(type),
                      .number = number,
                      .size = size.ok() ? std::to_string(*size) : "-",
                      .role = std::move(role),
                      .details = std::move(details)});
  }

  void AddFile(const ParsedFileName& file) {
    std::string role = contents_ ? "orphan" : "?";
    std::string details;
    if (contents_ && file.type == FileType::kSegment) {
      const auto segment = contents_->state.segments.find(file.number);
      if (segment != contents_->state.segments.end()) {
        role = segment->second.sealed ? "live" : "active";
        details = Details(segment->second);
      }
    } else if (contents_ && file.type == FileType::kTable) {
      const auto table = tables_.find(file.number);
      if (table != tables_.end()) {
        role = "live";
        details = Details(*table->second);
      }
    } else if (current_ && file.number == current_->manifest_number &&
               file.type == FileType::kManifest) {
      role = "live";
    }
    Add(FileName(file.type, file.number), FileTypeName(file.type), file.number,
        std::move(role), std::move(details));
  }

  void AddMissing() {
    if (!contents_) return;
    const auto is_there = [this](FileType type, uint64_t number) {
      return std::any_of(names_.files.begin(), names_.files.end(),
                         [&](const ParsedFileName& file) {
                           return file.type == type && file.number == number;
                         });
    };
    for (const auto& [number, segment] : contents_->state.segments) {
      if (is_there(FileType::kSegment, number)) continue;
      Add(FileName(FileType::kSegment, number), "segment", number, "missing",
          Details(segment));
    }
    for (const auto& [number, run] : tables_) {
      if (is_there(FileType::kTable, number)) continue;
      Add(FileName(FileType::kTable, number), "table", number, "missing",
          Details(*run));
    }
  }

  static std::string Details(const SegmentState& segment) {
    if (!segment.sealed) {
      return "from sequence " + std::to_string(segment.first_sequence);
    }
    std::string text = segment.table_number == 0
                           ? "in no run"
                           : "run " + std::to_string(segment.table_number);
    text += ", sequence " + std::to_string(segment.first_sequence) + " to " +
            std::to_string(segment.last_sequence);
    return text + ", garbage " + std::to_string(segment.garbage_bytes) +
           " bytes";
  }

  static std::string Details(const RunState& run) {
    std::string text = std::to_string(run.entry_count) + " entries, segments";
    for (const uint64_t number : run.segments) {
      text += " " + std::to_string(number);
    }
    return text;
  }

  const std::string& directory_;
  DatabaseFiles names_;
  absl::Status manifest_status_;
  std::optional<CurrentFile> current_;
  std::optional<ManifestContents> contents_;
  std::map<uint64_t, const RunState*> tables_;
  std::vector<FileLine> lines_;
};

class FilesCommand final : public Command {
 public:
  FilesCommand()
      : Command({.name = "files",
                 .arguments = "DB",
                 .summary = "list the files and what each is for",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet&) override {}

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    FileLister lister(arguments[0]);
    if (const absl::Status status = lister.Read(); !status.ok()) {
      console.Error("cannot open " + arguments[0], status);
      return ExitCode::kOpen;
    }
    std::vector<FileLine> lines = lister.Lines();
    std::sort(lines.begin(), lines.end(),
              [](const FileLine& a, const FileLine& b) {
                return std::tie(a.number, a.name) < std::tie(b.number, b.name);
              });
    for (const FileLine& line : lines) Print(line, console.out());
    if (lister.manifest_status().ok()) return ExitCode::kOk;
    console.Error("", lister.manifest_status());
    return ExitCode::kNo;
  }

 private:
  static void Print(const FileLine& line, Output& out) {
    char columns[96];
    std::snprintf(columns, sizeof columns, " %-8s %8s %12s %-8s ",
                  line.type.c_str(),
                  line.number == 0 ? "-" : std::to_string(line.number).c_str(),
                  line.size.c_str(), line.role.c_str());
    std::string text = line.name;
    text.append(text.size() < 16 ? 16 - text.size() : 0, ' ');
    text.append(columns).append(line.details);
    text.erase(text.find_last_not_of(' ') + 1);
    out.Write(text + "\n");
  }
};

}  // namespace

std::unique_ptr<Command> MakeFilesCommand() {
  return std::make_unique<FilesCommand>();
}

}  // namespace quire::tools
