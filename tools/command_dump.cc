// quire dump: prints entries in the order of their keys.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "kv/db.h"
#include "tools/command.h"
#include "tools/entry_format.h"
#include "tools/open_database.h"

namespace quire::tools {
namespace {

constexpr char kDetails[] =
    "Prints every entry, or those of a range, in the order of their keys "
    "(unsigned bytes). An entry whose value can't be read is reported on the "
    "standard error, and the dump goes on.\n"
    "\n"
    "escaped, hex and json carry any bytes: 'quire load' with the same "
    "--format makes the same database of them. raw, lines and stanza print "
    "bytes as they are.\n"
    "  escaped  KEY tab VALUE; \\\\ \\t \\n, and \\xNN for what isn't "
    "printable\n"
    "  hex      KEY tab VALUE, in hexadecimal\n"
    "  json     {\"key\":\"...\",\"value\":\"...\"} a line; \"key_hex\",\n"
    "           \"value_hex\" where bytes aren't UTF-8\n"
    "  raw      KEY tab VALUE, as they are\n"
    "  lines    KEY and VALUE on lines of their own, as they are\n"
    "  stanza   VALUE and an empty line; no key";

class DumpCommand final : public Command {
 public:
  DumpCommand()
      : Command({.name = "dump",
                 .arguments = "DB",
                 .summary = "print entries in key order",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddChoice("format", "Default: escaped.", EntryFormats(), &format_);
    flags.AddText("from", "KEY", "Only keys from this one on.", &from_);
    flags.AddText("to", "KEY", "Only keys before this one.", &to_);
    flags.AddText("prefix", "KEY", "Only keys that start with this.", &prefix_);
    flags.AddChoice("key-format",
                    "How --from, --to and --prefix are written. Default: "
                    "literal.",
                    TextFormats(), &key_format_);
    flags.AddNumber("limit", "N", "Stop after N entries.", &limit_);
    flags.AddSwitch("reverse", "Last key first.", &reverse_);
    flags.AddSwitch("keys-only", "Print keys alone; no value is read.",
                    &keys_only_);
    flags.AddSwitch("count",
                    "Print only how many entries there are; no value is read.",
                    &count_only_);
    database_.Define(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    const absl::StatusOr<ReadOptions> read_options = MakeReadOptions();
    if (!read_options.ok()) {
      console.Error("", read_options.status());
      return ExitCode::kUsage;
    }
    ExitCode code = ExitCode::kOk;
    const std::unique_ptr<DB> db = database_.Open(arguments[0], console, &code);
    if (db == nullptr) return code;
    code = Dump(*db, *read_options, console);
    return CloseDatabase(*db, code, console);
  }

 private:
  absl::StatusOr<ReadOptions> MakeReadOptions() const {
    ReadOptions options;
    options.fill_cache = false;
    options.keys_only = keys_only_ || count_only_;
    struct Bound {
      const char* flag;
      const std::optional<std::string>& text;
      std::optional<std::string> bytes;
    };
    Bound bounds[] = {
        {"--from", from_, {}}, {"--to", to_, {}}, {"--prefix", prefix_, {}}};
    for (Bound& bound : bounds) {
      if (!bound.text) continue;
      absl::StatusOr<std::string> bytes =
          DecodeText(key_format_, bound.flag, *bound.text);
      if (!bytes.ok()) return bytes.status();
      bound.bytes = *std::move(bytes);
    }
    options.lower_bound = bounds[0].bytes;
    options.upper_bound = bounds[1].bytes;
    options.prefix = bounds[2].bytes.value_or("");
    return options;
  }

  ExitCode Dump(DB& db, const ReadOptions& options, Console& console) const {
    const std::unique_ptr<Iterator> entries = db.NewIterator(options);
    ExitCode code = ExitCode::kOk;
    uint64_t count = 0;
    if (limit_ != 0) reverse_ ? entries->SeekToLast() : entries->SeekToFirst();
    while (count < limit_ && entries->Valid() && console.out().ok()) {
      if (count_only_ || PrintEntry(*entries, console)) {
        ++count;
      } else {
        code = ExitCode::kData;
      }
      if (count < limit_) reverse_ ? entries->Prev() : entries->Next();
    }
    if (!entries->status().ok()) {
      console.Error("the dump ends early", entries->status());
      code = ExitCode::kData;
    }
    if (count_only_) console.out().Write(std::to_string(count) + "\n");
    return code;
  }

  // Prints the entry, or the error if its value can't be read; then false.
  bool PrintEntry(Iterator& entries, Console& console) const {
    std::string text;
    if (keys_only_) {
      AppendKey(format_, entries.key(), text);
    } else {
      const absl::StatusOr<std::string_view> value = entries.value();
      if (!value.ok()) {
        console.Error("value of " + base::EscapeKey(entries.key()),
                      value.status());
        return false;
      }
      AppendEntry(format_, entries.key(), *value, text);
    }
    console.out().Write(text);
    return true;
  }

  DatabaseFlags database_{Access::kRead};
  EntryFormat format_ = EntryFormat::kEscaped;
  TextFormat key_format_ = TextFormat::kLiteral;
  std::optional<std::string> from_;
  std::optional<std::string> to_;
  std::optional<std::string> prefix_;
  uint64_t limit_ = UINT64_MAX;
  bool reverse_ = false;
  bool keys_only_ = false;
  bool count_only_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeDumpCommand() {
  return std::make_unique<DumpCommand>();
}

}  // namespace quire::tools
