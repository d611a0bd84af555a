// What a verification finds, printed as it is found.
#ifndef QUIRE_TOOLS_REPORT_H_
#define QUIRE_TOOLS_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/output.h"

namespace quire::tools {

// A place and what is the matter there.
struct Finding {
  std::string file;  // its name in the directory
  uint64_t offset = 0;
  uint64_t size = 0;  // in bytes, if known
  std::string_view kind;
  std::string what;
};

// Totals of a verification.
struct VerifyCounts {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t groups = 0;
  uint64_t records = 0;
  uint64_t entries = 0;
};

// Prints a line for each finding: text ("problem file=... offset=...") or a
// JSON object. Not thread-safe.
class Report {
 public:
  Report(bool json, Output& out) : json_(json), out_(out) {}

  // Something is wrong.
  void Problem(const Finding& finding) {
    Print("problem", finding), ++problems_;
  }

  // Nothing is wrong, but it may surprise.
  void Note(const Finding& finding) { Print("note", finding); }

  uint64_t problems() const { return problems_; }

  // From here on what is found is kept back until Release prints it or Drop
  // forgets it, problems uncounted. Not nested.
  void KeepBack();
  void Release();
  void Drop();

  // The last line.
  void Summary(const VerifyCounts& counts);

 private:
  void Print(std::string_view severity, const Finding& finding);
  void PrintLine(const std::string& line);

  const bool json_;
  Output& out_;
  uint64_t problems_ = 0;
  bool keep_back_ = false;
  uint64_t problems_before_ = 0;  // when KeepBack was called
  std::string kept_back_;         // lines
};

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_REPORT_H_
