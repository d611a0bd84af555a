// cold_reads: what share of the device reads from the device get, mode by mode,
// beside fio on a file of the same size. `cold_reads --help` has the flags,
// docs/benchmarks.md what the numbers mean.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/cold_start.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/dataset.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/program.h"
#include "benchmarks/random.h"
#include "kv/db.h"
#include "kv/read_session.h"
#include "nlohmann/json.hpp"
#include "tools/flags.h"

namespace quire::benchmarks {
namespace {

struct Settings {
  bool help = false;
  std::string directory;
  std::vector<io::ReadMode> modes;
  uint64_t num = 1'000'000;
  uint64_t value_bytes = 600;
  uint64_t cache_bytes = 150 << 20;
  uint64_t reads = 10'000;
  uint64_t rounds = 3;
  uint64_t seed = 0;
};

struct FlagTargets {
  Settings settings;
  std::optional<std::string> directory, modes, seed;
};

tools::FlagSet MakeFlags(FlagTargets& targets) {
  Settings& s = targets.settings;
  tools::FlagSet flags;
  AddDatabaseFlag(flags, "cold_reads", &targets.directory);
  flags.AddText("modes", "LIST", "Read modes (pread,buffered,mmap,direct).",
                &targets.modes);
  flags.AddNumber("num", "N", "Keys (1000000).", &s.num);
  flags.AddNumber("value_size", "BYTES", "Bytes of a value (600).",
                  &s.value_bytes);
  flags.AddSize("cache_size", "Memory for pages: buffered, direct (150M).",
                &s.cache_bytes);
  flags.AddNumber("reads", "N", "Keys read in each measurement (10000).",
                  &s.reads);
  flags.AddNumber("rounds", "N", "Rounds (3); medians are shown.", &s.rounds);
  AddSeedFlag(flags, &targets.seed);
  flags.AddSwitch("help", "Print this.", &s.help);
  return flags;
}

absl::StatusOr<Settings> ParseSettings(std::span<const std::string> words) {
  FlagTargets targets;
  QUIRE_RETURN_IF_ERROR(ParseWithoutArguments(MakeFlags(targets), words));
  Settings& s = targets.settings;
  bool drawn = false;
  QUIRE_RETURN_IF_ERROR(SetSeed(targets.seed, &s.seed, &drawn));
  QUIRE_RETURN_IF_ERROR(ParseReadModes(
      targets.modes.value_or("pread,buffered,mmap,direct"), &s.modes));
  QUIRE_RETURN_IF_ERROR(CheckRange("num", s.num, 1, UINT32_MAX));
  QUIRE_RETURN_IF_ERROR(CheckRange("value_size", s.value_bytes, 8, 1 << 20));
  QUIRE_RETURN_IF_ERROR(CheckRange("reads", s.reads, 64, UINT32_MAX));
  QUIRE_RETURN_IF_ERROR(CheckRange("rounds", s.rounds, 1, 1000));
  s.directory = targets.directory.value_or(DefaultDirectory("cold_reads"));
  return s;
}

std::string Help() {
  FlagTargets targets;
  return absl::StrCat("Usage: cold_reads [flags]\n\n",
                      MakeFlags(targets).Help());
}

// What reading cost, for each key (of fio: for each read).
struct Cost {
  double seconds = 0;
  double cpu_s = 0;
  double device_reads = 0;
  double device_bytes = 0;
};

double ProcessorSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Bytes that the kernel has read from devices for this process.
double DeviceBytes() {
  std::ifstream io("/proc/self/io");
  std::string label;
  double number = 0;
  while (io >> label >> number) {
    if (label == "read_bytes:") return number;
  }
  return 0;
}

// Random reads of 4 KiB of `file` by fio, `depth` at a time.
absl::StatusOr<Cost> RunFio(const std::string& file, int depth) {
  const std::string command = absl::StrFormat(
      "fio --name=r --filename='%s' --rw=randread --bs=4k --direct=1 "
      "--ioengine=io_uring --iodepth=%d --runtime=1 --time_based "
      "--norandommap=1 --output-format=json",
      file, depth);
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return absl::UnavailableError("fio can't be started");
  std::string text;
  std::array<char, 4096> piece;
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), pipe)) {
    text.append(piece.data(), got);
  }
  if (pclose(pipe) != 0) {
    return absl::UnavailableError("fio failed; is it installed?");
  }
  const auto told = nlohmann::json::parse(text, nullptr, false);
  if (told.is_discarded()) return absl::UnavailableError("fio told no JSON");
  const nlohmann::json& job = told["jobs"][0];
  const double seconds = job["read"]["runtime"].get<double>() / 1000;
  const double reads = job["read"]["total_ios"].get<double>();
  const double cpu_percent =
      job["usr_cpu"].get<double>() + job["sys_cpu"].get<double>();
  return Cost{.seconds = seconds / reads,
              .cpu_s = cpu_percent / 100 * seconds / reads,
              .device_reads = 1,
              .device_bytes = 4096};
}

