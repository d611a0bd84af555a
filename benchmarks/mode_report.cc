#include "benchmarks/mode_report.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/report.h"

namespace quire::benchmarks {
namespace {

using nlohmann::ordered_json;

constexpr int kTitleWidth = 38;
constexpr int kColumnWidth = 17;
constexpr int kRatioWidth = 8;

// `cell` at the right end of its column.
void AppendCell(std::string* line, const std::string& cell) {
  absl::StrAppendFormat(line, "%*s", kColumnWidth, cell);
}

// A median with its unit's decimals, and room for a ratio behind it.
std::string NumberCell(const MeasureInfo& info, double median) {
  std::string digits =
      absl::StrFormat("%.*f", info.decimals, median * info.scale);
  // Thousands are parted by commas.
  const size_t end = std::min(digits.find('.'), digits.size());
  for (size_t i = end; i > 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string RatioCell(double pread, double median) {
  return absl::StrFormat("%*s", kRatioWidth,
                         absl::StrFormat("%.2fx", pread / median));
}

const ModeResult* FindPread(const ModeReport& report) {
  for (const ModeResult& result : report.modes) {
    if (result.mode == io::ReadMode::kPread) return &result;
  }
  return nullptr;
}

void AppendMeasure(const ModeReport& report, Measure measure,
                   std::string* table) {
  const MeasureInfo& info = GetMeasureInfo(measure);
  std::string title = info.title;
  if (measure == Measure::kMultiGetHot || measure == Measure::kMultiGetCold) {
    title.insert(std::string_view("MultiGet").size(),
                 absl::StrFormat("(%d)", report.multiget_keys));
  }
  std::string line = absl::StrFormat("%-*s", kTitleWidth,
                                     absl::StrCat(title, ", ", info.unit));
  const ModeResult* const pread = FindPread(report);
  for (const ModeResult& result : report.modes) {
    const double median = result.samples.Median(measure);
    std::string cell = NumberCell(info, median);
    if (!info.is_time || pread == nullptr || pread == &result) {
      cell.append(kRatioWidth, ' ');
    } else {
      cell += RatioCell(pread->samples.Median(measure), median);
    }
    AppendCell(&line, cell);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  *table += line + '\n';
}

// A line of texts; each leaves the room of a ratio free behind it.
void AppendTexts(const ModeReport& report, const std::string& title,
                 std::string (*text)(const ModeReport&, const ModeResult&),
                 std::string* table) {
  std::string line = absl::StrFormat("%-*s", kTitleWidth, title);
  for (const ModeResult& result : report.modes) {
    AppendCell(&line, text(report, result) + std::string(kRatioWidth, ' '));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  *table += line + '\n';
}

// What stands before the reason for a fallback.
std::string WithoutReason(const std::string& text) {
  return text.substr(0, text.find(" ("));
}

std::string ModeText(const ModeReport&, const ModeResult& result) {
  return io::ReadModeName(result.mode);
}

std::string EffectiveModeText(const ModeReport&, const ModeResult& result) {
  return WithoutReason(result.effective.mode);
}

std::string EngineText(const ModeReport&, const ModeResult& result) {
  return result.effective.engine.empty()
             ? "-"
             : WithoutReason(result.effective.engine);
}

// The load is done once; its number stands in the first column.
std::string LoadText(const ModeReport& report, const ModeResult& result) {
  if (&result != &report.modes.front()) return "same";
  return absl::StrFormat("%.0f", static_cast<double>(report.entries) /
                                     (report.load_s + report.close_s) / 1000);
}

// Lines that explain fallbacks.
void AppendReasons(const ModeReport& report, std::string* table) {
  for (const ModeResult& result : report.modes) {
    for (const std::string& text :
         {result.effective.mode, result.effective.engine}) {
      if (WithoutReason(text) == text) continue;
      absl::StrAppendFormat(table, "%s: effective %s\n",
                            io::ReadModeName(result.mode), text);
    }
  }
}

}  // namespace

std::string ModeReportToTable(const ModeReport& report) {
  std::string table;
  AppendTexts(report, "read mode", ModeText, &table);
  AppendTexts(report, "effective mode", EffectiveModeText, &table);
  AppendTexts(report, "I/O engine of batches", EngineText, &table);
  AppendTexts(report, "load to closed (once), 1000 keys/s", LoadText, &table);
  for (size_t i = 0; i < kMeasureCount; ++i) {
    AppendMeasure(report, static_cast<Measure>(i), &table);
  }
  AppendReasons(report, &table);
  return table;
}

ordered_json ModeReportToJson(const ModeReport& report) {
  ordered_json json;
  json["machine"] = SheetToJson(report.sheet);
  json["warnings"] = BuildWarnings();
  json["entries"] = report.entries;
  json["disk_bytes"] = report.disk_bytes;
  json["load_s"] = report.load_s;
  json["close_s"] = report.close_s;
  json["multiget_keys"] = report.multiget_keys;
  json["resident_after_drop"] = report.resident_after_drop;
  json["cpu_share"] = report.cpu_share;
  json["modes"] = ordered_json::array();
  for (const ModeResult& result : report.modes) {
    ordered_json measures;
    for (size_t i = 0; i < kMeasureCount; ++i) {
      const Measure measure = static_cast<Measure>(i);
      measures[GetMeasureInfo(measure).id] = {
          {"median", result.samples.Median(measure)},
          {"rounds", result.samples.Of(measure)}};
    }
    json["modes"].push_back({{"mode", io::ReadModeName(result.mode)},
                             {"effective_mode", result.effective.mode},
                             {"effective_engine", result.effective.engine},
                             {"measures", std::move(measures)}});
  }
  return json;
}

}  // namespace quire::benchmarks
