// quire get: prints the value of one key.
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "kv/db.h"
#include "tools/command.h"
#include "tools/encoding.h"
#include "tools/entry_format.h"
#include "tools/open_database.h"

namespace quire::tools {
namespace {

constexpr char kDetails[] =
    "Prints the value of KEY. Exit code 1 and nothing printed if the key is "
    "absent.\n"
    "  raw      the bytes of the value and nothing else\n"
    "  escaped  a line; \\\\ \\t \\n, and \\xNN for what isn't printable\n"
    "  hex      a line of hexadecimal digits\n"
    "  json     the entry as 'quire dump --format=json' prints it";

enum class ValueFormat { kEscaped, kHex, kJson, kRaw };

class GetCommand final : public Command {
 public:
  GetCommand()
      : Command({.name = "get",
                 .arguments = "DB KEY",
                 .summary = "print the value of a key",
                 .details = kDetails,
                 .arguments_min = 2,
                 .arguments_max = 2}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddChoice<ValueFormat>("format", "Default: escaped.",
                                 {{"escaped", ValueFormat::kEscaped},
                                  {"hex", ValueFormat::kHex},
                                  {"json", ValueFormat::kJson},
                                  {"raw", ValueFormat::kRaw}},
                                 &format_);
    flags.AddChoice("key-format", "How KEY is written. Default: literal.",
                    TextFormats(), &key_format_);
    database_.Define(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    const absl::StatusOr<std::string> key =
        DecodeText(key_format_, "KEY", arguments[1]);
    if (!key.ok()) {
      console.Error("", key.status());
      return ExitCode::kUsage;
    }
    ExitCode code = ExitCode::kOk;
    const std::unique_ptr<DB> db = database_.Open(arguments[0], console, &code);
    if (db == nullptr) return code;
    std::string value;
    const absl::Status status = db->Get({}, *key, &value);
    if (status.ok()) {
      Print(*key, value, console.out());
    } else if (absl::IsNotFound(status)) {
      console.Error("no key " + base::EscapeKey(*key) + " in " + arguments[0]);
      code = ExitCode::kNo;
    } else {
      console.Error(base::EscapeKey(*key), status);
      code = ExitCode::kData;
    }
    return CloseDatabase(*db, code, console);
  }

 private:
  void Print(const std::string& key, const std::string& value,
             Output& out) const {
    std::string text;
    switch (format_) {
      case ValueFormat::kRaw:
        out.Write(value);
        return;
      case ValueFormat::kEscaped:
        AppendEscaped(value, text);
        text += '\n';
        break;
      case ValueFormat::kHex:
        AppendHex(value, text);
        text += '\n';
        break;
      case ValueFormat::kJson:
        AppendEntry(EntryFormat::kJson, key, value, text);
        break;
    }
    out.Write(text);
  }

  DatabaseFlags database_{Access::kRead};
  ValueFormat format_ = ValueFormat::kEscaped;
  TextFormat key_format_ = TextFormat::kLiteral;
};

}  // namespace

std::unique_ptr<Command> MakeGetCommand() {
  return std::make_unique<GetCommand>();
}

}  // namespace quire::tools
