#include "benchmarks/db_bench_options.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/workload.h"
#include "tools/flags.h"

namespace quire::benchmarks {
namespace {

// LevelDB's list, with xxh3 in the place of crc32c and of the compressors.
constexpr char kDefaultBenchmarks[] =
    "fillseq,fillsync,fillrandom,overwrite,readrandom,readrandom,readseq,"
    "readreverse,compact,readrandom,readseq,readreverse,fill100K,xxh3";

constexpr uint64_t kThreadsMax = 1024;
constexpr uint64_t kKeyPrefixMax = kMaxKeyBytes - KeyBuffer::kDigits;

using Text = std::optional<std::string>;

// A flag of LevelDB's whose value changes nothing here.
struct NotedFlag {
  const char* name;
  const char* note;
  Text value = std::nullopt;
};

// A flag of LevelDB's that asks for something that Quire doesn't have.
struct RefusedFlag {
  const char* name;
  const char* reason;
  bool value = false;
};

// What the flags set before it is checked.
struct RawFlags {
  Text benchmarks, reads, cache_size, db, duration, seed, json;
  uint64_t batch_size = 0;
  uint64_t sync_interval_ms = 0;
  bool require = false;
  NotedFlag noted[5] = {
      {"compression_ratio", "values are random bytes; nothing is compressed"},
      {"max_file_size",
       "a segment is as large as a memtable (--write_buffer_size)"},
      {"block_size", "tables have pages of a fixed size"},
      {"bloom_bits", "the hash section tells absent keys without a filter"},
      {"open_files", "the database bounds its open files itself"}};
  RefusedFlag refused[3] = {
      {"compression", "values are stored as they are"},
      {"comparisons", "keys are compared as bytes; nothing counts that"},
      {"reuse_logs", "an existing file is never written to again"}};
};

absl::Status UsageError(const std::string& message) {
  return absl::InvalidArgumentError(message);
}

// LevelDB writes these as --name=0 and --name=1.
void AddBoolean(tools::FlagSet& flags, const std::string& name,
                const std::string& help, bool* target) {
  flags.AddChoice<bool>(name, help, {{"0", false}, {"1", true}}, target);
}

void AddLevelDbFlags(tools::FlagSet& flags, DbBenchOptions* options,
                     RawFlags* raw) {
  flags.AddText(
      "benchmarks", "NAME,...",
      "What to run, in this order. Default: " + std::string(kDefaultBenchmarks),
      &raw->benchmarks);
  flags.AddNumber("num", "N", "Keys of the database (1000000).", &options->num);
  flags.AddText("reads", "N",
                "Reads of each thread; negative: as many as --num (-1).",
                &raw->reads);
  flags.AddNumber("threads", "N", "Threads, each of which does it all (1).",
                  &options->threads);
  flags.AddNumber("value_size", "BYTES", "Size of a value (100).",
                  &options->value_size);
  flags.AddNumber("key_prefix", "BYTES",
                  "Bytes that all keys have in front of their 16 digits (0).",
                  &options->key_prefix);
  AddBoolean(flags, "histogram", "Print how long single operations took (0).",
             &options->histogram);
  AddBoolean(flags, "use_existing_db",
             "Keep the database that is there; benchmarks that need a new one "
             "are skipped (0).",
             &options->use_existing_db);
  flags.AddSize("write_buffer_size", "Size of a memtable (64M).",
                &options->open.memtable_bytes);
  flags.AddText("cache_size", "SIZE",
                "Memory for cached pages under buffered and direct; negative: "
                "the default (64M).",
                &raw->cache_size);
  AddDatabaseFlag(flags, "dbbench", &raw->db);
  for (NotedFlag& flag : raw->noted) {
    flags.AddText(
        flag.name, "VALUE",
        "LevelDB's; changes nothing here: " + std::string(flag.note) + ".",
        &flag.value);
  }
  for (RefusedFlag& flag : raw->refused) {
    AddBoolean(
        flags, flag.name,
        "LevelDB's; only 0 is accepted: " + std::string(flag.reason) + ".",
        &flag.value);
  }
}

void AddOwnFlags(tools::FlagSet& flags, DbBenchOptions* options,
                 RawFlags* raw) {
  flags.AddChoice<ReadMode>("read_mode", "How stored bytes are read (mmap).",
                            ReadModeChoices(),
                            &options->open.provider.read_mode);
  AddProviderFlags(flags, &options->open.provider, &raw->require);
  flags.AddText("duration", "SECONDS",
                "Time of each benchmark that counts operations, instead of "
                "their number.",
                &raw->duration);
  AddSeedFlag(flags, &raw->seed);
  flags.AddNumber("batch_size", "N",
                  "Entries of a write batch (1; fillbatch: 1000), keys of a "
                  "MultiGet (32).",
                  &raw->batch_size);
  flags.AddNumber("sync_interval_ms", "N",
                  "Sync unsynced writes at least this often; 0: never (0).",
                  &raw->sync_interval_ms);
  AddJsonFlag(flags, &raw->json);
  flags.AddSwitch("help", "Print this and end.", &options->help);
}

absl::Status SetBenchmarks(const RawFlags& raw, DbBenchOptions* options) {
  const std::string names = raw.benchmarks.value_or(kDefaultBenchmarks);
  options->benchmarks = absl::StrSplit(names, ',', absl::SkipEmpty());
  for (const std::string& name : options->benchmarks) {
    if (FindWorkload(name) != nullptr) continue;
    return UsageError(
        absl::StrFormat("unknown benchmark '%s' (see --help)", name));
  }
  return absl::OkStatus();
}

absl::Status SetNumbers(const RawFlags& raw, DbBenchOptions* options) {
  QUIRE_RETURN_IF_ERROR(
      CheckRange("num", options->num, 1, KeyBuffer::kNumberEnd));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("threads", options->threads, 1, kThreadsMax));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("value_size", options->value_size, 0, kMaxValueBytes));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("key_prefix", options->key_prefix, 0, kKeyPrefixMax));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("sync_interval_ms", raw.sync_interval_ms, 0, UINT32_MAX));
  options->open.sync_interval_ms = static_cast<uint32_t>(raw.sync_interval_ms);

  int64_t reads = -1;
  if (raw.reads) {
    QUIRE_RETURN_IF_ERROR(ParseNumber("reads", *raw.reads, &reads));
  }
  options->reads = reads < 0 ? options->num : static_cast<uint64_t>(reads);

  if (raw.duration) {
    QUIRE_RETURN_IF_ERROR(
        ParseNumber("duration", *raw.duration, &options->duration_s));
    // Not `<= 0`: that would let "nan" pass.
    if (!(options->duration_s > 0 && options->duration_s <= 1e9)) {
      return UsageError(absl::StrFormat(
          "--duration=%s: must be more than 0 and at most 1e9", *raw.duration));
    }
  }
  return SetSeed(raw.seed, &options->seed, &options->seed_drawn);
}

