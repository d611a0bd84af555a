#include "benchmarks/compare/comparison.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/compare/bars.h"
#include "benchmarks/compare/cold_scene.h"
#include "benchmarks/compare/hot_scene.h"
#include "benchmarks/compare/scenes.h"
#include "benchmarks/compare/stores.h"
#include "benchmarks/compare/write_scene.h"
#include "benchmarks/machine_sheet.h"
#include "benchmarks/report.h"

namespace quire::benchmarks {
namespace {

// Below the directory that was given: nobody else puts anything there.
constexpr char kStoresName[] = "compare-stores";

// The stores of one value size, which scenes that stand together share.
struct DataSet {
  DataSet(const CompareOptions& options, uint64_t value_bytes)
      : keys(KeySpace::OfSize(options.data_bytes, value_bytes, options.seed)),
        stores(absl::StrCat(options.db, "/", kStoresName), keys) {}

  const KeySpace keys;
  Stores stores;
};

std::vector<Contender> ChosenOf(const CompareOptions& options,
                                std::span<const Contender> contenders) {
  std::vector<Contender> chosen;
  for (const Contender& one : contenders) {
    if (IsChosen(options.contenders, one.name)) chosen.push_back(one);
  }
  return chosen;
}

}  // namespace

absl::StatusOr<Results> RunScenes(const CompareOptions& options,
                                  std::span<const Contender> contenders) {
  Results results;
  std::unique_ptr<DataSet> data;
  for (const Scene& scene : Scenes()) {
    if (!IsChosen(options.scenes, scene.id)) continue;
    if (data == nullptr || data->keys.value_bytes() != scene.value_bytes) {
      data.reset();  // the new one takes its directory
      data = std::make_unique<DataSet>(options, scene.value_bytes);
    }
    switch (scene.kind) {
      case SceneKind::kHot:
        QUIRE_RETURN_IF_ERROR(
            RunHotScene(scene, options, contenders, data->stores, &results));
        break;
      case SceneKind::kCold:
        QUIRE_RETURN_IF_ERROR(
            RunColdScene(scene, options, contenders, data->stores, &results));
        break;
      case SceneKind::kWrites:
        QUIRE_RETURN_IF_ERROR(
            RunWriteScene(scene, options, contenders, data->stores, &results));
        break;
    }
  }
  return results;
}

absl::Status RunComparison(const CompareOptions& options,
                           std::span<const Contender> contenders) {
  std::vector<SheetLine> sheet = MachineSheet(options.db);
  sheet.emplace_back("Data",
                     absl::StrFormat("%d MiB of keys, of 16 bytes, and values",
                                     options.data_bytes >> 20));
  sheet.emplace_back(
      "Rounds", absl::StrFormat("%d; tables have the medians", options.rounds));
  sheet.emplace_back("Seed", SeedToText(options.seed, options.seed_drawn));
  const std::vector<Contender> chosen = ChosenOf(options, contenders);
  QUIRE_ASSIGN_OR_RETURN(const Results results, RunScenes(options, chosen));
  const std::vector<Verdict> verdicts = Judge(results, Bars());
  std::printf("%s\n%s\n%s", SheetToText(sheet).c_str(),
              VerdictsToText(verdicts).c_str(), ResultsToText(results).c_str());
  std::printf("Each value was read in full and checked.\n");
  nlohmann::ordered_json json;
  for (const Contender& one : chosen) {
    std::printf("- %s: %s\n", one.name, one.settings);
    json["settings"][one.name] = one.settings;
  }
  for (const std::string& note : results.notes()) {
    std::printf("%s\n", note.c_str());
  }
  for (const std::string& warning : BuildWarnings()) {
    std::printf("%s\n", warning.c_str());
  }
  if (options.json.empty()) return absl::OkStatus();
  json["machine"] = SheetToJson(sheet);
  json["verdicts"] = VerdictsToJson(verdicts);
  json["notes"] = results.notes();
  json["scenes"] = ResultsToJson(results);
  return WriteJsonFile(json, options.json);
}

}  // namespace quire::benchmarks
