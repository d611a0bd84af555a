// What the process tells its caller when it ends. Part of the tool's interface:
// scripts depend on the numbers, which never change.
#ifndef QUIRE_TOOLS_EXIT_CODE_H_
#define QUIRE_TOOLS_EXIT_CODE_H_

namespace quire::tools {

enum class ExitCode {
  kOk = 0,
  kNo = 1,      // the answer is no: key absent, damage found by an inspection
  kUsage = 2,   // unknown command or flag, malformed or missing argument
  kOpen = 3,    // the database or file can't be opened
  kData = 4,    // reading or writing the database failed: damage, I/O, space
  kInput = 5,   // malformed or unreadable input
  kOutput = 6,  // the output couldn't be written
};

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_EXIT_CODE_H_
