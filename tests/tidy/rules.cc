#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <optional>
#include <regex>
#include <sstream>
#include <utility>

#include "tests/tidy/lexer.h"

namespace quire::tidy {
namespace {

constexpr int kHeaderLinesMax = 200;
constexpr int kSourceLinesMax = 500;
constexpr int kAnyFileLinesMax = 800;

bool IsHeader(std::string_view path) { return path.ends_with(".h"); }

bool IsCpp(std::string_view path) {
  return IsHeader(path) || path.ends_with(".cc");
}

// The first folder of `path`; empty for a file at the root.
std::string_view Layer(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? "" : path.substr(0, slash);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Calls `check(path, line number, line)` for each line of the C++ files.
template <typename Check>
void ForEachCppLine(const Files& files, Check check) {
  for (const auto& [path, text] : files) {
    if (!IsCpp(path)) continue;
    int number = 0;
    for (const std::string& line : Lines(text)) check(path, ++number, line);
  }
}

// --- Banned names ------------------------------------------------------------

enum class Form {
  kName,        // anywhere in code
  kPrefix,      // any name that begins so
  kCall,        // called unqualified, or with :: or std:: in front
  kGlobalCall,  // called with :: or std:: in front; else too common a word
  kStd,         // with std:: in front
};

// A group of names that some layers may not use.
struct Ban {
  Form form;
  std::vector<std::string_view> layers;
  std::vector<std::string_view> names;
  std::string_view replacement;
};

const std::vector<Ban>& Bans() {
  static const auto* const bans = new std::vector<Ban>{
      {Form::kCall,
       {"kv", "cache", "tools", "benchmarks"},
       {"pread", "pread64", "preadv", "preadv2", "pwrite", "pwrite64",
        "pwritev", "pwritev2"},
       "raw I/O belongs to io/; read through PageProvider "
       "(io/page_provider.h), write through FileSystem (io/file_system.h)"},
      {Form::kCall,
       {"kv", "tools", "benchmarks"},
       {"mmap", "munmap", "mremap", "madvise", "msync", "mincore"},
       "mappings belong to io/ (files) and cache/ (memory); use PageProvider "
       "(io/page_provider.h)"},
      {Form::kCall,
       {"cache"},
       {"msync", "mincore"},
       "cache/ maps its own memory only, never a file"},
      {Form::kName,
       {"kv", "cache", "tools", "benchmarks"},
       {"O_DIRECT"},
       "direct I/O belongs to io/; choose ReadMode::kDirect (kv/options.h)"},
      {Form::kPrefix,
       {"kv", "cache", "tools", "benchmarks"},
       {"io_uring_"},
       "io_uring belongs to io/; read many extents through "
       "PageProvider::Read (io/page_provider.h)"},
      {Form::kGlobalCall,
       {"kv", "cache"},
       {"close", "creat", "fcntl", "ioctl", "link", "lseek", "lstat", "mkdir",
        "open", "read", "readv", "rename", "rmdir", "stat", "truncate",
        "unlink", "write", "writev"},
       "files belong to io/; use FileSystem (io/file_system.h)"},
      {Form::kCall,
       {"kv", "cache"},
       {"fallocate", "fclose",        "fdatasync",       "flock",
        "fopen",     "fread",         "fstat",           "fsync",
        "ftruncate", "fwrite",        "linkat",          "openat",
        "opendir",   "posix_fadvise", "posix_fallocate", "readdir",
        "renameat",  "renameat2",     "statx",           "sync_file_range",
        "syncfs",    "unlinkat"},
       "files belong to io/; use FileSystem (io/file_system.h)"},
      {Form::kStd,
       {"kv", "cache"},
       {"filesystem", "fstream", "ifstream", "ofstream"},
       "files belong to io/; use FileSystem (io/file_system.h)"},
      {Form::kStd,
       {"cache", "io", "kv", "tools", "benchmarks"},
       {"mutex", "recursive_mutex", "shared_mutex", "timed_mutex",
        "condition_variable", "condition_variable_any", "lock_guard",
        "scoped_lock", "shared_lock", "unique_lock"},
       "use Mutex, MutexLock and CondVar (base/mutex.h), which the "
       "thread-safety analysis follows"},
      {Form::kCall,
       {"base", "cache", "io", "kv", "tools", "benchmarks"},
       {"assert"},
       "use QUIRE_CHECK or QUIRE_DCHECK (base/check.h)"},
  };
  return *bans;
}

// Whether tokens[i], whose text a ban names, stands in the form that it bans.
bool StandsAs(Form form, const std::vector<Token>& tokens, std::size_t i) {
  const auto text_at = [&tokens](std::size_t at) {
    return at < tokens.size() ? tokens[at].text : std::string_view();
  };
  const std::string_view before = i > 0 ? text_at(i - 1) : "";
  const std::string_view qualifier =
      i > 1 && before == "::" ? text_at(i - 2) : "";
  switch (form) {
    case Form::kName:
    case Form::kPrefix:
      return true;
    case Form::kStd:
      // std::filesystem::path alone computes with names and touches no file.
      return qualifier == "std" && text_at(i + 2) != "path";
    case Form::kCall:
    case Form::kGlobalCall:
      break;
  }
  if (text_at(i + 1) != "(" || before == "." || before == "->") return false;
  const bool is_qualified =
      !qualifier.empty() && (std::isalnum(qualifier.back()) != 0 ||
                             qualifier.back() == '_' || qualifier == ">");
  // `return ::close(fd)`: the word before :: is a keyword, not a scope.
  if (is_qualified) return qualifier == "std" || qualifier == "return";
  return form == Form::kCall || before == "::";
}

bool Names(const Ban& ban, std::string_view text) {
  return std::ranges::any_of(ban.names, [&](std::string_view name) {
    return ban.form == Form::kPrefix ? text.starts_with(name) : text == name;
  });
}

bool Concerns(const Ban& ban, std::string_view path) {
  return std::ranges::find(ban.layers, Layer(path)) != ban.layers.end();
}

void FindBannedNames(const std::string& path, const std::string& text,
                     std::vector<Finding>& findings) {
  const std::vector<Token> tokens = Tokenize(text);
  for (const Ban& ban : Bans()) {
    if (!Concerns(ban, path)) continue;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!Names(ban, tokens[i].text) || !StandsAs(ban.form, tokens, i)) {
        continue;
      }
      findings.push_back(
          {path, tokens[i].line,
           std::string(tokens[i].text) + ": " + std::string(ban.replacement)});
    }
  }
}

// --- Layers ------------------------------------------------------------------

// The height of a layer: it may include itself and what is lower. Unknown
// folders, as those of other libraries, have none.
std::optional<int> Height(std::string_view layer) {
  constexpr std::array<std::pair<std::string_view, int>, 7> kHeights = {{
      {"base", 0},
      {"cache", 1},
      {"io", 2},
      {"kv", 3},
      {"tools", 4},
      {"benchmarks", 5},
      {"tests", 5},
  }};
  for (const auto& [name, height] : kHeights) {
    if (name == layer) return height;
  }
  return std::nullopt;
}

// --- Targets -----------------------------------------------------------------

// A file as its package knows it.
struct PackageFile {
  const std::string* build_text;  // of its BUILD.bazel; never null
  std::string name;               // relative to the package
};

// The package of the file at `path`; nothing if no folder above it has one.
std::optional<PackageFile> FindPackage(const Files& files,
                                       const std::string& path) {
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos;
       slash = slash == 0 ? std::string::npos : path.rfind('/', slash - 1)) {
    const auto build = files.find(path.substr(0, slash) + "/BUILD.bazel");
    if (build != files.end()) {
      return PackageFile{&build->second, path.substr(slash + 1)};
    }
  }
  return std::nullopt;
}

