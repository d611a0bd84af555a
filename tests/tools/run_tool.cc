#include "tests/tools/run_tool.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

// What becomes of the child's standard streams.
struct Streams {
  int in = -1;
  int out = -1;
  int err = -1;
};

int OpenOrDie(const std::string& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  EXPECT_GE(descriptor, 0) << path;
  return descriptor;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Starts the tool; closes the parent's copies of the streams.
pid_t Start(const std::vector<std::string>& arguments, const Streams& streams,
            bool obey_modes) {
  const std::string path = ToolPath();
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  EXPECT_GE(pid, 0);
  if (pid == 0) {
    // Only calls that are safe after a fork of a process with threads.
    ::dup2(streams.in, STDIN_FILENO);
    ::dup2(streams.out, STDOUT_FILENO);
    ::dup2(streams.err, STDERR_FILENO);
    // Root loses with the bounding set what exec would give it back; anybody
    // else has no such rights to lose, and the call fails.
    if (obey_modes) ::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
    ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  for (const int descriptor : {streams.in, streams.out, streams.err}) {
    ::close(descriptor);
  }
  return pid;
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// A pipe's writing end, and in `*reading_end` the other one.
int MakePipe(int* reading_end) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  *reading_end = ends[0];
  return ends[1];
}

}  // namespace

std::string ToolPath() {
  const char* const runfiles = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (runfiles == nullptr || workspace == nullptr) return "tools/quire";
  return std::string(runfiles) + "/" + workspace + "/tools/quire";
}

std::string MakeTestDirectory() {
  std::string path = ::testing::TempDir() + "/quire_XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr) << path;
  return path;
}

ToolResult RunTool(const std::vector<std::string>& arguments,
                   const ToolOptions& options) {
  const std::string directory = MakeTestDirectory();
  const std::string in = directory + "/in";
  const std::string out = directory + "/out";
  const std::string err = directory + "/err";
  std::ofstream(in, std::ios::binary) << options.input;
  Streams streams;
  streams.in = OpenOrDie(in, O_RDONLY);
  streams.err = OpenOrDie(err, O_WRONLY | O_CREAT);
  if (options.deaf_output) {
    int reading_end = -1;
    streams.out = MakePipe(&reading_end);
    ::close(reading_end);
  } else if (options.output_path.empty()) {
    streams.out = OpenOrDie(out, O_WRONLY | O_CREAT);
  } else {
    streams.out = OpenOrDie(options.output_path, O_WRONLY);
  }
  const pid_t pid = Start(arguments, streams, options.obey_modes);
  ToolResult result;
  result.exit_code = WaitFor(pid);
  result.out = ReadText(out);
  result.err = ReadText(err);
  fs::remove_all(directory);
  return result;
}

std::string RunToolOk(const std::vector<std::string>& arguments,
                      const std::string& input) {
  const ToolResult result = RunTool(arguments, {.input = input});
  EXPECT_EQ(result.exit_code, 0) << ::testing::PrintToString(arguments);
  EXPECT_EQ(result.err, "") << ::testing::PrintToString(arguments);
  return result.out;
}

RunningTool::RunningTool(const std::vector<std::string>& arguments,
                         const std::string& input_path) {
  Streams streams;
  streams.in = OpenOrDie(input_path, O_RDONLY);
  streams.err = ::dup(STDERR_FILENO);
  int reading_end = -1;
  streams.out = MakePipe(&reading_end);
  pid_ = Start(arguments, streams, /*obey_modes=*/false);
  out_ = ::fdopen(reading_end, "r");
}

RunningTool::~RunningTool() {
  Kill();
  Wait();
  std::fclose(out_);
}

bool RunningTool::ReadLine(std::string* line) {
  line->clear();
  for (int c = std::fgetc(out_); c != EOF; c = std::fgetc(out_)) {
    if (c == '\n') return true;
    *line += static_cast<char>(c);
  }
  return false;
}

void RunningTool::Kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

int RunningTool::Wait() {
  if (pid_ > 0) exit_code_ = WaitFor(pid_);
  pid_ = -1;
  return exit_code_;
}

}  // namespace quire::testing
