#include "tools/output.h"

#include <cerrno>
#include <utility>

namespace quire::tools {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

Output::Output(std::FILE* file) : file_(file) {
  std::setvbuf(file_, nullptr, _IOFBF, kBufferBytes);
}

void Output::Write(std::string_view bytes) {
  if (!ok() || bytes.empty()) return;
  errno = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    error_number_ = errno == 0 ? EIO : errno;
  }
}

void Output::Flush() {
  if (!ok()) return;
  errno = 0;
  if (std::fflush(file_) != 0) error_number_ = errno == 0 ? EIO : errno;
}

Console::Console(Output& out, std::FILE* errors, std::string command)
    : out_(out), errors_(errors), command_(std::move(command)) {}

void Console::Error(std::string_view message) {
  out_.Flush();
  std::string line = "quire ";
  if (!command_.empty()) line += command_ + ": ";
  line.append(message) += '\n';
  // An error that can't be printed has nowhere else to go.
  static_cast<void>(std::fwrite(line.data(), 1, line.size(), errors_));
}

void Console::Error(std::string_view context, const absl::Status& status) {
  std::string message(context);
  if (!message.empty()) message += ": ";
  Error(message + StatusText(status));
}

std::string StatusText(const absl::Status& status) {
  return status.ToString(absl::StatusToStringMode::kWithNoExtraData);
}

}  // namespace quire::tools
