// What a command prints: results to one stream, errors to another.
#ifndef QUIRE_TOOLS_OUTPUT_H_
#define QUIRE_TOOLS_OUTPUT_H_

#include <cstdio>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace quire::tools {

// The standard output, buffered. The first failed write is kept and everything
// behind it dropped, so a command may write without looking and has to look at
// ok() only where it could stop early. Not thread-safe.
class Output {
 public:
  // `file` stays the caller's and must not have been written to.
  explicit Output(std::FILE* file);

  void Write(std::string_view bytes);

  // Hands over what is buffered.
  void Flush();

  // False once something couldn't be written: see error_number().
  bool ok() const { return error_number_ == 0; }

  // The errno of the first failure; 0 if there was none.
  int error_number() const { return error_number_; }

 private:
  std::FILE* const file_;
  int error_number_ = 0;
};

// Where a command prints. Not thread-safe.
class Console {
 public:
  // `command` is named in front of every error.
  Console(Output& out, std::FILE* errors, std::string command);

  Output& out() { return out_; }

  // Prints "quire COMMAND: message" as a line of errors, after what was written
  // to out() so far.
  void Error(std::string_view message);

  // The same for "context: status", or "status" if `context` is empty.
  void Error(std::string_view context, const absl::Status& status);

 private:
  Output& out_;
  std::FILE* const errors_;
  const std::string command_;
};

// "NAME_OF_CODE: message".
std::string StatusText(const absl::Status& status);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_OUTPUT_H_