// The kind of the rule in `build_text` that names `file`: cc_library, cc_test
// and so on. Empty if none does.
std::string RuleNaming(const std::string& build_text, const std::string& file) {
  static const std::regex rule_start(R"(^[\s\[]*(\w+)\($)");
  std::string rule;
  for (const std::string& line : Lines(build_text)) {
    const std::string code = line.substr(0, line.find('#'));
    std::smatch match;
    if (std::regex_search(code, match, rule_start)) rule = match[1];
    if (code.find('"' + file + '"') != std::string::npos) return rule;
  }
  return "";
}

}  // namespace

std::string Finding::ToString() const {
  return path + ":" + std::to_string(line) + ": " + message;
}

std::vector<Finding> CheckBannedNames(const Files& files) {
  std::vector<Finding> findings;
  for (const auto& [path, text] : files) {
    if (IsCpp(path)) FindBannedNames(path, text, findings);
  }
  return findings;
}

std::vector<Finding> CheckIncludeDirection(const Files& files) {
  static const std::regex include(R"rx(^\s*#\s*include\s+"([^"]+)")rx");
  std::vector<Finding> findings;
  ForEachCppLine(
      files, [&](const std::string& path, int number, const std::string& line) {
        std::smatch match;
        if (!std::regex_search(line, match, include)) return;
        const std::string included = match[1];
        const std::optional<int> height = Height(Layer(path));
        const std::optional<int> included_height = Height(Layer(included));
        if (height.has_value() && included_height.has_value() &&
            *included_height > *height) {
          findings.push_back({path, number,
                              included + " is not below " +
                                  std::string(Layer(path)) +
                                  "/; layers include downwards: kv, io, cache, "
                                  "base"});
        }
      });
  return findings;
}

std::vector<Finding> CheckIncludeGuards(const Files& files) {
  std::vector<Finding> findings;
  for (const auto& [path, text] : files) {
    if (!IsHeader(path)) continue;
    std::string guard = "QUIRE_";
    for (const char c : path) {
      const auto byte = static_cast<unsigned char>(c);
      guard +=
          std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
    }
    guard += '_';
    if (text.find("\n#ifndef " + guard + "\n#define " + guard + "\n") ==
        std::string::npos) {
      findings.push_back({path, 0, "the include guard must be " + guard});
    }
  }
  return findings;
}

std::vector<Finding> CheckUnfinishedMarks(const Files& files) {
  // Split, so that this file passes.
  static const std::regex mark(
      "\\b(TO"
      "DO|FIX"
      "ME)\\b");
  std::vector<Finding> findings;
  for (const auto& [path, text] : files) {
    int number = 0;
    for (const std::string& line : Lines(text)) {
      ++number;
      std::smatch match;
      if (!std::regex_search(line, match, mark)) continue;
      findings.push_back({path, number,
                          match.str() +
                              ": finish it, or file an issue and say here "
                              "what holds today"});
    }
  }
  return findings;
}

std::vector<Finding> CheckLengths(
    const Files& files, const std::map<std::string, int>& long_files) {
  std::vector<Finding> findings;
  for (const auto& [path, text] : files) {
    if (!IsCpp(path)) continue;
    const auto lines = static_cast<int>(std::ranges::count(text, '\n'));
    const int lines_max = IsHeader(path) ? kHeaderLinesMax : kSourceLinesMax;
    const auto listed = long_files.find(path);
    const int allowed =
        listed == long_files.end()
            ? lines_max
            : std::min(std::max(listed->second, lines_max), kAnyFileLinesMax);
    if (lines > allowed) {
      findings.push_back({path, 0,
                          std::to_string(lines) + " lines, of " +
                              std::to_string(allowed) +
                              " allowed: split it by what its parts know"});
    } else if (listed != long_files.end() && lines <= lines_max) {
      findings.push_back(
          {path, 0, "is short enough; take it off the list of long files"});
    }
  }
  for (const auto& [path, lines] : long_files) {
    if (!files.contains(path)) {
      findings.push_back(
          {path, 0, "is gone; take it off the list of long files"});
    }
  }
  return findings;
}

std::vector<Finding> CheckTargets(const Files& files) {
  std::vector<Finding> findings;
  for (const auto& [path, text] : files) {
    if (!IsCpp(path)) continue;
    const std::optional<PackageFile> file = FindPackage(files, path);
    const std::string rule =
        file.has_value() ? RuleNaming(*file->build_text, file->name) : "";
    if (rule.empty()) {
      findings.push_back(
          {path, 0,
           "no target in its BUILD.bazel names it: nothing builds it"});
    } else if (path.ends_with("_test.cc") && rule != "cc_test") {
      findings.push_back(
          {path, 0,
           "a " + rule + " names it, but no cc_test: nothing runs it"});
    }
  }
  return findings;
}

std::map<std::string, int> ParseLongFiles(std::string_view text) {
  std::map<std::string, int> long_files;
  for (const std::string& line : Lines(std::string(text))) {
    std::istringstream stream(line);
    std::string path;
    int lines = 0;
    if (line.starts_with('#') || !(stream >> path >> lines)) continue;
    long_files[path] = lines;
  }
  return long_files;
}

}  // namespace quire::tidy
