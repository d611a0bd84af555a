// quire manifest: the edits of a manifest and the state that they make.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "io/posix_file_system.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/log_walk.h"
#include "kv/internal/manifest_edit.h"
#include "tools/command.h"
#include "tools/file_inspector.h"
#include "tools/file_text.h"
#include "tools/open_database.h"

namespace quire::tools {
namespace {

using kv_internal::CurrentFile;
using kv_internal::DatabaseState;
using kv_internal::FileHeader;
using kv_internal::FileType;
using kv_internal::GroupHeader;
using kv_internal::kPageBytes;
using kv_internal::LogIdOf;
using kv_internal::LogRecord;
using kv_internal::LogVisitor;
using kv_internal::ManifestEdit;
using kv_internal::RunState;
using kv_internal::SegmentState;
using kv_internal::WalkLog;

constexpr char kDetails[] =
    "Given a database, prints CURRENT and the manifest that it names; given a "
    "file, that manifest. Prints the header, a line for each change with the "
    "offset of its record, and the state that the changes make: segments and "
    "runs. Damaged places are printed as\n"
    "  damage offset=4096 size=64 what=\"no valid record\"\n"
    "and make the exit code 1, as do changes that contradict each other. The "
    "unfinished end of a manifest that was not closed looks like damage here; "
    "'quire verify' tells them apart.";

// Prints changes as the walk comes to them and applies them group by group.
class ManifestPrinter final : public LogVisitor {
 public:
  explicit ManifestPrinter(Output& out) : out_(out) {}

  bool found_damage() const { return found_damage_; }

  // The state after all whole edits, or why they make none. No call may
  // follow.
  absl::StatusOr<DatabaseState> Finish() {
    ApplyPending();
    if (!failure_.ok()) return failure_;
    return std::move(state_);
  }

  void OnGroup(uint64_t offset, const GroupHeader& header) override {
    ApplyPending();
    out_.Write("group offset=" + std::to_string(offset) +
               " size=" + std::to_string(header.length) +
               " changes=" + std::to_string(header.record_count) + "\n");
  }

  void OnRecord(const LogRecord& record) override {
    const absl::Status status = pending_.AddDecoded(record);
    if (!status.ok()) {
      OnDamage(record.offset, record.header.RecordBytes(),
               std::string(base::StdView(status.message())));
      return;
    }
    out_.Write("change offset=" + std::to_string(record.offset) + " " +
               kv_internal::ToString(pending_.changes().back()) + "\n");
  }

  void OnDamage(uint64_t offset, uint64_t length,
                const std::string& what) override {
    found_damage_ = true;
    out_.Write("damage offset=" + std::to_string(offset) +
               " size=" + std::to_string(length) + " what=\"" + what + "\"\n");
  }

 private:
  void ApplyPending() {
    if (failure_.ok()) failure_ = state_.Apply(pending_);
    pending_ = {};
  }

