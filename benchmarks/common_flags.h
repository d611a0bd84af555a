// Flags that the benchmark programs share.
#ifndef QUIRE_BENCHMARKS_COMMON_FLAGS_H_
#define QUIRE_BENCHMARKS_COMMON_FLAGS_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "io/open_provider.h"
#include "kv/db.h"
#include "tools/flags.h"

namespace quire::benchmarks {

// The targets of the Add functions must outlive the parsing.

// The names of the read modes.
const std::vector<std::pair<std::string, io::ReadMode>> &ReadModeChoices();

// Sets `*modes` to those named in `names`, parted by commas; InvalidArgument
// naming --modes and the name that is none.
absl::Status ParseReadModes(const std::string &names,
                            std::vector<io::ReadMode> *modes);

// Adds --io_engine and --require, which change `*provider`; call ApplyRequire
// behind the parsing.
void AddProviderFlags(tools::FlagSet &flags, io::ProviderOptions *provider,
                      bool *require);

// Where `require` is set, nothing falls back.
void ApplyRequire(bool require, io::ProviderOptions *provider);

// Adds --db, whose default is DefaultDirectory(program).
void AddDatabaseFlag(tools::FlagSet &flags, const std::string &program,
                     std::optional<std::string> *target);

// A directory named `name` in $TEST_TMPDIR or, if that isn't set, in
// /tmp/quiretest-UID.
std::string DefaultDirectory(const std::string &name);

// Adds --seed. SetSeed reads it or, if it wasn't given, draws one.
void AddSeedFlag(tools::FlagSet &flags, std::optional<std::string> *target);
absl::Status SetSeed(const std::optional<std::string> &text, uint64_t *seed,
                     bool *drawn);

// How a seed is shown: whoever reads it can replay the run.
std::string SeedToText(uint64_t seed, bool drawn);

// Adds --json.
void AddJsonFlag(tools::FlagSet &flags, std::optional<std::string> *target);

// Parses `words`, which are all flags; InvalidArgument naming the one that is
// wrong, or what isn't a flag.
absl::Status ParseWithoutArguments(const tools::FlagSet &flags,
                                   std::span<const std::string> words);

// The flags that most programs have, before they are checked.
struct CommonFlags {
  std::optional<std::string> db, seed, json;
};

// Adds --db, --seed, --json and --help. SetCommon completes db, seed and json
// of the options from what was given.
template <typename Options>
void AddCommonFlags(tools::FlagSet &flags, const std::string &program,
                    CommonFlags *common, Options *options) {
  AddDatabaseFlag(flags, program, &common->db);
  AddSeedFlag(flags, &common->seed);
  AddJsonFlag(flags, &common->json);
  flags.AddSwitch("help", "Print this and end.", &options->help);
}
template <typename Options>
absl::Status SetCommon(const CommonFlags &common, const std::string &program,
                       Options *options) {
  options->db = common.db.value_or(DefaultDirectory(program));
  options->json = common.json.value_or("");
  return SetSeed(common.seed, &options->seed, &options->seed_drawn);
}

// Reads a program's command line: `add(flags, options, raw)` names the flags,
// `finish(raw, options)` checks and completes what they set, unless --help is
// among them.
template <typename Options, typename RawFlags, typename Add, typename Finish>
absl::StatusOr<Options> ParseProgramFlags(std::span<const std::string> words,
                                          Add add, Finish finish) {
  Options options;
  RawFlags raw;
  tools::FlagSet flags;
  add(flags, &options, &raw);
  absl::Status status = ParseWithoutArguments(flags, words);
  if (status.ok() && !options.help) status = finish(raw, &options);
  if (!status.ok()) return status;
  return options;
}

// What --help prints of the flags.
template <typename Options, typename RawFlags, typename Add>
std::string ProgramFlagsHelp(Add add) {
  Options options;
  RawFlags raw;
  tools::FlagSet flags;
  add(flags, &options, &raw);
  return "Flags:\n" + flags.Help();
}

// The number of bytes in `text` ("64M"); nothing if it is negative, which
// LevelDB reads as the default. InvalidArgument naming `flag` for anything
// else.
absl::StatusOr<std::optional<uint64_t>> ParseOptionalSize(
    std::string_view flag, std::string_view text);

// Sets `*number` to what `text` says, or InvalidArgument naming `flag`.
template <typename Number>
absl::Status ParseNumber(const char *flag, const std::string &text,
                         Number *number) {
  const char *const end = text.data() + text.size();
  const std::from_chars_result result =
      std::from_chars(text.data(), end, *number);
  if (result.ec == std::errc() && result.ptr == end) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("--%s: expected a number, not '%s'", flag, text));
}

// InvalidArgument naming `flag` unless least <= value <= most.
absl::Status CheckRange(const char *flag, uint64_t value, uint64_t least,
                        uint64_t most);

// What a mode and an engine became on this machine.
struct EffectiveProvider {
  std::string mode;    // "direct", or "buffered (reason)" after a fallback
  std::string engine;  // "io_uring", likewise; empty under mmap, which has none
};
EffectiveProvider GetEffectiveProvider(DB &db);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMMON_FLAGS_H_
