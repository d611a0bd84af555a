#include "benchmarks/compare/options.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/compare/scenes.h"
#include "tools/flags.h"

namespace quire::benchmarks {
namespace {

constexpr double kQuickSeconds = 0.1;
constexpr uint64_t kQuickBytes = uint64_t{64} << 20;
constexpr uint64_t kLeastBytes = 1 << 20;

struct RawFlags {
  std::optional<std::string> db, seed, json, contenders, scenes;
  bool quick = false;
};

void AddFlags(tools::FlagSet& flags, CompareOptions* options, RawFlags* raw) {
  flags.AddText("scenes", "NAME,...",
                "Some of those below. Default: all of them.", &raw->scenes);
  flags.AddText("contenders", "NAME,...",
                "Some of the columns of the tables. Default: all.",
                &raw->contenders);
  flags.AddSwitch("quick",
                  "A ninth of the data, shorter loops: to see that it works.",
                  &raw->quick);
  flags.AddSize("data_size", "Keys and values of each store (576M).",
                &options->data_bytes);
  flags.AddNumber("rounds", "N",
                  "Times that everything is measured; the tables have medians "
                  "(5).",
                  &options->rounds);
  AddDatabaseFlag(flags, "compare", &raw->db);
  AddSeedFlag(flags, &raw->seed);
  AddJsonFlag(flags, &raw->json);
  flags.AddSwitch("help", "Print this and end.", &options->help);
}

// Sets `*names` to those in `text`, parted by commas, of which each must be in
// `known`.
absl::Status SetNames(const char* flag, const std::string& text,
                      std::span<const std::string> known,
                      std::vector<std::string>* names) {
  *names = absl::StrSplit(text, ',');
  for (const std::string& name : *names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, ": there is no '", name, "'"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CompareOptions> ParseCompareOptions(
    std::span<const std::string> words, std::span<const Contender> contenders) {
  CompareOptions options;
  RawFlags raw;
  tools::FlagSet flags;
  AddFlags(flags, &options, &raw);
  const uint64_t default_bytes = options.data_bytes;
  QUIRE_RETURN_IF_ERROR(ParseWithoutArguments(flags, words));
  if (options.help) return options;
  if (raw.quick) {
    options.read_seconds = kQuickSeconds;
    if (options.data_bytes == default_bytes) options.data_bytes = kQuickBytes;
  }
  QUIRE_RETURN_IF_ERROR(
      CheckRange("data_size", options.data_bytes, kLeastBytes, UINT64_MAX / 8));
  QUIRE_RETURN_IF_ERROR(CheckRange("rounds", options.rounds, 1, 1000));
  std::vector<std::string> known;
  if (raw.contenders.has_value()) {
    for (const Contender& one : contenders) known.emplace_back(one.name);
    QUIRE_RETURN_IF_ERROR(
        SetNames("contenders", *raw.contenders, known, &options.contenders));
  }
  if (raw.scenes.has_value()) {
    known.clear();
    for (const Scene& scene : Scenes()) known.emplace_back(scene.id);
    QUIRE_RETURN_IF_ERROR(
        SetNames("scenes", *raw.scenes, known, &options.scenes));
  }
  QUIRE_RETURN_IF_ERROR(SetSeed(raw.seed, &options.seed, &options.seed_drawn));
  options.db = raw.db.value_or(DefaultDirectory("compare"));
  options.json = raw.json.value_or("");
  return options;
}

std::string CompareHelp() {
  CompareOptions options;
  RawFlags raw;
  tools::FlagSet flags;
  AddFlags(flags, &options, &raw);
  std::string help = absl::StrCat(
      "Usage: compare [FLAG...]\n\n"
      "Does the same work through the public API of several stores, "
      "interleaved, and\nprints what it costs in each, and which goals are "
      "met. Ends with 0, with 1 if a\nstore failed or gave a wrong value, with "
      "2 for a mistake in the flags.\n\nFlags:\n",
      flags.Help(), "\nScenes:\n");
  for (const Scene& scene : Scenes()) {
    absl::StrAppendFormat(&help, "  %-10s %s\n", scene.id, scene.title);
  }
  return help;
}

bool IsChosen(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() ||
         std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace quire::benchmarks
