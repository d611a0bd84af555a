#include "benchmarks/growth.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "benchmarks/cold_start.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/cpu_share.h"
#include "benchmarks/dataset.h"
#include "benchmarks/disk_usage.h"
#include "benchmarks/growth_report.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/machine_sheet.h"
#include "benchmarks/random.h"
#include "benchmarks/report.h"
#include "benchmarks/stopwatch.h"
#include "benchmarks/timed_reads.h"
#include "kv/db.h"
#include "kv/stats.h"
#include "tools/flags.h"

namespace quire::benchmarks {
namespace {

constexpr uint64_t kRoundsMax = 1000;
constexpr size_t kWarmingKeys = 32;  // of one MultiGet

struct RawFlags {
  std::optional<std::string> sizes, modes;
  CommonFlags common;
  bool require = false;
};

void AddFlags(tools::FlagSet &flags, GrowthOptions *options, RawFlags *raw) {
  flags.AddText("sizes", "N,...",
                "Numbers of keys. Default: 1000000,4000000,16000000,64000000",
                &raw->sizes);
  flags.AddText("modes", "NAME,...", "Read modes. Default: direct,mmap",
                &raw->modes);
  flags.AddNumber("value_size", "BYTES", "Size of a value (32).",
                  &options->value_size);
  flags.AddNumber("batch_size", "N", "Entries of one batch of the load (100).",
                  &options->load_batch);
  flags.AddNumber("reads", "N",
                  "Gets of a round, and as many of absent keys (500000).",
                  &options->reads);
  flags.AddNumber("rounds", "N",
                  "Times that each number is measured; the table has the "
                  "medians (5).",
                  &options->rounds);
  flags.AddSize("write_buffer_size", "Size of a memtable (64M).",
                &options->open.memtable_bytes);
  AddProviderFlags(flags, &options->open.provider, &raw->require);
  AddCommonFlags(flags, "growth", &raw->common, options);
}

absl::Status SetSizes(const std::string &text, std::vector<uint64_t> *sizes) {
  sizes->clear();
  for (const std::string &word :
       std::vector<std::string>(absl::StrSplit(text, ','))) {
    QUIRE_RETURN_IF_ERROR(ParseNumber("sizes", word, &sizes->emplace_back()));
    QUIRE_RETURN_IF_ERROR(
        CheckRange("sizes", sizes->back(), 1, KeyBuffer::kNumberEnd));
  }
  return absl::OkStatus();
}

absl::Status Finish(const RawFlags &raw, GrowthOptions *options) {
  if (raw.sizes) {
    QUIRE_RETURN_IF_ERROR(SetSizes(*raw.sizes, &options->sizes));
  }
  if (raw.modes) {
    QUIRE_RETURN_IF_ERROR(ParseReadModes(*raw.modes, &options->modes));
  }
  QUIRE_RETURN_IF_ERROR(
      CheckRange("value_size", options->value_size, 0, kMaxValueBytes));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("batch_size", options->load_batch, 1, 1'000'000));
  QUIRE_RETURN_IF_ERROR(CheckRange("reads", options->reads, 1, UINT64_MAX));
  QUIRE_RETURN_IF_ERROR(CheckRange("rounds", options->rounds, 1, kRoundsMax));
  ApplyRequire(raw.require, &options->open.provider);
  QUIRE_RETURN_IF_ERROR(options->open.Validate());
  return SetCommon(raw.common, "growth", options);
}

// Memory of this process in bytes, by a label of /proc/self/status; 0 where
// there is none.
uint64_t ProcessMemory(std::string_view label) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(label)) continue;
    const size_t first = line.find_first_of("0123456789");
    if (first == std::string::npos) return 0;
    uint64_t kibibytes = 0;
    std::from_chars(line.data() + first, line.data() + line.size(), kibibytes);
    return kibibytes << 10;
  }
  return 0;
}

// A database of one size.
class Growth {
 public:
  Growth(const GrowthOptions &options, uint64_t keys)
      : options_(options), dataset_(keys, options.value_size, options.seed) {
    result_.keys = keys;
  }

