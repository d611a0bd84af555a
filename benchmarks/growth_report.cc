#include "benchmarks/growth_report.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "base/check.h"

namespace quire::benchmarks {
namespace {

using nlohmann::ordered_json;

// A column of the table and a member in JSON, which has the plain unit.
struct Column {
  const char* title;
  const char* unit;
  const char* id;
  double (*get)(const GrowthResult&);
  double scale;
  int decimals;
};

double Bytes(uint64_t bytes) { return static_cast<double>(bytes); }

constexpr double kMilliseconds = 1e3;
constexpr double kNanoseconds = 1e9;
constexpr double kMebibytes = 1.0 / (1 << 20);

constexpr Column kColumns[] = {
    {"runs", "", "runs", [](const GrowthResult& r) { return Bytes(r.runs); }, 1,
     0},
    {"open", "ms", "open_hot_s",
     [](const GrowthResult& r) { return r.open_hot_s; }, kMilliseconds, 1},
    {"1st Get", "ms", "first_get_hot_s",
     [](const GrowthResult& r) { return r.first_get_hot_s; }, kMilliseconds, 1},
    {"open", "cold ms", "open_cold_s",
     [](const GrowthResult& r) { return r.open_cold_s; }, kMilliseconds, 1},
    {"1st Get", "cold ms", "first_get_cold_s",
     [](const GrowthResult& r) { return r.first_get_cold_s; }, kMilliseconds,
     1},
    {"Get", "ns", "get_s", [](const GrowthResult& r) { return r.get_s; },
     kNanoseconds, 0},
    {"absent", "ns", "absent_get_s",
     [](const GrowthResult& r) { return r.absent_get_s; }, kNanoseconds, 0},
    {"CPU", "%", "cpu_share", [](const GrowthResult& r) { return r.cpu_share; },
     100, 0},
    {"index", "B/key", "index_bytes_per_key",
     [](const GrowthResult& r) { return Bytes(r.index_bytes) / Bytes(r.keys); },
     1, 2},
    {"memory", "MiB", "memory_bytes",
     [](const GrowthResult& r) { return Bytes(r.memory_bytes); }, kMebibytes,
     0},
    {"mapped", "MiB", "mapped_bytes",
     [](const GrowthResult& r) { return Bytes(r.mapped_bytes); }, kMebibytes,
     0},
    {"disk", "MiB", "disk_bytes",
     [](const GrowthResult& r) { return Bytes(r.disk_bytes); }, kMebibytes, 0},
    {"disk", "B/key", "disk_bytes_per_key",
     [](const GrowthResult& r) { return Bytes(r.disk_bytes) / Bytes(r.keys); },
     1, 1},
    {"load", "s", "load_s", [](const GrowthResult& r) { return r.load_s; }, 1,
     0},
};

constexpr int kColumnWidth = 9;

}  // namespace

std::string GrowthTable(std::span<const GrowthResult> results) {
  std::string titles = absl::StrFormat("%10s  %-8s", "keys", "mode");
  std::string units = absl::StrFormat("%10s  %-8s", "", "");
  for (const Column& column : kColumns) {
    absl::StrAppendFormat(&titles, "%*s", kColumnWidth, column.title);
    absl::StrAppendFormat(&units, "%*s", kColumnWidth, column.unit);
  }
  std::string table = titles + "\n" + units + "\n";
  for (const GrowthResult& result : results) {
    absl::StrAppendFormat(&table, "%10d  %-8s", result.keys, result.mode);
    for (const Column& column : kColumns) {
      absl::StrAppendFormat(&table, "%*.*f", kColumnWidth, column.decimals,
                            column.get(result) * column.scale);
    }
    table += '\n';
  }
  return table;
}

ordered_json GrowthToJson(std::span<const GrowthResult> results) {
  ordered_json json = ordered_json::array();
  for (const GrowthResult& result : results) {
    ordered_json object = {{"keys", result.keys}, {"mode", result.mode}};
    for (const Column& column : kColumns) {
      object[column.id] = column.get(result);
    }
    json.push_back(std::move(object));
  }
  return json;
}

double MedianOf(std::vector<double> samples) {
  QUIRE_CHECK(!samples.empty());
  const auto middle = samples.begin() + samples.size() / 2;
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

}  // namespace quire::benchmarks
