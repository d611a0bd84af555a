#include "benchmarks/report.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "absl/strings/str_format.h"

namespace quire::benchmarks {
namespace {

using nlohmann::ordered_json;

constexpr double kMicrosPerSecond = 1e6;
constexpr double kBytesPerMegabyte = 1 << 20;

// A benchmark that counts nothing did one thing, as in LevelDB.
uint64_t Ops(const OpStats& stats) {
  return std::max<uint64_t>(1, stats.ops());
}

double MicrosPerOp(const OpStats& stats) {
  return stats.thread_seconds() * kMicrosPerSecond /
         static_cast<double>(Ops(stats));
}

// `amount` per second of the clock; 0 where no time passed.
double PerSecond(double amount, const OpStats& stats) {
  return stats.wall_seconds() > 0 ? amount / stats.wall_seconds() : 0;
}

double MegabytesPerSecond(const OpStats& stats) {
  return PerSecond(static_cast<double>(stats.bytes()) / kBytesPerMegabyte,
                   stats);
}

ordered_json HistogramToJson(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"mean", histogram.Mean()},
          {"standard_deviation", histogram.StandardDeviation()},
          {"min", histogram.min()},
          {"p50", histogram.Percentile(50)},
          {"p75", histogram.Percentile(75)},
          {"p99", histogram.Percentile(99)},
          {"p99.9", histogram.Percentile(99.9)},
          {"p99.99", histogram.Percentile(99.99)},
          {"max", histogram.max()}};
}

}  // namespace

std::string ResultToText(const BenchmarkResult& result) {
  const OpStats& stats = result.stats;
  std::string text = absl::StrFormat("%-12s : %11.3f micros/op;", result.name,
                                     MicrosPerOp(stats));
  if (stats.bytes() > 0) {
    absl::StrAppendFormat(&text, " %6.1f MB/s", MegabytesPerSecond(stats));
  }
  if (stats.lookups()) {
    absl::StrAppendFormat(&text, " (%d of %d found)", stats.found(),
                          stats.asked());
  }
  if (!stats.message().empty()) text += ' ' + stats.message();
  text += '\n';
  if (stats.histogram() != nullptr) {
    text += "Microseconds per op:\n" + stats.histogram()->ToText() + '\n';
  }
  return text;
}

ordered_json ResultToJson(const BenchmarkResult& result) {
  const OpStats& stats = result.stats;
  ordered_json json = {
      {"name", result.name},
      {"threads", result.threads},
      {"operations", stats.ops()},
      {"seconds", stats.wall_seconds()},
      {"micros_per_op", MicrosPerOp(stats)},
      {"ops_per_second", PerSecond(static_cast<double>(Ops(stats)), stats)},
      {"bytes", stats.bytes()},
      {"mb_per_second", MegabytesPerSecond(stats)}};
  if (stats.lookups()) {
    json["found"] = stats.found();
    json["asked"] = stats.asked();
  }
  if (!stats.message().empty()) json["message"] = stats.message();
  if (stats.histogram() != nullptr) {
    json["latency_ns"] = HistogramToJson(*stats.histogram());
  }
  return json;
}

ordered_json SheetToJson(std::span<const SheetLine> sheet) {
  ordered_json json = ordered_json::object();
  for (const auto& [label, text] : sheet) json[label] = text;
  return json;
}

absl::Status WriteJsonFile(const ordered_json& json, const std::string& path) {
  std::ofstream file(path, std::ios::trunc);
  // Paths needn't be UTF-8.
  file << json.dump(2, ' ', false, ordered_json::error_handler_t::replace)
       << '\n';
  file.close();
  if (!file) {
    return absl::UnavailableError(
        absl::StrFormat("can't write %s (errno %d)", path, errno));
  }
  return absl::OkStatus();
}

}  // namespace quire::benchmarks
