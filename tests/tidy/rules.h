// The rules of this project that a compiler doesn't know.
//
// Each rule takes files and returns what breaks it. Rules are pure: paths are
// relative to the root of the source tree, and texts are given.

#ifndef QUIRE_TESTS_TIDY_RULES_H_
#define QUIRE_TESTS_TIDY_RULES_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace quire::tidy {

// A place that breaks a rule.
struct Finding {
  std::string path;
  int line = 0;  // counted from 1; 0 means the file as a whole
  std::string message;

  // path:line: message
  std::string ToString() const;
};

// Texts of files by their paths.
using Files = std::map<std::string, std::string>;

// Names that a layer must leave to another, with what to use instead: raw I/O
// outside io/ (cache/ may map and advise its own memory), locks that the
// thread-safety analysis can't follow, assert(). Looks at code only, not at
// comments and strings. Tests may use all of them.
std::vector<Finding> CheckBannedNames(const Files& files);

// Includes that point up: a layer may include itself and those below it, in the
// order base, cache, io, kv, tools, and on top benchmarks and tests, which
// share helpers.
std::vector<Finding> CheckIncludeDirection(const Files& files);

// Headers whose include guard isn't QUIRE_ and the path: QUIRE_IO_X_H_.
std::vector<Finding> CheckIncludeGuards(const Files& files);

// Marks of unfinished work, in any kind of file.
std::vector<Finding> CheckUnfinishedMarks(const Files& files);

// C++ files that are too long: headers over 200 lines, sources over 500. A file
// in `long_files` (its path, and the lines it is allowed) may be longer, but
// none longer than 800; the list may not name a file that no longer needs it.
std::vector<Finding> CheckLengths(const Files& files,
                                  const std::map<std::string, int>& long_files);

// C++ files that the BUILD.bazel of their package (the nearest one above them)
// doesn't name, and files named *_test.cc that it names outside a cc_test.
std::vector<Finding> CheckTargets(const Files& files);

// Reads a list of long files: `path lines` on each line that isn't empty and
// doesn't begin with #.
std::map<std::string, int> ParseLongFiles(std::string_view text);

}  // namespace quire::tidy

#endif  // QUIRE_TESTS_TIDY_RULES_H_