class Reader {
 public:
  Reader(const Settings& settings, const Dataset& dataset, DB& db)
      : settings_(settings),
        dataset_(dataset),
        db_(db),
        random_(settings.seed) {}

  absl::StatusOr<Cost> Gets() {
    return Measured([&]() -> absl::Status {
      std::string value;
      KeyBuffer key;
      for (uint64_t i = 0; i < settings_.reads; ++i) {
        const uint64_t number = random_.Uniform(settings_.num);
        QUIRE_RETURN_IF_ERROR(db_.Get({}, key.Set(number), &value));
        QUIRE_RETURN_IF_ERROR(dataset_.Check(number, value));
      }
      return absl::OkStatus();
    });
  }

  absl::StatusOr<Cost> MultiGets(size_t depth) {
    return Measured([&]() -> absl::Status {
      std::vector<PinnedValue> values(depth);
      std::vector<absl::Status> statuses(depth);
      for (uint64_t i = 0; i < settings_.reads; i += depth) {
        DrawKeys(depth);
        db_.MultiGet({}, keys_, values, statuses);
        for (size_t k = 0; k < depth; ++k) {
          QUIRE_RETURN_IF_ERROR(statuses[k]);
          QUIRE_RETURN_IF_ERROR(dataset_.Check(numbers_[k], values[k].value()));
        }
      }
      return absl::OkStatus();
    });
  }

  // Keeps `depth` keys outstanding, refilled a quarter at a time.
  absl::StatusOr<Cost> Session(size_t depth) {
    QUIRE_ASSIGN_OR_RETURN(
        const std::unique_ptr<ReadSession> session,
        ReadSession::Open(db_,
                          {.read = {}, .depth = static_cast<uint32_t>(depth)}));
    return Measured([&]() -> absl::Status {
      std::vector<ReadSession::Completion> done(depth);
      size_t want = depth;
      for (uint64_t left = settings_.reads; left > 0;) {
        DrawKeys(want);
        session->Submit(keys_, numbers_);
        want = session->Poll(std::min<uint64_t>(depth / 4, left), done);
        for (const auto& completion : std::span(done).first(want)) {
          QUIRE_RETURN_IF_ERROR(completion.status);
          QUIRE_RETURN_IF_ERROR(
              dataset_.Check(completion.tag, completion.value.value()));
        }
        left -= std::min<uint64_t>(want, left);
      }
      return absl::OkStatus();
    });
  }

 private:
  // Keys at random, with their numbers as tags.
  void DrawKeys(size_t count) {
    texts_.resize(count);
    keys_.resize(count);
    numbers_.resize(count);
    KeyBuffer key;
    for (size_t k = 0; k < count; ++k) {
      numbers_[k] = random_.Uniform(settings_.num);
      texts_[k] = key.Set(numbers_[k]);
      keys_[k] = texts_[k];
    }
  }

  absl::StatusOr<Cost> Measured(absl::FunctionRef<absl::Status()> read) {
    using Clock = std::chrono::steady_clock;
    const uint64_t reads_before = db_.GetStats().provider.device_reads;
    const double bytes_before = DeviceBytes();
    const double cpu_before = ProcessorSeconds();
    const Clock::time_point start = Clock::now();
    QUIRE_RETURN_IF_ERROR(read());
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    const auto count = static_cast<double>(settings_.reads);
    return Cost{.seconds = elapsed.count() / count,
                .cpu_s = (ProcessorSeconds() - cpu_before) / count,
                .device_reads =
                    static_cast<double>(db_.GetStats().provider.device_reads -
                                        reads_before) /
                    count,
                .device_bytes = (DeviceBytes() - bytes_before) / count};
  }

  const Settings& settings_;
  const Dataset& dataset_;
  DB& db_;
  Random random_;
  std::vector<std::string> texts_;
  std::vector<std::string_view> keys_;
  std::vector<uint64_t> numbers_;
};

double Median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

// A way of reading, and what it and fio at its depth cost in each round.
struct Line {
  const char* name;
  int depth;
  absl::StatusOr<Cost> (*read)(Reader&);
  std::vector<Cost> costs = {};
  std::vector<Cost> fio_costs = {};
};