// Notes what does nothing and refuses what can't be had.
absl::Status CheckForeignFlags(const RawFlags& raw, DbBenchOptions* options) {
  for (const RefusedFlag& flag : raw.refused) {
    if (!flag.value) continue;
    return UsageError(
        absl::StrFormat("--%s=1 is refused: %s", flag.name, flag.reason));
  }
  for (const NotedFlag& flag : raw.noted) {
    if (!flag.value) continue;
    double number;
    QUIRE_RETURN_IF_ERROR(ParseNumber(flag.name, *flag.value, &number));
    options->notes.push_back(
        absl::StrFormat("--%s changes nothing: %s", flag.name, flag.note));
  }
  return absl::OkStatus();
}

absl::Status SetOpenOptions(const RawFlags& raw, DbBenchOptions* options) {
  io::ProviderOptions& provider = options->open.provider;
  if (raw.cache_size) {
    QUIRE_ASSIGN_OR_RETURN(const std::optional<uint64_t> size,
                           ParseOptionalSize("cache_size", *raw.cache_size));
    if (size) provider.cache_bytes = *size;
    if (provider.read_mode == ReadMode::kPread ||
        provider.read_mode == ReadMode::kMmap) {
      options->notes.push_back(absl::StrFormat(
          "--cache_size changes nothing: under %s the kernel caches",
          io::ReadModeName(provider.read_mode)));
    }
  }
  ApplyRequire(raw.require, &provider);
  options->open.create_if_missing = !options->use_existing_db;
  return options->open.Validate();
}

}  // namespace

absl::StatusOr<DbBenchOptions> ParseDbBenchOptions(
    std::span<const std::string> words) {
  DbBenchOptions options;
  RawFlags raw;
  tools::FlagSet flags;
  AddLevelDbFlags(flags, &options, &raw);
  AddOwnFlags(flags, &options, &raw);
  QUIRE_RETURN_IF_ERROR(ParseWithoutArguments(flags, words));
  if (options.help) return options;
  QUIRE_RETURN_IF_ERROR(SetBenchmarks(raw, &options));
  QUIRE_RETURN_IF_ERROR(SetNumbers(raw, &options));
  QUIRE_RETURN_IF_ERROR(CheckForeignFlags(raw, &options));
  QUIRE_RETURN_IF_ERROR(SetOpenOptions(raw, &options));
  if (raw.batch_size != 0) options.batch_size = raw.batch_size;
  options.db = raw.db.value_or(DefaultDirectory("dbbench"));
  options.json = raw.json.value_or("");
  return options;
}

std::string DbBenchHelp() {
  std::string help =
      "Usage: db_bench [FLAG...]\n\n"
      "Runs LevelDB's benchmarks, and some more, on a Quire database. Ends "
      "with "
      "0,\nwith 1 if the database failed, with 2 for a mistake in the "
      "flags.\n\n"
      "Flags:\n";
  DbBenchOptions options;
  RawFlags raw;
  tools::FlagSet flags;
  AddLevelDbFlags(flags, &options, &raw);
  AddOwnFlags(flags, &options, &raw);
  help += flags.Help() + "\nBenchmarks:\n";
  for (const Workload& workload : Workloads()) {
    const std::string meaning(workload.meaning);
    absl::StrAppendFormat(&help, "  %s\n%s", std::string(workload.name),
                          tools::WrapText(workload.run == nullptr
                                              ? "Not offered. " + meaning + "."
                                              : meaning + ".",
                                          6));
  }
  return help;
}

}  // namespace quire::benchmarks
