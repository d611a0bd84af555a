#include "benchmarks/read_modes_options.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/key_generator.h"
#include "tools/flags.h"

namespace quire::benchmarks {
namespace {

constexpr uint64_t kRoundsMax = 1000;
constexpr uint64_t kMultiGetKeysMax = 1 << 16;

// What the flags set before it is checked.
struct RawFlags {
  std::optional<std::string> modes, cache_size;
  CommonFlags common;
  bool require = false;
};

void AddFlags(tools::FlagSet &flags, ReadModesOptions *options, RawFlags *raw) {
  flags.AddNumber("num", "N", "Keys of the database (1000000).", &options->num);
  flags.AddNumber("value_size", "BYTES", "Size of a value (100).",
                  &options->value_size);
  flags.AddNumber("rounds", "N",
                  "Times that each mode is measured; the table has the medians "
                  "(3).",
                  &options->rounds);
  flags.AddNumber("reads", "N",
                  "Hot Gets of a round, and as many of absent keys and by "
                  "MultiGet (300000).",
                  &options->reads);
  flags.AddNumber("cold_reads", "N",
                  "Gets of a round after the caches were dropped, of different "
                  "keys (2000).",
                  &options->cold_reads);
  flags.AddNumber("multiget_keys", "N", "Keys of one MultiGet (32).",
                  &options->multiget_keys);
  flags.AddNumber("batch_size", "N", "Entries of one batch of the load (100).",
                  &options->load_batch);
  flags.AddText("modes", "NAME,...",
                "Read modes to compare. Default: pread,buffered,mmap,direct",
                &raw->modes);
  flags.AddText("cache_size", "SIZE",
                "Memory for cached pages under buffered and direct; negative, "
                "the default: more than the data.",
                &raw->cache_size);
  flags.AddSize("write_buffer_size", "Size of a memtable (64M).",
                &options->open.memtable_bytes);
  AddProviderFlags(flags, &options->open.provider, &raw->require);
  flags.AddSwitch("keep", "Leave the database where it is.", &options->keep);
  AddCommonFlags(flags, "read_modes", &raw->common, options);
}

absl::Status CheckNumbers(const ReadModesOptions &options) {
  QUIRE_RETURN_IF_ERROR(
      CheckRange("num", options.num, 1, KeyBuffer::kNumberEnd));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("value_size", options.value_size, 0, kMaxValueBytes));
  QUIRE_RETURN_IF_ERROR(CheckRange("rounds", options.rounds, 1, kRoundsMax));
  QUIRE_RETURN_IF_ERROR(CheckRange("reads", options.reads, 1, UINT64_MAX));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("cold_reads", options.cold_reads, 1, UINT64_MAX));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("multiget_keys", options.multiget_keys, 1, kMultiGetKeysMax));
  return CheckRange("batch_size", options.load_batch, 1, options.num);
}

absl::Status Finish(const RawFlags &raw, ReadModesOptions *options) {
  options->load_batch = std::min(options->load_batch, options->num);
  QUIRE_RETURN_IF_ERROR(CheckNumbers(*options));
  if (raw.modes) {
    QUIRE_RETURN_IF_ERROR(ParseReadModes(*raw.modes, &options->modes));
  }
  // 0: chosen to exceed the data.
  options->open.provider.cache_bytes = 0;
  if (raw.cache_size) {
    QUIRE_ASSIGN_OR_RETURN(const std::optional<uint64_t> size,
                           ParseOptionalSize("cache_size", *raw.cache_size));
    options->open.provider.cache_bytes = size.value_or(0);
  }
  ApplyRequire(raw.require, &options->open.provider);
  QUIRE_RETURN_IF_ERROR(options->open.Validate());
  options->db_given = raw.common.db.has_value();
  return SetCommon(raw.common, "read_modes", options);
}

}  // namespace

absl::StatusOr<ReadModesOptions> ParseReadModesOptions(
    std::span<const std::string> words) {
  return ParseProgramFlags<ReadModesOptions, RawFlags>(words, AddFlags, Finish);
}

std::string ReadModesHelp() {
  return "Usage: read_modes [FLAG...]\n\n"
         "Loads a database, reads it back in each read mode and prints a table "
         "that\ncompares them. Ends with 0, with 1 if the database failed or "
         "gave a wrong value,\nwith 2 for a mistake in the flags.\n\n" +
         ProgramFlagsHelp<ReadModesOptions, RawFlags>(AddFlags);
}

}  // namespace quire::benchmarks