  absl::Status Load();
  absl::StatusOr<GrowthResult> Measure(ReadMode mode);

 private:
  // Where an open takes its bytes from.
  enum class Files : uint8_t { kCached, kDropped };

  absl::Status MeasureOpens(const Options &open, Files files, double *open_s,
                            double *first_get_s);
  absl::Status MeasureGets(const Options &open);
  absl::Status GetFirst(DB &db, Stopwatch &watch, uint64_t number);

  const GrowthOptions &options_;
  const Dataset dataset_;
  GrowthResult result_;
};

absl::Status Growth::Load() {
  Options open = options_.open;
  open.create_if_missing = true;
  open.error_if_exists = true;
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                         DB::Open(open, options_.db));
  QUIRE_ASSIGN_OR_RETURN(result_.load_s,
                         dataset_.Load(*db, options_.load_batch));
  Stopwatch watch;
  watch.Start();
  QUIRE_RETURN_IF_ERROR(db->FlushMemtables());
  QUIRE_RETURN_IF_ERROR(db->WaitForMerges());
  watch.Stop();
  result_.load_s += watch.seconds();
  const Stats stats = db->GetStats();
  result_.runs = stats.runs;
  result_.index_bytes = stats.index_resident_bytes;
  QUIRE_RETURN_IF_ERROR(db->Close());
  result_.disk_bytes = DirectoryBytes(options_.db);
  return absl::OkStatus();
}

absl::Status Growth::GetFirst(DB &db, Stopwatch &watch, uint64_t number) {
  KeyBuffer key;
  std::string value;
  const absl::Status status = db.Get({}, key.Set(number), &value);
  watch.Stop();
  QUIRE_RETURN_IF_ERROR(status);
  return dataset_.Check(number, value);
}

absl::Status Growth::MeasureOpens(const Options &open, Files files,
                                  double *open_s, double *first_get_s) {
  Random random(dataset_.Seed(Stream::kColdReads, 0));
  std::vector<double> opens;
  std::vector<double> first_gets;
  for (uint64_t round = 0; round < options_.rounds; ++round) {
    if (files == Files::kDropped) {
      QUIRE_RETURN_IF_ERROR(DropDatabaseFromPageCache(options_.db).status());
    }
    const uint64_t number = random.Uniform(result_.keys);
    Stopwatch to_open;
    Stopwatch to_first_get;
    to_open.Start();
    to_first_get.Start();
    QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                           DB::Open(open, options_.db));
    to_open.Stop();
    QUIRE_RETURN_IF_ERROR(GetFirst(*db, to_first_get, number));
    opens.push_back(to_open.seconds());
    first_gets.push_back(to_first_get.seconds());
    QUIRE_RETURN_IF_ERROR(db->Close());
  }
  *open_s = MedianOf(std::move(opens));
  *first_get_s = MedianOf(std::move(first_gets));
  return absl::OkStatus();
}

absl::Status Growth::MeasureGets(const Options &open) {
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                         DB::Open(open, options_.db));
  result_.mode = GetEffectiveProvider(*db).mode;
  if (!WaitForIndex(*db, result_.index_bytes)) {
    return absl::DeadlineExceededError("the hash sections don't get resident");
  }
  // Every key once, in the order in which they lie in the log.
  const Permutation load_order(result_.keys,
                               dataset_.Seed(Stream::kLoadOrder, 0));
  uint64_t position = 0;
  QUIRE_RETURN_IF_ERROR(
      TimeMultiGets(*db, dataset_, result_.keys, kWarmingKeys, [&] {
        return load_order(position++ % result_.keys);
      }).status());
  result_.cpu_share = 1;
  std::vector<double> found;
  std::vector<double> absent;
  for (uint64_t round = 0; round < options_.rounds; ++round) {
    const CpuShare cpu_share;
    Random random(dataset_.Seed(Stream::kHotReads, round));
    const auto any = [&] { return random.Uniform(result_.keys); };
    QUIRE_ASSIGN_OR_RETURN(double time,
                           TimeGets(*db, dataset_, options_.reads, any));
    found.push_back(time);
    QUIRE_ASSIGN_OR_RETURN(time, TimeAbsentGets(*db, options_.reads, any));
    absent.push_back(time);
    result_.cpu_share = std::min(result_.cpu_share, cpu_share.Get());
  }
  result_.get_s = MedianOf(std::move(found));
  result_.absent_get_s = MedianOf(std::move(absent));
  result_.memory_bytes = ProcessMemory("RssAnon:");
  result_.mapped_bytes = ProcessMemory("RssFile:");
  return db->Close();
}

