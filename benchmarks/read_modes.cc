#include "benchmarks/read_modes.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/cold_start.h"
#include "benchmarks/cpu_share.h"
#include "benchmarks/disk_usage.h"
#include "benchmarks/machine_sheet.h"
#include "benchmarks/random.h"
#include "benchmarks/report.h"
#include "benchmarks/stopwatch.h"
#include "benchmarks/timed_reads.h"
#include "kv/stats.h"

namespace quire::benchmarks {
namespace {

constexpr double kBytesPerMebibyte = 1 << 20;

// Less of the processor than this during hot reads is worth a warning.
constexpr double kCpuShareWanted = 0.95;

// Bytes that the process had read from devices so far; 0 where the kernel
// doesn't count them.
uint64_t DeviceBytesRead() {
  std::ifstream file("/proc/self/io");
  std::string label;
  for (uint64_t number = 0; file >> label >> number;) {
    if (label == "read_bytes:") return number;
  }
  return 0;
}

// Keys of the whole database, each once, in an order that follows from `seed`.
class EachNumberOnce {
 public:
  EachNumberOnce(uint64_t num, uint64_t seed) : num_(num), order_(num, seed) {}

  // After the last the first comes again.
  uint64_t Next() { return order_(position_++ % num_); }

 private:
  const uint64_t num_;
  const Permutation order_;
  uint64_t position_ = 0;
};

}  // namespace

ReadModes::ReadModes(ReadModesOptions options)
    : options_(std::move(options)),
      dataset_(options_.num, options_.value_size, options_.seed) {
  report_.entries = options_.num;
  report_.multiget_keys = options_.multiget_keys;
  for (const ReadMode mode : options_.modes) {
    report_.modes.push_back({.mode = mode, .effective = {}, .samples = {}});
  }
}

void ReadModes::Say(const std::string& text) const {
  std::fprintf(stderr, "read_modes: %s\n", text.c_str());
}

absl::Status ReadModes::Load() {
  std::error_code ignored;  // an error shows when the database is opened
  std::filesystem::create_directories(
      std::filesystem::path(options_.db).parent_path(), ignored);
  Options open = options_.open;
  open.provider.cache_bytes = Options().provider.cache_bytes;
  // What an earlier run left in the place where nobody else puts anything.
  if (!options_.db_given) {
    QUIRE_RETURN_IF_ERROR(DB::Destroy(open, options_.db));
  }
  open.create_if_missing = true;
  open.error_if_exists = true;
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                         DB::Open(open, options_.db));
  QUIRE_ASSIGN_OR_RETURN(report_.load_s,
                         dataset_.Load(*db, options_.load_batch));
  Stopwatch watch;
  watch.Start();
  QUIRE_RETURN_IF_ERROR(db->FlushMemtables());
  // What is measured is the same in all modes and rounds: no merge comes later.
  QUIRE_RETURN_IF_ERROR(db->WaitForMerges());
  options_.open.automatic_merges = false;
  const Stats stats = db->GetStats();
  index_bytes_ = stats.hash_section_bytes;
  QUIRE_RETURN_IF_ERROR(db->Close());
  watch.Stop();
  report_.close_s = watch.seconds();

  report_.disk_bytes = DirectoryBytes(options_.db);
  report_.sheet.emplace_back(
      "Data",
      absl::StrFormat("%d keys of %d bytes, values of %d bytes; %.1f "
                      "MiB on disk, %d runs",
                      options_.num, KeyBuffer::kDigits, options_.value_size,
                      report_.disk_bytes / kBytesPerMebibyte, stats.runs));
  if (options_.open.provider.cache_bytes == 0) {
    // All of it, with room for what is read along with it.
    options_.open.provider.cache_bytes =
        report_.disk_bytes + report_.disk_bytes / 4 + (uint64_t{16} << 20);
  }
  report_.sheet.emplace_back(
      "Cache",
      absl::StrFormat("%.1f MiB under buffered and direct",
                      options_.open.provider.cache_bytes / kBytesPerMebibyte));
  Say(absl::StrFormat("loaded in %.2f s, closed in %.2f s", report_.load_s,
                      report_.close_s));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DB>> ReadModes::Open(Measure measure,
                                                    ModeResult& result) {
  Options open = options_.open;
  open.provider.read_mode = result.mode;
  Stopwatch watch;
  watch.Start();
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<DB> db, DB::Open(open, options_.db));
  watch.Stop();
  result.samples.Add(measure, watch.seconds());
  result.effective = GetEffectiveProvider(*db);
  return db;
}

absl::Status ReadModes::MeasureHot(uint64_t round, ModeResult& result) {
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                         Open(Measure::kOpenHot, result));
  // The same keys in each mode.
  const uint64_t seed = dataset_.Seed(Stream::kHotReads, round);
  Random random(seed);
  const auto any = [&] { return random.Uniform(options_.num); };
  Samples& samples = result.samples;

  // Every key once, which brings everything into the caches.
  EachNumberOnce numbers(options_.num, seed);
  const auto each = [&numbers] { return numbers.Next(); };
  QUIRE_RETURN_IF_ERROR(
      TimeMultiGets(*db, dataset_, options_.num, options_.multiget_keys, each)
          .status());
  const CpuShare cpu_share;
  if (round == 0) {
    QUIRE_RETURN_IF_ERROR(CheckScan(*db, dataset_, ScanDirection::kForward));
    QUIRE_RETURN_IF_ERROR(CheckScan(*db, dataset_, ScanDirection::kReverse));
  }
  QUIRE_ASSIGN_OR_RETURN(double time,
                         TimeGets(*db, dataset_, options_.reads, any));
  samples.Add(Measure::kGetHot, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeAbsentGets(*db, options_.reads, any));
  samples.Add(Measure::kGetAbsent, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeMultiGets(*db, dataset_, options_.reads,
                                             options_.multiget_keys, any));
  samples.Add(Measure::kMultiGetHot, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeScan(*db, dataset_, ScanDirection::kForward,
                                        ScanContent::kKeysAndValues));
  samples.Add(Measure::kScanForward, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeScan(*db, dataset_, ScanDirection::kReverse,
                                        ScanContent::kKeysAndValues));
  samples.Add(Measure::kScanReverse, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeScan(*db, dataset_, ScanDirection::kForward,
                                        ScanContent::kKeysOnly));
  samples.Add(Measure::kScanKeys, time);
  report_.cpu_share = std::min(report_.cpu_share, cpu_share.Get());
  return db->Close();
}

