#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/compare/comparison.h"
#include "benchmarks/key_generator.h"
#include "tools/flags.h"

namespace quire::benchmarks {
namespace {

struct RawFlags {
  std::optional<std::string> db, seed, json, contenders;
};

void AddFlags(tools::FlagSet& flags, ComparisonOptions* options,
              RawFlags* raw) {
  flags.AddNumber("num", "N", "Keys of each store (5000000).", &options->num);
  flags.AddNumber("value_size", "BYTES", "Size of a value (100).",
                  &options->value_size);
  flags.AddNumber("rounds", "N",
                  "Times that each store is read; the table has medians (5).",
                  &options->rounds);
  flags.AddNumber("reads", "N",
                  "Keys that one round of one workload reads (500000).",
                  &options->reads);
  flags.AddNumber("multiget_keys", "N", "Keys of one MultiGet (32).",
                  &options->multiget_keys);
  flags.AddNumber("batch_size", "N", "Entries of one batch of the load (100).",
                  &options->load_batch);
  flags.AddText("contenders", "NAME,...",
                "Some of those in the table. Default: all.", &raw->contenders);
  AddDatabaseFlag(flags, "compare", &raw->db);
  AddSeedFlag(flags, &raw->seed);
  AddJsonFlag(flags, &raw->json);
  flags.AddSwitch("help", "Print this and end.", &options->help);
}

absl::Status SetContenders(const std::string& names,
                           ComparisonOptions* options) {
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    bool known = false;
    for (const Contender& contender : Contenders()) {
      known = known || name == contender.name;
    }
    if (!known) {
      return absl::InvalidArgumentError(
          absl::StrCat("--contenders: there is no '", name, "'"));
    }
    options->contenders.emplace_back(name);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ComparisonOptions> ParseComparisonOptions(
    std::span<const std::string> words) {
  ComparisonOptions options;
  RawFlags raw;
  tools::FlagSet flags;
  AddFlags(flags, &options, &raw);
  QUIRE_RETURN_IF_ERROR(ParseWithoutArguments(flags, words));
  if (options.help) return options;
  QUIRE_RETURN_IF_ERROR(
      CheckRange("num", options.num, 1, KeyBuffer::kNumberEnd - 1));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("value_size", options.value_size, 8, 1 << 20));
  QUIRE_RETURN_IF_ERROR(CheckRange("rounds", options.rounds, 1, 1000));
  QUIRE_RETURN_IF_ERROR(CheckRange("reads", options.reads, 1, UINT64_MAX / 2));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("multiget_keys", options.multiget_keys, 1, 10'000));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("batch_size", options.load_batch, 1, 100'000));
  if (raw.contenders.has_value()) {
    QUIRE_RETURN_IF_ERROR(SetContenders(*raw.contenders, &options));
  }
  QUIRE_RETURN_IF_ERROR(SetSeed(raw.seed, &options.seed, &options.seed_drawn));
  options.db_given = raw.db.has_value();
  options.db = raw.db.value_or(DefaultDirectory("compare"));
  options.json = raw.json.value_or("");
  return options;
}

std::string ComparisonHelp() {
  ComparisonOptions options;
  RawFlags raw;
  tools::FlagSet flags;
  AddFlags(flags, &options, &raw);
  return absl::StrCat(
      "Usage: compare [FLAG...]\n\n"
      "Loads the same entries into several stores, reads them back through the "
      "public API\nof each, interleaved, and prints what a key costs. Ends "
      "with "
      "0, with 1 if a store\nfailed or gave a wrong value, with 2 for a "
      "mistake "
      "in the flags.\n\nFlags:\n",
      flags.Help());
}

}  // namespace quire::benchmarks
