#include "tools/line_reader.h"

#include <cerrno>
#include <cstring>

#include "base/status_macros.h"
#include "base/string_view.h"
#include "io/posix_error.h"

namespace quire::tools {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

LineReader::LineReader(std::FILE* file, size_t line_bytes_max)
    : file_(file), line_bytes_max_(line_bytes_max), buffer_(kBufferBytes) {}

absl::StatusOr<bool> LineReader::Fill() {
  errno = 0;
  begin_ = 0;
  end_ = std::fread(buffer_.data(), 1, buffer_.size(), file_);
  if (end_ == 0 && std::ferror(file_) != 0) {
    return io::PosixError(errno == 0 ? EIO : errno, "read", "standard input");
  }
  return end_ != 0;
}

absl::StatusOr<bool> LineReader::Next(std::string_view* line) {
  joined_.clear();
  bool is_joined = false;
  ++line_number_;
  for (;;) {
    if (begin_ == end_) {
      QUIRE_ASSIGN_OR_RETURN(const bool has_more, Fill());
      if (!has_more) {
        *line = joined_;
        return is_joined;
      }
    }
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    const size_t length = rest.find('\n');
    const std::string_view piece = rest.substr(0, length);
    if (joined_.size() + piece.size() > line_bytes_max_) {
      return absl::InvalidArgumentError(base::AbslView(
          "line " + std::to_string(line_number_) + ": longer than " +
          std::to_string(line_bytes_max_) + " bytes"));
    }
    if (length != std::string_view::npos) {
      begin_ += length + 1;
      *line = is_joined ? joined_.append(piece) : piece;
      return true;
    }
    joined_.append(piece);
    is_joined = true;
    begin_ = end_;
  }
}

}  // namespace quire::tools
