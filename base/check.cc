#include "base/check.h"

#include <sys/uio.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace quire::base::internal {

void CheckFailed(const char* file, int line, const char* condition) noexcept {
  // One writev of borrowed pieces: it allocates nothing, is safe in a signal
  // handler, and lines of several threads don't mix.
  char digits[16] = {};
  std::to_chars(digits, digits + sizeof(digits) - 1, line);
  const auto piece = [](const char* text) {
    return iovec{const_cast<char*>(text), std::strlen(text)};
  };
  const iovec pieces[] = {
      piece(file),      piece(":"),  piece(digits), piece(": check failed: "),
      piece(condition), piece("\n"),
  };
  [[maybe_unused]] const ssize_t ignored =
      ::writev(STDERR_FILENO, pieces, sizeof(pieces) / sizeof(pieces[0]));
  std::abort();
}

}  // namespace quire::base::internal
