#include "tools/report.h"

#include "nlohmann/json.hpp"

namespace quire::tools {
namespace {

using nlohmann::ordered_json;

// Messages may quote paths, which needn't be UTF-8.
std::string Line(const ordered_json& object) {
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace

void Report::Print(std::string_view severity, const Finding& finding) {
  if (json_) {
    PrintLine(Line({{"severity", severity},
                    {"file", finding.file},
                    {"offset", finding.offset},
                    {"size", finding.size},
                    {"kind", finding.kind},
                    {"what", finding.what}}));
    return;
  }
  std::string line(severity);
  line += " file=" + finding.file + " offset=" + std::to_string(finding.offset);
  line += " size=" + std::to_string(finding.size);
  line.append(" kind=").append(finding.kind);
  PrintLine(line + " what=\"" + finding.what + "\"\n");
}

void Report::PrintLine(const std::string& line) {
  if (keep_back_) {
    kept_back_ += line;
  } else {
    out_.Write(line);
  }
}

void Report::KeepBack() {
  keep_back_ = true;
  problems_before_ = problems_;
}

void Report::Release() {
  keep_back_ = false;
  out_.Write(kept_back_);
  kept_back_.clear();
}

void Report::Drop() {
  keep_back_ = false;
  problems_ = problems_before_;
  kept_back_.clear();
}

void Report::Summary(const VerifyCounts& counts) {
  const struct {
    const char* name;
    uint64_t count;
  } totals[] = {{"files", counts.files},     {"bytes", counts.bytes},
                {"groups", counts.groups},   {"records", counts.records},
                {"entries", counts.entries}, {"problems", problems_}};
  ordered_json object = {{"severity", "summary"}};
  std::string line = "verified";
  for (const auto& total : totals) {
    object[total.name] = total.count;
    line.append(" ").append(total.name) += "=" + std::to_string(total.count);
  }
  out_.Write(json_ ? Line(object) : line + "\n");
}

}  // namespace quire::tools
