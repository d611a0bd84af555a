// quire load: stores the entries that the standard input lists.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "kv/db.h"
#include "kv/write_batch.h"
#include "tools/command.h"
#include "tools/entry_format.h"
#include "tools/line_reader.h"
#include "tools/open_database.h"

namespace quire::tools {
namespace {

constexpr char kDetails[] =
    "Stores every entry of the standard input, in its order, in batches that "
    "take effect as one; of entries with one key the last stays. Makes the "
    "database if there is none. Prints how many entries were stored.\n"
    "\n"
    "Stops at the first malformed entry, naming its line (exit code 5); the "
    "entries before it are stored. The formats are those of 'quire dump'; "
    "'quire help dump' shows them. Input that 'quire dump' wrote as escaped, "
    "hex or json comes back whole whatever its bytes.\n"
    "\n"
    "stanza reads paragraphs separated by empty lines, as 'apt-cache "
    "dumpavail' "
    "prints them. The value is the paragraph's lines; the key is made of the "
    "fields that --key-fields names:\n"
    "  apt-cache dumpavail |\n"
    "    quire load --format=stanza --key-fields=Package,Version DB\n"
    "  quire dump --format=stanza DB";

// A batch is written when it holds this many bytes, however few entries: it
// bounds the memory that large values take.
constexpr size_t kBatchBytesMax = size_t{4} << 20;

class LoadCommand final : public Command {
 public:
  LoadCommand()
      : Command({.name = "load",
                 .arguments = "DB < INPUT",
                 .summary = "store entries read from the standard input",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddChoice("format", "Default: escaped.", EntryFormats(), &format_);
    flags.AddText("key-fields", "NAME,...",
                  "For stanza: the fields that the key is made of.",
                  &key_fields_);
    flags.AddText("key-separator", "TEXT",
                  "For stanza: what stands between the fields in the key. "
                  "Default: a space.",
                  &key_separator_);
    flags.AddNumber("batch", "N",
                    "Entries in a batch; fewer where they are large. "
                    "Default: 1000.",
                    &batch_entries_);
    flags.AddSwitch("sync",
                    "A batch is stored only once it survives a power loss.",
                    &write_options_.sync);
    flags.AddSwitch("progress",
                    "Print 'stored N' after each batch: the first N entries of "
                    "the input are stored, and with --sync durable.",
                    &progress_);
    database_.Define(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    if (const char* const mistake = FlagMistake(); mistake != nullptr) {
      console.Error(mistake);
      return ExitCode::kUsage;
    }
    ExitCode code = ExitCode::kOk;
    const std::unique_ptr<DB> db = database_.Open(arguments[0], console, &code);
    if (db == nullptr) return code;
    code = Load(*db, console);
    code = CloseDatabase(*db, code, console);
    console.out().Write("loaded " + std::to_string(stored_) + " entries\n");
    return code;
  }

 private:
  // What is wrong with the flags taken together, or nullptr.
  const char* FlagMistake() const {
    if (batch_entries_ == 0) return "--batch: expected at least 1";
    const bool is_stanza = format_ == EntryFormat::kStanza;
    if (is_stanza && SplitFields().empty()) {
      return "--format=stanza needs --key-fields";
    }
    if (!is_stanza && (key_fields_ || key_separator_)) {
      return "--key-fields and --key-separator are for --format=stanza";
    }
    return nullptr;
  }

  std::vector<std::string> SplitFields() const {
    std::vector<std::string> fields;
    std::string_view rest = key_fields_ ? *key_fields_ : std::string_view();
    while (!rest.empty()) {
      const std::string_view field = rest.substr(0, rest.find(','));
      if (!field.empty()) fields.emplace_back(field);
      rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    }
    return fields;
  }

  ExitCode Load(DB& db, Console& console) {
    LineReader lines(stdin);
    EntryReader reader(
        format_,
        {.fields = SplitFields(), .separator = key_separator_.value_or(" ")},
        lines);
    ExitCode code = ExitCode::kOk;
    WriteBatch batch;
    // Ends early when nobody listens to the progress any more.
    for (bool has_entry = true; has_entry && console.out().ok();) {
      const absl::StatusOr<bool> added = AddEntry(reader, lines, batch);
      has_entry = added.ok() && *added;
      if (!added.ok()) {
        console.Error("input", added.status());
        code = ExitCode::kInput;
      }
      const bool is_full =
          batch.Count() >= batch_entries_ || batch.ByteSize() >= kBatchBytesMax;
      if (has_entry && !is_full) continue;
      if (const absl::Status status = Store(db, batch, console.out());
          !status.ok()) {
        console.Error("write after " + std::to_string(stored_) + " entries",
                      status);
        return ExitCode::kData;
      }
    }
    return code;
  }

  // Adds the next entry of the input to the batch; false at the end.
  static absl::StatusOr<bool> AddEntry(EntryReader& reader,
                                       const LineReader& lines,
                                       WriteBatch& batch) {
    std::string key;
    std::string value;
    QUIRE_ASSIGN_OR_RETURN(const bool has_entry, reader.Next(&key, &value));
    if (!has_entry) return false;
    const bool is_key_long = key.size() > kMaxKeyBytes;
    if (is_key_long || value.size() > kMaxValueBytes) {
      const size_t size = is_key_long ? key.size() : value.size();
      return absl::InvalidArgumentError(base::AbslView(
          "line " + std::to_string(lines.line_number()) + ": a " +
          (is_key_long ? "key" : "value") + " of " + std::to_string(size) +
          " bytes; at most " +
          std::to_string(is_key_long ? kMaxKeyBytes : kMaxValueBytes) +
          " can be stored"));
    }
    batch.Put(key, value);
    return true;
  }

  // Writes the batch, counts and reports its entries, and empties it.
  absl::Status Store(DB& db, WriteBatch& batch, Output& out) {
    if (batch.Empty()) return absl::OkStatus();
    QUIRE_RETURN_IF_ERROR(db.Write(write_options_, batch));
    stored_ += batch.Count();
    batch.Clear();
    if (progress_) {
      out.Write("stored " + std::to_string(stored_) + "\n");
      out.Flush();
    }
    return absl::OkStatus();
  }

  DatabaseFlags database_{Access::kCreate};
  EntryFormat format_ = EntryFormat::kEscaped;
  std::optional<std::string> key_fields_;
  std::optional<std::string> key_separator_;
  uint64_t batch_entries_ = 1000;
  bool progress_ = false;
  WriteOptions write_options_;
  uint64_t stored_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeLoadCommand() {
  return std::make_unique<LoadCommand>();
}

}  // namespace quire::tools
