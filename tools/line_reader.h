// The standard input, line by line.
#ifndef QUIRE_TOOLS_LINE_READER_H_
#define QUIRE_TOOLS_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::tools {

// Longest line read, in bytes: room for the largest key and value in
// hexadecimal. It bounds the memory that a foreign input can take.
inline constexpr size_t kLineBytesMax = (size_t{9} << 28) + (1 << 20);

// Not thread-safe.
class LineReader {
 public:
  // `file` stays the caller's. `line_bytes_max` is for tests.
  explicit LineReader(std::FILE* file, size_t line_bytes_max = kLineBytesMax);

  // The next line without its '\n', which the last line may lack; false at the
  // end of the input. `*line` dies with the next call. Unavailable if reading
  // fails, InvalidArgument naming the line if it is too long; no call may
  // follow an error.
  absl::StatusOr<bool> Next(std::string_view* line);

  // Number of the line that Next gave last, from 1.
  uint64_t line_number() const { return line_number_; }

 private:
  // Gets more input into the empty buffer; false at the end.
  absl::StatusOr<bool> Fill();

  std::FILE* const file_;
  const size_t line_bytes_max_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // what is left of the buffer: [begin_, end_)
  size_t end_ = 0;
  std::string joined_;  // a line that spans buffers
  uint64_t line_number_ = 0;
};

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_LINE_READER_H_
