// A command of the tool: what `quire NAME ...` runs.
#ifndef QUIRE_TOOLS_COMMAND_H_
#define QUIRE_TOOLS_COMMAND_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tools/exit_code.h"
#include "tools/flags.h"
#include "tools/output.h"

namespace quire::tools {

// What is known of a command before it runs.
struct CommandDescription {
  std::string name;
  std::string arguments;  // for the help: "DB KEY"
  std::string summary;    // one line
  std::string details;    // paragraphs for the help
  size_t arguments_min = 0;
  size_t arguments_max = 0;
};

// One object serves one invocation: flags are defined, parsed into members, and
// Run follows. Not thread-safe.
class Command {
 public:
  explicit Command(CommandDescription description)
      : description_(std::move(description)) {}
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  const CommandDescription& description() const { return description_; }

  // Adds the flags; their targets are members.
  virtual void DefineFlags(FlagSet& flags) = 0;

  // Does the work after the flags were parsed. `arguments` are as many as the
  // description allows. Errors have been printed on return.
  virtual ExitCode Run(const std::vector<std::string>& arguments,
                       Console& console) = 0;

 private:
  const CommandDescription description_;
};

// One function for each command; tools/command_*.cc.
std::unique_ptr<Command> MakeDumpCommand();
std::unique_ptr<Command> MakeGetCommand();
std::unique_ptr<Command> MakePutCommand();
std::unique_ptr<Command> MakeDeleteCommand();
std::unique_ptr<Command> MakeLoadCommand();
std::unique_ptr<Command> MakeCheckpointCommand();
std::unique_ptr<Command> MakeStatCommand();
std::unique_ptr<Command> MakeFilesCommand();
std::unique_ptr<Command> MakeLogCommand();
std::unique_ptr<Command> MakeTableCommand();
std::unique_ptr<Command> MakeManifestCommand();
std::unique_ptr<Command> MakeVerifyCommand();
std::unique_ptr<Command> MakeRepairCommand();

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_COMMAND_H_
