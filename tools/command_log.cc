// quire log: the groups and records of a segment or manifest.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "kv/internal/log_walk.h"
#include "tools/command.h"
#include "tools/file_inspector.h"
#include "tools/file_text.h"
#include "tools/open_database.h"

namespace quire::tools {
namespace {

using kv_internal::FileHeader;
using kv_internal::GroupHeader;
using kv_internal::kPageBytes;
using kv_internal::LogIdOf;
using kv_internal::LogRecord;
using kv_internal::LogVisitor;
using kv_internal::WalkLog;

constexpr char kDetails[] =
    "Prints the header of a segment or manifest and a line for each group, "
    "record and damaged place, with offsets and sizes in bytes:\n"
    "  group offset=4096 size=176 records=2 synced_upto=1:4096 "
    "last_sequence=2\n"
    "  record offset=4168 size=32 kind=put sequence=1 key_size=3 "
    "value_size=5\n"
    "    key=\"abc\"\n"
    "  damage offset=8192 size=512 what=\"no valid record\"\n"
    "\n"
    "Every checksum is verified, and damage doesn't end the walk: it goes on "
    "at the next place that holds. Exit code 1 if there is damage. The end of "
    "a segment that was being written when its process died may be torn: "
    "opening the database tells that from damage, and so does 'quire verify'.";

// Prints what the walk finds, within limits.
class LogPrinter final : public LogVisitor {
 public:
  LogPrinter(uint64_t from, uint64_t limit, Output& out)
      : from_(from), limit_(limit), out_(out) {}

  bool found_damage() const { return found_damage_; }

  void OnGroup(uint64_t offset, const GroupHeader& header) override {
    if (offset < from_ || printed_ >= limit_) return;
    out_.Write("group offset=" + std::to_string(offset) +
               " size=" + std::to_string(header.length) + " records=" +
               std::to_string(header.record_count) + " synced_upto=" +
               std::to_string(header.synced_upto.file_number) + ":" +
               std::to_string(header.synced_upto.offset) +
               " last_sequence=" + std::to_string(header.last_sequence) + "\n");
  }

  void OnRecord(const LogRecord& record) override {
    if (record.offset < from_ || printed_ >= limit_) return;
    ++printed_;
    out_.Write("record offset=" + std::to_string(record.offset) +
               " size=" + std::to_string(record.header.RecordBytes()) +
               " kind=" + std::string(RecordKindName(record.header.kind)) +
               " sequence=" + std::to_string(record.header.sequence) +
               " key_size=" + std::to_string(record.key.size()) +
               " value_size=" + std::to_string(record.value.size()) +
               " key=" + base::EscapeKey(record.key) + "\n");
  }

  // Damage is told of whatever the limits are.
  void OnDamage(uint64_t offset, uint64_t length,
                const std::string& what) override {
    found_damage_ = true;
    out_.Write("damage offset=" + std::to_string(offset) +
               " size=" + std::to_string(length) + " what=\"" + what + "\"\n");
  }

 private:
  const uint64_t from_;
  const uint64_t limit_;
  Output& out_;
  uint64_t printed_ = 0;
  bool found_damage_ = false;
};

class LogCommand final : public Command {
 public:
  LogCommand()
      : Command({.name = "log",
                 .arguments = "FILE",
                 .summary = "print the groups and records of a log file",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddNumber("from", "OFFSET",
                    "Print only groups and records from this offset on.",
                    &from_);
    flags.AddNumber("limit", "N", "Print only N records.", &limit_);
    provider_.Define(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    const std::string& path = arguments[0];
    absl::StatusOr<Inspection> inspection =
        InspectFile(provider_.options(), path);
    if (!inspection.ok()) {
      console.Error("cannot open " + path, inspection.status());
      return ExitCode::kOpen;
    }
    InspectedFile& file = *inspection->file;
    LogPrinter printer(from_, limit_, console.out());
    const std::vector<std::byte> image = file.ReadAround(
        0, file.size_bytes(),
        [&](uint64_t offset, uint64_t length, const absl::Status& status) {
          printer.OnDamage(offset, length, StatusText(status));
        });
    const absl::StatusOr<FileHeader> header = DecodeAnyHeader(image, path);
    const std::optional<uint64_t> id = LogIdOf(image, header);
    const bool is_table =
        header.ok() && header->type == kv_internal::FileType::kTable;
    if (!id || is_table) {
      console.Error("cannot read " + path,
                    header.ok()
                        ? absl::FailedPreconditionError(
                              "a table, not a log; see 'quire help table'")
                        : header.status());
      return ExitCode::kOpen;
    }
    if (header.ok()) {
      console.out().Write(HeaderText(*header));
    } else {
      printer.OnDamage(0, kPageBytes, StatusText(header.status()));
    }
    if (image.size() > kPageBytes) WalkLog(image, *id, kPageBytes, printer);
    return printer.found_damage() ? ExitCode::kNo : ExitCode::kOk;
  }

 private:
  ProviderFlags provider_;
  uint64_t from_ = 0;
  uint64_t limit_ = UINT64_MAX;
};

}  // namespace

std::unique_ptr<Command> MakeLogCommand() {
  return std::make_unique<LogCommand>();
}

}  // namespace quire::tools
