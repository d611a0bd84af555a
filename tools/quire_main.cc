// quire: looks into a database, takes entries out and puts them in.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "kv/internal/format.h"
#include "tools/command.h"
#include "tools/exit_code.h"
#include "tools/flags.h"
#include "tools/output.h"

namespace quire::tools {
namespace {

constexpr char kVersion[] = "0.1.0";

constexpr char kExitCodes[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  the answer is no: key absent (get); damage found (verify, log, "
    "table,\n"
    "     manifest); something lost (repair)\n"
    "  2  wrong use: unknown command or flag, malformed argument\n"
    "  3  the database or file can't be opened\n"
    "  4  reading or writing the database failed: damage, I/O error, no space\n"
    "  5  malformed or unreadable input\n"
    "  6  the output couldn't be written\n";

// In the order of the help.
std::vector<std::unique_ptr<Command>> AllCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeDumpCommand());
  commands.push_back(MakeGetCommand());
  commands.push_back(MakeLoadCommand());
  commands.push_back(MakePutCommand());
  commands.push_back(MakeDeleteCommand());
  commands.push_back(MakeCheckpointCommand());
  commands.push_back(MakeStatCommand());
  commands.push_back(MakeFilesCommand());
  commands.push_back(MakeLogCommand());
  commands.push_back(MakeTableCommand());
  commands.push_back(MakeManifestCommand());
  commands.push_back(MakeVerifyCommand());
  commands.push_back(MakeRepairCommand());
  return commands;
}

std::unique_ptr<Command> FindCommand(std::string_view name) {
  for (std::unique_ptr<Command>& command : AllCommands()) {
    if (command->description().name == name) return std::move(command);
  }
  return nullptr;
}

void PrintOverview(Output& out) {
  out.Write("Usage: quire COMMAND [FLAG...] ARGUMENT...\n\nCommands:\n");
  const auto print = [&out](const std::string& name,
                            const std::string& summary) {
    out.Write("  " + name + std::string(12 - name.size(), ' ') + summary +
              "\n");
  };
  for (const std::unique_ptr<Command>& command : AllCommands()) {
    print(command->description().name, command->description().summary);
  }
  print("version", "print the version of the tool and of the format");
  print("help", "print this, or with COMMAND what that command does");
  out.Write("\n");
  out.Write(kExitCodes);
}

void PrintHelp(Command& command, Output& out) {
  const CommandDescription& description = command.description();
  out.Write("Usage: quire " + description.name + " [FLAG...] " +
            description.arguments + "\n\n");
  out.Write(WrapText(description.details, 0) + "\n");
  FlagSet flags;
  command.DefineFlags(flags);
  const std::string flag_help = flags.Help();
  if (!flag_help.empty()) out.Write("Flags:\n" + flag_help + "\n");
  out.Write(kExitCodes);
}

ExitCode Help(std::span<const std::string> words, Output& out) {
  if (words.empty()) {
    PrintOverview(out);
    return ExitCode::kOk;
  }
  const std::unique_ptr<Command> command = FindCommand(words[0]);
  if (command == nullptr) {
    Console(out, stderr, "help")
        .Error("no command " + base::EscapeKey(words[0]));
    return ExitCode::kUsage;
  }
  PrintHelp(*command, out);
  return ExitCode::kOk;
}

ExitCode Version(Output& out) {
  out.Write("quire " + std::string(kVersion) + ", format " +
            std::to_string(kv_internal::kFormatVersion) + "\n");
  return ExitCode::kOk;
}

bool AsksForHelp(std::span<const std::string> words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

ExitCode RunCommand(Command& command, std::span<const std::string> words,
                    Output& out) {
  const CommandDescription& description = command.description();
  if (AsksForHelp(words)) {
    PrintHelp(command, out);
    return ExitCode::kOk;
  }
  Console console(out, stderr, description.name);
  const auto misused = [&](const std::string& why) {
    console.Error(why + "\nUsage: quire " + description.name + " [FLAG...] " +
                  description.arguments + "; see 'quire help " +
                  description.name + "'");
    return ExitCode::kUsage;
  };
  FlagSet flags;
  command.DefineFlags(flags);
  const absl::StatusOr<std::vector<std::string>> arguments = flags.Parse(words);
  if (!arguments.ok()) {
    return misused(std::string(base::StdView(arguments.status().message())));
  }
  if (arguments->size() < description.arguments_min) {
    return misused("too few arguments");
  }
  if (arguments->size() > description.arguments_max) {
    return misused("one argument too many: " +
                   base::EscapeKey((*arguments)[description.arguments_max]));
  }
  return command.Run(*arguments, console);
}

ExitCode Dispatch(std::span<const std::string> words, Output& out) {
  if (words.empty()) {
    Console(out, stderr, "").Error("no command; see 'quire help'");
    return ExitCode::kUsage;
  }
  const std::string& name = words[0];
  words = words.subspan(1);
  if (name == "help" || name == "--help" || name == "-h") {
    return Help(words, out);
  }
  if (name == "version" || name == "--version") return Version(out);
  const std::unique_ptr<Command> command = FindCommand(name);
  if (command == nullptr) {
    Console(out, stderr, "")
        .Error("no command " + base::EscapeKey(name) + "; see 'quire help'");
    return ExitCode::kUsage;
  }
  return RunCommand(*command, words, out);
}

int Main(int argc, char** argv) {
  // A reader of the output that goes away, and a limit on the size of files,
  // are errors to report, not signals to die of.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  Output out(stdout);
  ExitCode code =
      Dispatch(std::vector<std::string>(argv + 1, argv + argc), out);
  out.Flush();
  if (!out.ok()) {
    std::fprintf(stderr, "quire: cannot write the output: %s\n",
                 std::strerror(out.error_number()));
    if (code == ExitCode::kOk) code = ExitCode::kOutput;
  }
  return static_cast<int>(code);
}

}  // namespace
}  // namespace quire::tools

int main(int argc, char** argv) { return quire::tools::Main(argc, argv); }
