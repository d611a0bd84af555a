// Running the `quire` binary as a user does.
#ifndef QUIRE_TESTS_TOOLS_RUN_TOOL_H_
#define QUIRE_TESTS_TOOLS_RUN_TOOL_H_

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace quire::testing {

struct ToolOptions {
  // What the tool reads from its standard input.
  std::string input = "";
  // A file that the standard output goes to instead of ToolResult::out.
  std::string output_path = "";
  // Give the tool a standard output that nobody reads: writing fails (EPIPE).
  bool deaf_output = false;
  // Take from root what lets it write to files and directories whose mode says
  // that they are read-only.
  bool obey_modes = false;
};

struct ToolResult {
  int exit_code = -1;  // minus the signal's number if one killed it
  std::string out;
  std::string err;
};

// Path of the binary.
std::string ToolPath();

// A new empty directory for the running test.
std::string MakeTestDirectory();

// Runs `quire ARGUMENTS...` and waits for its end.
ToolResult RunTool(const std::vector<std::string>& arguments,
                   const ToolOptions& options = {});

// As RunTool, but the exit code must be 0 and the standard error empty; returns
// the standard output.
std::string RunToolOk(const std::vector<std::string>& arguments,
                      const std::string& input = "");

// A tool that is still running. Not thread-safe.
class RunningTool {
 public:
  // Starts it with the file at `input_path` as its standard input.
  RunningTool(const std::vector<std::string>& arguments,
              const std::string& input_path);
  // Kills it if it still runs.
  ~RunningTool();
  RunningTool(const RunningTool&) = delete;
  RunningTool& operator=(const RunningTool&) = delete;

  // Waits for the next line of its standard output; false at its end.
  bool ReadLine(std::string* line);

  void Kill();  // SIGKILL

  // Waits for its end; the exit code, or minus the signal's number.
  int Wait();

 private:
  pid_t pid_ = -1;
  std::FILE* out_ = nullptr;
  int exit_code_ = 0;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TOOLS_RUN_TOOL_H_
