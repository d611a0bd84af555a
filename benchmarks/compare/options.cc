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
constexpr uint64_t kQuickSustainedSeconds = 5;
constexpr uint64_t kQuickBytes = uint64_t{64} << 20;
constexpr uint64_t kLeastBytes = 1 << 20;

struct RawFlags {
  std::optional<std::string> contenders, scenes;
  CommonFlags common;
  bool quick = false;
};

void AddFlags(tools::FlagSet &flags, CompareOptions *options, RawFlags *raw) {
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
  flags.AddNumber("sustained", "SECONDS",
                  "How long a database of Quire is overwritten without a pause "
                  "(60; with --quick 5).",
                  &options->sustained_seconds);
  AddCommonFlags(flags, "compare", &raw->common, options);
}

// What wasn't given otherwise becomes smaller.
void SetQuick(CompareOptions *options) {
  const CompareOptions defaults;
  options->read_seconds = kQuickSeconds;
  if (options->data_bytes == defaults.data_bytes) {
    options->data_bytes = kQuickBytes;
  }
  if (options->sustained_seconds == defaults.sustained_seconds) {
    options->sustained_seconds = kQuickSustainedSeconds;
  }
}

// Sets `*names` to those in `text`, parted by commas, of which each must be in
// `known`.
absl::Status SetNames(const char *flag, const std::string &text,
                      std::span<const std::string> known,
                      std::vector<std::string> *names) {
  *names = absl::StrSplit(text, ',');
  for (const std::string &name : *names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, ": there is no '", name, "'"));
    }
  }
  return absl::OkStatus();
}

absl::Status Finish(const RawFlags &raw, std::span<const Contender> contenders,
                    CompareOptions *options) {
  if (raw.quick) SetQuick(options);
  QUIRE_RETURN_IF_ERROR(CheckRange("data_size", options->data_bytes,
                                   kLeastBytes, UINT64_MAX / 8));
  QUIRE_RETURN_IF_ERROR(CheckRange("rounds", options->rounds, 1, 1000));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("sustained", options->sustained_seconds, 1, 86'400));
  std::vector<std::string> known;
  if (raw.contenders.has_value()) {
    for (const Contender &one : contenders) known.emplace_back(one.name);
    QUIRE_RETURN_IF_ERROR(
        SetNames("contenders", *raw.contenders, known, &options->contenders));
  }
  if (raw.scenes.has_value()) {
    known.clear();
    for (const Scene &scene : Scenes()) known.emplace_back(scene.id);
    QUIRE_RETURN_IF_ERROR(
        SetNames("scenes", *raw.scenes, known, &options->scenes));
  }
  return SetCommon(raw.common, "compare", options);
}

}  // namespace

absl::StatusOr<CompareOptions> ParseCompareOptions(
    std::span<const std::string> words, std::span<const Contender> contenders) {
  return ParseProgramFlags<CompareOptions, RawFlags>(
      words, AddFlags,
      [contenders](const RawFlags &raw, CompareOptions *options) {
        return Finish(raw, contenders, options);
      });
}

std::string CompareHelp() {
  std::string help = absl::StrCat(
      "Usage: compare [FLAG...]\n\n"
      "Does the same work through the public API of several stores, "
      "interleaved, and\nprints what it costs in each, and which goals are "
      "met. Ends with 0, with 1 if a\nstore failed or gave a wrong value, with "
      "2 for a mistake in the flags.\n\n",
      ProgramFlagsHelp<CompareOptions, RawFlags>(AddFlags), "\nScenes:\n");
  for (const Scene &scene : Scenes()) {
    absl::StrAppendFormat(&help, "  %-10s %s\n", scene.id, scene.title);
  }
  return help;
}

bool IsChosen(const std::vector<std::string> &names, std::string_view name) {
  return names.empty() ||
         std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace quire::benchmarks
