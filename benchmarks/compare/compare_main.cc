// compare: the same work through the public API of Quire and of its peers.
// `compare --help` has the flags, docs/benchmarks.md what the numbers mean.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/compare/comparison.h"
#include "benchmarks/compare/comparison_table.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/machine_sheet.h"
#include "benchmarks/program.h"
#include "benchmarks/report.h"

namespace quire::benchmarks {
namespace {

nlohmann::ordered_json ToJson(const std::vector<SheetLine>& sheet,
                              const std::vector<ContenderResult>& results) {
  nlohmann::ordered_json json;
  json["machine"] = SheetToJson(sheet);
  for (const ContenderResult& result : results) {
    nlohmann::ordered_json one;
    one["name"] = result.contender->name;
    one["settings"] = result.contender->settings;
    for (size_t i = 0; i < kWorkloadCount; ++i) {
      one[GetWorkloadInfo(static_cast<Workload>(i)).id] = result.samples[i];
    }
    json["results"].push_back(one);
  }
  return json;
}

absl::Status Run(const ComparisonOptions& options) {
  std::vector<SheetLine> sheet = MachineSheet(options.db);
  sheet.emplace_back(
      "Data",
      absl::StrFormat("%d keys of %d bytes, values of %d bytes", options.num,
                      KeyBuffer::kDigits, options.value_size));
  sheet.emplace_back("Seed", SeedToText(options.seed, options.seed_drawn));
  QUIRE_ASSIGN_OR_RETURN(const std::vector<ContenderResult> results,
                         RunComparison(options));
  std::printf("%s\n%s\n", SheetToText(sheet).c_str(),
              ComparisonTable(results).c_str());
  std::printf(
      "Medians of %d rounds. Each value was read in full and checked.\n",
      static_cast<int>(options.rounds));
  for (const ContenderResult& result : results) {
    std::printf("  %-15s %s\n", result.contender->name,
                result.contender->settings);
  }
  for (const std::string& warning : BuildWarnings()) {
    std::printf("%s\n", warning.c_str());
  }
  if (options.json.empty()) return absl::OkStatus();
  return WriteJsonFile(ToJson(sheet, results), options.json);
}

}  // namespace
}  // namespace quire::benchmarks

int main(int argc, char** argv) {
  namespace benchmarks = quire::benchmarks;
  return benchmarks::RunProgram("compare", argc, argv,
                                benchmarks::ParseComparisonOptions,
                                benchmarks::ComparisonHelp, benchmarks::Run);
}