absl::StatusOr<GrowthResult> Growth::Measure(ReadMode mode) {
  Options open = options_.open;
  open.provider.read_mode = mode;
  // All of it, with room for what is read along with it.
  open.provider.cache_bytes =
      result_.disk_bytes + result_.disk_bytes / 4 + (uint64_t{16} << 20);
  QUIRE_RETURN_IF_ERROR(MeasureOpens(
      open, Files::kDropped, &result_.open_cold_s, &result_.first_get_cold_s));
  QUIRE_RETURN_IF_ERROR(MeasureGets(open));
  QUIRE_RETURN_IF_ERROR(MeasureOpens(open, Files::kCached, &result_.open_hot_s,
                                     &result_.first_get_hot_s));
  return result_;
}

void Say(const std::string &text) {
  std::fprintf(stderr, "growth: %s\n", text.c_str());
}

// Everything of one size.
absl::Status MeasureSize(const GrowthOptions &options, uint64_t keys,
                         std::vector<GrowthResult> *results) {
  Growth growth(options, keys);
  Say(absl::StrFormat("%d keys: loading", keys));
  QUIRE_RETURN_IF_ERROR(growth.Load());
  for (const ReadMode mode : options.modes) {
    Say(absl::StrFormat("%d keys: %s", keys, io::ReadModeName(mode)));
    QUIRE_ASSIGN_OR_RETURN(results->emplace_back(), growth.Measure(mode));
  }
  Say("\n" + GrowthTable(*results));
  return DB::Destroy(options.open, options.db);
}

}  // namespace

absl::StatusOr<GrowthOptions> ParseGrowthOptions(
    std::span<const std::string> words) {
  return ParseProgramFlags<GrowthOptions, RawFlags>(words, AddFlags, Finish);
}

std::string GrowthHelp() {
  return "Usage: growth [FLAG...]\n\n"
         "Loads databases of growing sizes and prints what opening and reading "
         "each costs,\nand what memory and disk space it takes. Ends with 0, "
         "with 1 if the database\nfailed or gave a wrong value, with 2 for a "
         "mistake in the flags.\n\n" +
         ProgramFlagsHelp<GrowthOptions, RawFlags>(AddFlags);
}

absl::Status RunGrowth(const GrowthOptions &options) {
  std::vector<SheetLine> sheet = MachineSheet(options.db);
  sheet.emplace_back("Seed", SeedToText(options.seed, options.seed_drawn));
  std::error_code ignored;  // an error shows when the database is made
  std::filesystem::create_directories(
      std::filesystem::path(options.db).parent_path(), ignored);
  std::vector<GrowthResult> results;
  for (const uint64_t keys : options.sizes) {
    QUIRE_RETURN_IF_ERROR(MeasureSize(options, keys, &results));
  }
  std::printf("%s\n%s\n", SheetToText(sheet).c_str(),
              GrowthTable(results).c_str());
  for (const std::string &warning : BuildWarnings()) {
    std::printf("%s\n", warning.c_str());
  }
  if (options.json.empty()) return absl::OkStatus();
  return WriteJsonFile({{"machine", SheetToJson(sheet)},
                        {"warnings", BuildWarnings()},
                        {"results", GrowthToJson(results)}},
                       options.json);
}

}  // namespace quire::benchmarks
