// quire repair: makes a database of what damage has left of one.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/repair.h"
#include "nlohmann/json.hpp"
#include "tools/command.h"

namespace quire::tools {
namespace {

using nlohmann::ordered_json;

constexpr char kDetails[] =
    "Reads every segment of the damaged database FROM and writes each record "
    "that is intact into a new database in TO, a directory that is missing or "
    "empty. FROM is only read. With --force there is no TO: the repaired "
    "database takes the place of the damaged one, whose files stay in FROM in "
    "a directory damaged-N. Tables and manifest are made again. For everything "
    "that didn't come back there is a line:\n"
    "  lost file=000001.seg offset=4152 size=64 what=\"...\"\n"
    "Lines that start with 'warning' tell what is worth knowing, among it "
    "whether the manifest could be used: without it, deleted keys may be back. "
    "The last line counts. Exit code 1 if something is lost.\n"
    "\n"
    "Batches that were hit may come back in part, and where the newest version "
    "of a key is lost an older one comes back. Takes memory for one segment of "
    "the old and one of the new database, and 40 bytes for each record of "
    "the latter; then up to 256 MB for the table.";

// Messages may quote paths, which needn't be UTF-8.
std::string Line(const ordered_json& object) {
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

class RepairPrinter {
 public:
  RepairPrinter(bool json, Output& out) : json_(json), out_(out) {}

  void Print(const RepairReport& report) {
    uint64_t lost_bytes = 0;
    for (const LostRange& range : report.lost) {
      PrintLost(range);
      lost_bytes += range.length;
    }
    for (const std::string& warning : report.warnings) PrintWarning(warning);
    PrintSummary(report, lost_bytes);
  }

 private:
  void PrintLost(const LostRange& range) {
    if (json_) {
      out_.Write(Line({{"severity", "lost"},
                       {"file", range.file},
                       {"offset", range.offset},
                       {"size", range.length},
                       {"what", range.reason}}));
      return;
    }
    out_.Write("lost file=" + range.file +
               " offset=" + std::to_string(range.offset) +
               " size=" + std::to_string(range.length) + " what=\"" +
               range.reason + "\"\n");
  }

  void PrintWarning(const std::string& warning) {
    out_.Write(json_ ? Line({{"severity", "warning"}, {"what", warning}})
                     : "warning " + warning + "\n");
  }

  void PrintSummary(const RepairReport& report, uint64_t lost_bytes) {
    const struct {
      const char* name;
      uint64_t count;
    } totals[] = {
        {"segments", report.segments_read},
        {"records", report.records_kept},
        {"record_bytes", report.bytes_kept},
        {"records_of_damaged_groups", report.records_of_damaged_groups},
        {"keys", report.keys},
        {"tombstones", report.tombstones},
        {"lost_ranges", report.lost.size()},
        {"lost_bytes", lost_bytes},
        {"manifest_usable", report.manifest_was_usable ? 1u : 0u}};
    ordered_json object = {{"severity", "summary"}};
    std::string line = "repaired";
    for (const auto& total : totals) {
      object[total.name] = total.count;
      line.append(" ").append(total.name) += "=" + std::to_string(total.count);
    }
    if (!report.originals.empty()) {
      object["originals"] = report.originals;
      line += " originals=" + report.originals;
    }
    out_.Write(json_ ? Line(object) : line + "\n");
  }

  const bool json_;
  Output& out_;
};

class RepairCommand final : public Command {
 public:
  RepairCommand()
      : Command({.name = "repair",
                 .arguments = "FROM [TO]",
                 .summary = "make a database of what damage has left",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 2}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddSwitch("force",
                    "Repair in place; the damaged files are kept aside.",
                    &options_.in_place);
    flags.AddSwitch("json", "Print a JSON object for each line.", &json_);
    flags.AddSize("memtable-size",
                  "Bytes of a segment of the new database. Default: 64M.",
                  &options_.memtable_bytes);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    if (options_.in_place != (arguments.size() == 1)) {
      console.Error(options_.in_place
                        ? "--force repairs in place: there is no TO"
                        : "TO is missing: a directory for the repaired "
                          "database (or --force, to repair in place)");
      return ExitCode::kUsage;
    }
    const std::string& from = arguments[0];
    const absl::StatusOr<RepairReport> report =
        Repair(options_, from, options_.in_place ? "" : arguments[1]);
    if (!report.ok()) {
      console.Error("cannot repair " + from, report.status());
      return CodeOf(report.status());
    }
    RepairPrinter(json_, console.out()).Print(*report);
    return report->lost.empty() ? ExitCode::kOk : ExitCode::kNo;
  }

 private:
  static ExitCode CodeOf(const absl::Status& status) {
    switch (status.code()) {
      case absl::StatusCode::kInvalidArgument:
        return ExitCode::kUsage;
      case absl::StatusCode::kNotFound:
      case absl::StatusCode::kAlreadyExists:
      case absl::StatusCode::kFailedPrecondition:
      case absl::StatusCode::kPermissionDenied:
        return ExitCode::kOpen;
      default:
        return ExitCode::kData;
    }
  }

  RepairOptions options_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeRepairCommand() {
  return std::make_unique<RepairCommand>();
}

}  // namespace quire::tools