void Print(const Line& line) {
  const auto median = [&](auto number) {
    std::vector<double> numbers;
    for (size_t i = 0; i < line.costs.size(); ++i) {
      numbers.push_back(number(line.costs[i], line.fio_costs[i]));
    }
    return Median(std::move(numbers));
  };
  using C = const Cost&;
  std::printf("  %-14s %8.0f %8.0f %7.2f %9.2f %9.1f %8.2f %8.2f %7.2f\n",
              line.name, median([](C cost, C) { return 1 / cost.seconds; }),
              median([](C, C fio) { return 1 / fio.seconds; }),
              median([](C cost, C fio) { return fio.seconds / cost.seconds; }),
              median([](C cost, C) { return cost.device_reads; }),
              median([](C cost, C) { return cost.device_bytes / 1024; }),
              median([](C cost, C) { return cost.cpu_s * 1e6; }),
              median([](C, C fio) { return fio.cpu_s * 1e6; }),
              median([](C cost, C fio) { return cost.cpu_s / fio.cpu_s; }));
}

absl::Status RunMode(const Settings& settings, const Dataset& dataset,
                     io::ReadMode mode, const std::string& fio_file) {
  Options options;
  options.provider.read_mode = mode;
  options.provider.cache_bytes = settings.cache_bytes;
  std::vector<Line> lines = {
      {"Get", 1, [](Reader& reader) { return reader.Gets(); }},
      {"MultiGet(32)", 32, [](Reader& reader) { return reader.MultiGets(32); }},
      {"session(32)", 32, [](Reader& reader) { return reader.Session(32); }},
      {"MultiGet(64)", 64, [](Reader& reader) { return reader.MultiGets(64); }},
      {"session(64)", 64, [](Reader& reader) { return reader.Session(64); }}};
  std::string what;
  for (uint64_t round = 0; round < settings.rounds; ++round) {
    for (Line& line : lines) {
      QUIRE_ASSIGN_OR_RETURN(const Cost fio, RunFio(fio_file, line.depth));
      QUIRE_RETURN_IF_ERROR(
          DropDatabaseFromPageCache(settings.directory).status());
      QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                             DB::Open(options, settings.directory));
      WaitForIndex(*db, db->GetStats().hash_section_bytes);
      const EffectiveProvider effective = GetEffectiveProvider(*db);
      what = absl::StrCat(effective.mode, ", ", effective.engine);
      Settings one_round = settings;
      one_round.seed = dataset.Seed(Stream::kColdReads, round);
      Reader reader(one_round, dataset, *db);
      QUIRE_ASSIGN_OR_RETURN(const Cost cost, line.read(reader));
      line.costs.push_back(cost);
      line.fio_costs.push_back(fio);
      QUIRE_RETURN_IF_ERROR(db->Close());
    }
  }
  std::printf("%s\n  %-14s %8s %8s %7s %9s %9s %8s %8s %7s\n", what.c_str(), "",
              "keys/s", "fio/s", "share", "reads/key", "KiB/key", "CPU us",
              "fio us", "ratio");
  for (const Line& line : lines) Print(line);
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status Run(const Settings& settings) {
  const Dataset dataset(settings.num, settings.value_bytes, settings.seed);
  QUIRE_RETURN_IF_ERROR(DB::Destroy({}, settings.directory));
  std::filesystem::create_directories(settings.directory);
  Options options;
  options.create_if_missing = true;
  uint64_t bytes = 0;
  {
    QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                           DB::Open(options, settings.directory));
    QUIRE_RETURN_IF_ERROR(dataset.Load(*db, 100).status());
    QUIRE_RETURN_IF_ERROR(db->FlushMemtables());
    QUIRE_RETURN_IF_ERROR(db->WaitForMerges());
    bytes = db->GetStats().segment_bytes;
    QUIRE_RETURN_IF_ERROR(db->Close());
  }
  const std::string fio_file = settings.directory + ".fio";
  {
    std::ofstream file(fio_file, std::ios::binary);
    const std::string mebibyte(1 << 20, 'f');
    for (uint64_t at = 0; at < bytes; at += mebibyte.size()) file << mebibyte;
    if (!file.flush()) return absl::UnavailableError("can't write " + fio_file);
  }
  std::fputs(
      absl::StrFormat("%d keys, values of %d bytes: %d MiB; cache %d MiB; "
                      "seed %d\n",
                      settings.num, settings.value_bytes, bytes >> 20,
                      settings.cache_bytes >> 20, settings.seed)
          .c_str(),
      stdout);
  absl::Status status;
  for (const io::ReadMode mode : settings.modes) {
    status.Update(RunMode(settings, dataset, mode, fio_file));
  }
  std::filesystem::remove(fio_file);
  status.Update(DB::Destroy({}, settings.directory));
  return status;
}

}  // namespace
}  // namespace quire::benchmarks

int main(int argc, char** argv) {
  return quire::benchmarks::RunProgram(
      "cold_reads", argc, argv, quire::benchmarks::ParseSettings,
      quire::benchmarks::Help, quire::benchmarks::Run);
}