absl::Status ReadModes::DropCaches() {
  QUIRE_ASSIGN_OR_RETURN(const uint64_t resident,
                         DropDatabaseFromPageCache(options_.db));
  report_.resident_after_drop = std::max(
      report_.resident_after_drop,
      static_cast<double>(resident) / static_cast<double>(report_.disk_bytes));
  return absl::OkStatus();
}

absl::Status ReadModes::MeasureColdGets(DB& db, uint64_t seed,
                                        ModeResult& result) {
  EachNumberOnce numbers(options_.num, seed);
  const auto each = [&numbers] { return numbers.Next(); };
  const uint64_t before = DeviceBytesRead();
  QUIRE_ASSIGN_OR_RETURN(const double time,
                         TimeGets(db, dataset_, options_.cold_reads, each));
  result.samples.Add(Measure::kGetCold, time);
  result.samples.Add(Measure::kGetColdBytes,
                     static_cast<double>(DeviceBytesRead() - before) /
                         static_cast<double>(options_.cold_reads));
  return absl::OkStatus();
}

absl::Status ReadModes::MeasureCold(uint64_t round, ModeResult& result) {
  const uint64_t seed = dataset_.Seed(Stream::kColdReads, round);
  for (const Measure measure : {Measure::kGetCold, Measure::kMultiGetCold}) {
    QUIRE_RETURN_IF_ERROR(DropCaches());
    QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                           Open(Measure::kOpenCold, result));
    if (!WaitForIndex(*db, index_bytes_)) {
      Say("the hash sections are not in memory; cold reads include theirs");
    }
    if (measure == Measure::kGetCold) {
      QUIRE_RETURN_IF_ERROR(MeasureColdGets(*db, seed, result));
    } else {
      EachNumberOnce numbers(options_.num, seed);
      const auto each = [&numbers] { return numbers.Next(); };
      QUIRE_ASSIGN_OR_RETURN(const double time,
                             TimeMultiGets(*db, dataset_, options_.cold_reads,
                                           options_.multiget_keys, each));
      result.samples.Add(measure, time);
    }
    QUIRE_RETURN_IF_ERROR(db->Close());
  }
  return absl::OkStatus();
}

void ReadModes::PrintReport() const {
  std::printf("%s\n%s\n", SheetToText(report_.sheet).c_str(),
              ModeReportToTable(report_).c_str());
  std::printf(
      "Medians of %d rounds; behind each how many times faster than pread.\n"
      "hot: every value is in memory; cold: the files were dropped from the "
      "page cache\n(%.1f %% stayed), the caches of the database are new, only "
      "its hash sections are\nback in memory. Every value that was read was "
      "checked.\n",
      static_cast<int>(options_.rounds), report_.resident_after_drop * 100);
  for (const std::string& warning : BuildWarnings()) {
    std::printf("%s\n", warning.c_str());
  }
  if (report_.cpu_share < kCpuShareWanted) {
    std::printf(
        "WARNING: in one round of hot reads other programs had %.0f %% of the "
        "processor:\nthe numbers are too large, and ratios may be wrong\n",
        (1 - report_.cpu_share) * 100);
  }
}

absl::Status ReadModes::Run() {
  report_.sheet = MachineSheet(options_.db);
  report_.sheet.emplace_back("Seed",
                             SeedToText(options_.seed, options_.seed_drawn));
  QUIRE_RETURN_IF_ERROR(Load());
  if (report_.disk_bytes + options_.open.provider.cache_bytes >
      AvailableMemoryBytes()) {
    Say("WARNING: memory for the data twice is not available: hot reads may "
        "not be hot");
  }
  const auto run_rounds = [this](const char* what,
                                 absl::Status (ReadModes::*measure)(
                                     uint64_t, ModeResult&)) {
    for (uint64_t round = 0; round < options_.rounds; ++round) {
      for (size_t i = 0; i < report_.modes.size(); ++i) {
        // No mode is always the first.
        ModeResult& result = report_.modes[(i + round) % report_.modes.size()];
        Say(absl::StrFormat("%s, round %d of %d, %s", what, round + 1,
                            options_.rounds, io::ReadModeName(result.mode)));
        QUIRE_RETURN_IF_ERROR((this->*measure)(round, result));
      }
    }
    return absl::OkStatus();
  };
  QUIRE_RETURN_IF_ERROR(run_rounds("hot", &ReadModes::MeasureHot));
  QUIRE_RETURN_IF_ERROR(run_rounds("cold", &ReadModes::MeasureCold));

  PrintReport();
  if (!options_.json.empty()) {
    QUIRE_RETURN_IF_ERROR(
        WriteJsonFile(ModeReportToJson(report_), options_.json));
  }
  if (options_.keep) return absl::OkStatus();
  return DB::Destroy(options_.open, options_.db);
}

}  // namespace quire::benchmarks