  Output& out_;
  ManifestEdit pending_;  // of the group that is being walked
  DatabaseState state_;
  absl::Status failure_;  // of the first edit that couldn't be applied
  bool found_damage_ = false;
};

std::string CurrentText(const CurrentFile& current) {
  return "current: manifest " + std::to_string(current.manifest_number) +
         ", id " + IdText(current.manifest_id) + ", length " +
         std::to_string(current.manifest_length) + ", digest " +
         IdText(current.manifest_digest) + ", " +
         (current.closed ? "closed" : "not closed") + "\n";
}

std::string SegmentText(const SegmentState& segment) {
  std::string text = "segment number=" + std::to_string(segment.number) +
                     " id=" + IdText(segment.id) + " first_sequence=" +
                     std::to_string(segment.first_sequence);
  if (!segment.sealed) return text + " unsealed\n";
  text += " length=" + std::to_string(segment.length);
  text += " last_sequence=" + std::to_string(segment.last_sequence);
  text += " digest=" + IdText(segment.digest);
  text += " garbage_records=" + std::to_string(segment.garbage_records);
  text += " garbage_bytes=" + std::to_string(segment.garbage_bytes);
  return text + " run=" + std::to_string(segment.table_number) + "\n";
}

std::string RunText(const RunState& run) {
  std::string text = "run table=" + std::to_string(run.table_number) +
                     " id=" + IdText(run.table_id) +
                     " length=" + std::to_string(run.table_length) +
                     " digest=" + IdText(run.table_digest) +
                     " entries=" + std::to_string(run.entry_count) +
                     " last_sequence=" + std::to_string(run.max_sequence);
  std::string_view separator = " segments=";
  for (const uint64_t number : run.segments) {
    text.append(separator) += std::to_string(number);
    separator = ",";
  }
  return text + "\n";
}

std::string StateText(const DatabaseState& state) {
  std::string text =
      "state next_file_number=" + std::to_string(state.next_file_number) +
      " last_sequence=" + std::to_string(state.last_sequence) +
      " hash_seed=" + IdText(state.hash_seed) + "\n";
  for (const auto& [number, segment] : state.segments) {
    text += SegmentText(segment);
  }
  for (const RunState& run : state.runs) text += RunText(run);
  return text;
}

class ManifestCommand final : public Command {
 public:
  ManifestCommand()
      : Command({.name = "manifest",
                 .arguments = "DB | FILE",
                 .summary = "print the changes and the state of a manifest",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet& flags) override { provider_.Define(flags); }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    // A directory can be listed, a file can't.
    const bool is_database =
        io::PosixFileSystem().ListDirectory(arguments[0]).ok();
    std::optional<CurrentFile> current;
    const absl::StatusOr<Inspection> inspection =
        is_database ? InspectNamed(arguments[0], &current)
                    : InspectFile(provider_.options(), arguments[0]);
    if (!inspection.ok()) {
      console.Error("cannot open " + arguments[0], inspection.status());
      return ExitCode::kOpen;
    }
    if (current) console.out().Write(CurrentText(*current));
    return Print(*inspection->file, console);
  }

 private:
  // The manifest that CURRENT names. A writer that replaces both removes the
  // one named before: if it is gone, CURRENT is read again; each
  // turn needs one more such removal.
  absl::StatusOr<Inspection> InspectNamed(
      const std::string& directory, std::optional<CurrentFile>* current) const {
    for (;;) {
      const std::optional<CurrentFile> before = *current;
      QUIRE_ASSIGN_OR_RETURN(*current, kv_internal::ReadCurrentFile(
                                           io::PosixFileSystem(), directory));
      absl::StatusOr<Inspection> inspection =
          InspectFile(provider_.options(),
                      kv_internal::FilePath(directory, FileType::kManifest,
                                            (*current)->manifest_number));
      if (!absl::IsNotFound(inspection.status()) || *current == before) {
        return inspection;
      }
    }
  }

  static ExitCode Print(InspectedFile& file, Console& console) {
    ManifestPrinter printer(console.out());
    const std::vector<std::byte> image = file.ReadAround(
        0, file.size_bytes(),
        [&](uint64_t offset, uint64_t length, const absl::Status& status) {
          printer.OnDamage(offset, length, StatusText(status));
        });
    const absl::StatusOr<FileHeader> header =
        kv_internal::DecodeFileHeader(image, FileType::kManifest, file.path());
    const std::optional<uint64_t> id = LogIdOf(image, header);
    if (!id) {
      console.Error("cannot read " + file.path(), header.status());
      return ExitCode::kOpen;
    }
    if (header.ok()) {
      console.out().Write(HeaderText(*header));
    } else {
      printer.OnDamage(0, kPageBytes, StatusText(header.status()));
    }
    if (image.size() > kPageBytes) WalkLog(image, *id, kPageBytes, printer);
    const absl::StatusOr<DatabaseState> state = printer.Finish();
    if (!state.ok()) {
      console.Error("the changes make no state", state.status());
      return ExitCode::kNo;
    }
    console.out().Write(StateText(*state));
    return printer.found_damage() ? ExitCode::kNo : ExitCode::kOk;
  }

  ProviderFlags provider_;
};

}  // namespace

std::unique_ptr<Command> MakeManifestCommand() {
  return std::make_unique<ManifestCommand>();
}

}  // namespace quire::tools
