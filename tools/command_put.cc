// quire put and quire delete: change one key.
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "io/posix_error.h"
#include "kv/db.h"
#include "tools/command.h"
#include "tools/entry_format.h"
#include "tools/open_database.h"

namespace quire::tools {
namespace {

constexpr char kPutDetails[] =
    "Stores VALUE under KEY. Without VALUE the value is what the standard "
    "input holds, byte for byte. Makes the database if there is none.";

constexpr char kDeleteDetails[] =
    "Removes KEY. Removing a key that is absent is no error.";

constexpr char kSyncHelp[] = "Wait until the change survives a power loss.";

// The rest of the standard input, at most one byte more than a value may have.
absl::StatusOr<std::string> ReadValue() {
  std::string value;
  while (value.size() <= kMaxValueBytes) {
    char piece[64 << 10];
    errno = 0;
    const size_t size = std::fread(piece, 1, sizeof piece, stdin);
    value.append(piece, size);
    if (std::ferror(stdin) != 0) {
      return io::PosixError(errno == 0 ? EIO : errno, "read", "standard input");
    }
    if (size == 0) break;
  }
  return value;
}

// Prints why a write failed, unless it didn't.
ExitCode WriteResult(const std::string& key, const absl::Status& status,
                     Console& console) {
  if (status.ok()) return ExitCode::kOk;
  console.Error(base::EscapeKey(key), status);
  return absl::IsInvalidArgument(status) ? ExitCode::kUsage : ExitCode::kData;
}

class PutCommand final : public Command {
 public:
  PutCommand()
      : Command({.name = "put",
                 .arguments = "DB KEY [VALUE]",
                 .summary = "store a value",
                 .details = kPutDetails,
                 .arguments_min = 2,
                 .arguments_max = 3}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddChoice("key-format", "How KEY is written. Default: literal.",
                    TextFormats(), &key_format_);
    flags.AddChoice("value-format", "How VALUE is written. Default: literal.",
                    TextFormats(), &value_format_);
    flags.AddSwitch("sync", kSyncHelp, &write_options_.sync);
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
    const bool is_piped = arguments.size() == 2;
    const absl::StatusOr<std::string> value =
        is_piped ? ReadValue()
                 : DecodeText(value_format_, "VALUE", arguments[2]);
    if (!value.ok()) {
      console.Error("", value.status());
      return is_piped ? ExitCode::kInput : ExitCode::kUsage;
    }
    ExitCode code = ExitCode::kOk;
    const std::unique_ptr<DB> db = database_.Open(arguments[0], console, &code);
    if (db == nullptr) return code;
    code = WriteResult(*key, db->Put(write_options_, *key, *value), console);
    return CloseDatabase(*db, code, console);
  }

 private:
  DatabaseFlags database_{Access::kCreate};
  TextFormat key_format_ = TextFormat::kLiteral;
  TextFormat value_format_ = TextFormat::kLiteral;
  WriteOptions write_options_;
};

class DeleteCommand final : public Command {
 public:
  DeleteCommand()
      : Command({.name = "delete",
                 .arguments = "DB KEY",
                 .summary = "remove a key",
                 .details = kDeleteDetails,
                 .arguments_min = 2,
                 .arguments_max = 2}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddChoice("key-format", "How KEY is written. Default: literal.",
                    TextFormats(), &key_format_);
    flags.AddSwitch("sync", kSyncHelp, &write_options_.sync);
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
    code = WriteResult(*key, db->Delete(write_options_, *key), console);
    return CloseDatabase(*db, code, console);
  }

 private:
  DatabaseFlags database_{Access::kWrite};
  TextFormat key_format_ = TextFormat::kLiteral;
  WriteOptions write_options_;
};

}  // namespace

std::unique_ptr<Command> MakePutCommand() {
  return std::make_unique<PutCommand>();
}

std::unique_ptr<Command> MakeDeleteCommand() {
  return std::make_unique<DeleteCommand>();
}

}  // namespace quire::tools
