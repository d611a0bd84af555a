// quire verify: reads everything and says what is wrong.
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/command.h"
#include "tools/database_check.h"
#include "tools/file_inspector.h"
#include "tools/open_database.h"
#include "tools/report.h"

namespace quire::tools {
namespace {

constexpr char kDetails[] =
    "Reads every byte of the database once and verifies CURRENT, the manifest, "
    "every group and record of every segment, every page of every table, and "
    "that tables and records agree. Goes on after each problem and prints a "
    "line for it:\n"
    "  problem file=000001.seg offset=4152 size=64 kind=log what=\"...\"\n"
    "Lines that start with 'note' tell of what is no problem: files that the "
    "manifest doesn't name, the unfinished end of a log that was not closed. "
    "The last line counts what was verified. Exit code 1 if there is a "
    "problem.\n"
    "\n"
    "Nothing is locked or written: a database may be verified while it is in "
    "use. The caches are left as they were found. Takes memory for one "
    "segment, and about 50 bytes for each entry of the largest run.";

class VerifyCommand final : public Command {
 public:
  VerifyCommand()
      : Command({.name = "verify",
                 .arguments = "DB",
                 .summary = "read everything and say what is wrong",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddSwitch("json", "Print a JSON object for each line.", &json_);
    flags.AddNumber("rate-limit", "MB/S",
                    "Read at most this many million bytes a second. Default: "
                    "no limit.",
                    &megabytes_per_second_);
    provider_.Define(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    const std::string& path = arguments[0];
    const absl::StatusOr<std::unique_ptr<FileInspector>> inspector =
        FileInspector::Open(provider_.options(), path,
                            megabytes_per_second_ * 1'000'000);
    if (!inspector.ok()) {
      console.Error("cannot open " + path, inspector.status());
      return ExitCode::kOpen;
    }
    Report report(json_, console.out());
    VerifyCounts counts;
    const absl::Status status =
        CheckDatabase(**inspector, path, counts, report);
    if (!status.ok()) {
      console.Error("cannot verify " + path, status);
      return ExitCode::kOpen;
    }
    report.Summary(counts);
    return report.problems() == 0 ? ExitCode::kOk : ExitCode::kNo;
  }

 private:
  ProviderFlags provider_;
  bool json_ = false;
  uint64_t megabytes_per_second_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeVerifyCommand() {
  return std::make_unique<VerifyCommand>();
}

}  // namespace quire::tools
