#include "benchmarks/compare/cold_scene.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/compare/cold_reader.h"
#include "benchmarks/compare/fio.h"
#include "io/page_cache_control.h"

namespace quire::benchmarks {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDataToMemory = 4;
// No engine can do with less, whatever the data's size.
constexpr uint64_t kLeastMemoryBytes = uint64_t{48} << 20;
constexpr char kDeviceName[] = "device (fio)";
constexpr double kMicroseconds = 1e6;
constexpr double kWarmShare = 8;  // of the time of one loop

using Way = ColdReads::Way;

// A way of reading, and the depth of the device that it is measured by; 0:
// none.
struct Workload {
  const char* id;
  const char* title;
  Way way;
  size_t depth;
  bool zipf;
  size_t device_depth;
};

constexpr std::array kUniform = {
    Workload{"get", "Get", Way::kGet, 1, false, 1},
    Workload{"multiget32", "MultiGet(32)", Way::kMultiGet, 32, false, 32},
    Workload{"multiget64", "MultiGet(64)", Way::kMultiGet, 64, false, 64},
    Workload{"async32", "32 Gets under way", Way::kAsync, 32, false, 32},
    Workload{"async64", "64 Gets under way", Way::kAsync, 64, false, 64},
};
constexpr size_t kDepths[] = {1, 32, 64};  // of kUniform's devices
constexpr Workload kZipf = {"zipf", "Get, zipf 0.99", Way::kGet, 1, true, 0};

// A contender that reads. Without a reader it has failed.
struct Runner {
  const Contender* contender;
  std::string folder;
  std::unique_ptr<ColdReader> reader;
};

class ColdScene {
 public:
  ColdScene(const Scene& scene, const CompareOptions& options, Stores& stores,
            Results* results)
      : scene_(scene),
        options_(options),
        stores_(stores),
        results_(results),
        seconds_(2 * options.read_seconds),
        memory_bytes_(std::max(stores.keys().data_bytes() / kDataToMemory,
                               kLeastMemoryBytes)) {}

  absl::Status Run(std::span<const Contender> contenders) {
    QUIRE_RETURN_IF_ERROR(LoadAll(contenders));
    PrepareDevice();
    QUIRE_RETURN_IF_ERROR(DropFromPageCache());
    StartAll();
    MeasureUniform();
    MeasureScans();
    MeasureZipf();
    RemoveCopies();
    return absl::OkStatus();
  }

 private:
  using Measure = absl::FunctionRef<absl::Status(Runner&, uint64_t round)>;

  absl::Status LoadAll(std::span<const Contender> contenders);
  void PrepareDevice();
  absl::Status DropFromPageCache() const;
  void RemoveCopies();
  void StartAll();
  void Warm(const char* what, Way way, bool zipf);
  void EachRound(const char* what, Measure measure,
                 absl::FunctionRef<void()> limit);
  void MeasureUniform();
  void MeasureScans();
  void MeasureZipf();
  absl::Status MeasureBesideScan(Runner& runner, uint64_t round);
  absl::Status MeasureReads(const Workload& workload, Runner& runner,
                            uint64_t round);
  void MeasureDevice(size_t depth);

  RowInfo RowOf(const std::string& id, const std::string& title,
                int decimals) const {
    return {.id = absl::StrCat(scene_.id, "/", id),
            .title = title,
            .decimals = decimals,
            .peers_of = {}};
  }
  RowInfo TimeRow(const Workload& workload) const {
    RowInfo row =
        RowOf(workload.id, absl::StrCat(workload.title, ", us/key"), 1);
    // The peers' best way of reading as many.
    if (workload.way == Way::kAsync) {
      row.peers_of = absl::StrCat(scene_.id, "/multiget", workload.depth);
    }
    return row;
  }
  RowInfo MissRow(const Workload& workload) const {
    return RowOf(absl::StrCat(workload.id, "-miss"),
                 absl::StrCat(workload.title, ", us per record not cached"), 1);
  }
  RowInfo CpuRow(const Workload& workload) const {
    return RowOf(absl::StrCat(workload.id, "-cpu"),
                 absl::StrCat(workload.title, ", CPU us per record not cached"),
                 1);
  }
  RowInfo ScanRow() const {
    RowInfo row = RowOf("scan-rate", "scan forward, MB/s from the device", 0);
    row.more_is_better = true;
    return row;
  }

  void Add(const Runner& runner, const RowInfo& row, double sample) {
    results_->Add(row, runner.contender->name,
                  runner.contender->is_peer ? Side::kPeer : Side::kQuire,
                  sample);
  }

  const Scene& scene_;
  const CompareOptions& options_;
  Stores& stores_;
  Results* const results_;
  const double seconds_;  // of one loop
  const uint64_t memory_bytes_;
  std::optional<FioFile> device_;
  std::vector<Runner> runners_;
};

// Each contender reads files of its own: a page that one of them has brought
// into the page cache, at the expense of its memory, would be there for all.
absl::Status ColdScene::LoadAll(std::span<const Contender> contenders) {
  for (const Contender& contender : contenders) {
    QUIRE_RETURN_IF_ERROR(
        stores_.Load(contender.folder, contender.create, Stores::Then::kSettle)
            .status());
    std::string folder = contender.folder;
    for (const Runner& other : runners_) {
      if (other.folder != contender.folder) continue;
      folder = absl::StrCat("cold-", contender.name);
      Say(absl::StrCat(scene_.id, ", a copy for ", contender.name));
      QUIRE_RETURN_IF_ERROR(stores_.Copy(contender.folder, folder));
      break;
    }
    runners_.push_back({&contender, std::move(folder), nullptr});
  }
  return absl::OkStatus();
}

void ColdScene::PrepareDevice() {
  Say(absl::StrCat(scene_.id, ", a file for fio"));
  absl::StatusOr<FioFile> file =
      FioFile::Create(stores_.DirectoryOf("."), stores_.keys().data_bytes());
  if (file.ok()) {
    device_ = *std::move(file);
  } else {
    results_->Note(absl::StrCat(
        scene_.id, ": without the device's limit: ", file.status().message()));
  }
}

// What a process reads from the page cache counts where it was read first.
absl::Status ColdScene::DropFromPageCache() const {
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(stores_.DirectoryOf("."))) {
    if (!entry.is_regular_file()) continue;
    QUIRE_RETURN_IF_ERROR(io::DropFromPageCache(entry.path()));
  }
  return absl::OkStatus();
}

// What comes next needs the space.
void ColdScene::RemoveCopies() {
  for (Runner& runner : runners_) {
    runner.reader = nullptr;
    if (runner.folder != runner.contender->folder) {
      stores_.Remove(runner.folder);
    }
  }
}

void ColdScene::StartAll() {
  for (Runner& runner : runners_) {
    absl::StatusOr<std::unique_ptr<ColdReader>> reader =
        ColdReader::Start(*runner.contender, stores_.DirectoryOf(runner.folder),
                          stores_.keys(), memory_bytes_);
    if (reader.ok()) {
      runner.reader = *std::move(reader);
      continue;
    }
    results_->Note(absl::StrCat(scene_.id, ": ", runner.contender->name,
                                " left out: ", reader.status().message()));
  }
}

void ColdScene::EachRound(const char* what, Measure measure,
                          absl::FunctionRef<void()> limit) {
  for (uint64_t round = 0; round < options_.rounds; ++round) {
    Say(absl::StrCat(scene_.id, ", ", what, ", round ", round + 1, " of ",
                     options_.rounds));
    limit();
    for (size_t i = 0; i < runners_.size(); ++i) {
      Runner& runner = runners_[(i + round) % runners_.size()];
      if (runner.reader == nullptr) continue;
      const absl::Status status = measure(runner, round);
      if (status.ok()) continue;
      results_->Note(absl::StrCat(scene_.id, ": ", runner.contender->name,
                                  " gave up: ", status.message()));
      runner.reader = nullptr;
    }
  }
}

// Reads until the caches are as full as they get.
void ColdScene::Warm(const char* what, Way way, bool zipf) {
  Say(absl::StrCat(scene_.id, ", ", what, ", warming up"));
  for (Runner& runner : runners_) {
    if (runner.reader == nullptr) continue;
    const ColdReads reads = {.way = way,
                             .depth = 64,
                             .zipf = zipf,
                             .seconds = kWarmShare * seconds_,
                             .round = UINT64_MAX};
    // A failure shows when it is measured.
    static_cast<void>(runner.reader->Read(reads).status().ok());
  }
}

void ColdScene::MeasureUniform() {
  Warm("uniform", Way::kMultiGet, false);
  EachRound(
      "uniform",
      [&](Runner& runner, uint64_t round) -> absl::Status {
        for (const Workload& workload : kUniform) {
          // No peer has such reads.
          if (workload.way == Way::kAsync && runner.contender->is_peer)
            continue;
          QUIRE_RETURN_IF_ERROR(MeasureReads(workload, runner, round));
        }
        return absl::OkStatus();
      },
      [&] {
        for (const size_t depth : kDepths) MeasureDevice(depth);
      });
}

absl::Status ColdScene::MeasureReads(const Workload& workload, Runner& runner,
                                     uint64_t round) {
  QUIRE_ASSIGN_OR_RETURN(const ColdTime time,
                         runner.reader->Read({.way = workload.way,
                                              .depth = workload.depth,
                                              .zipf = workload.zipf,
                                              .seconds = seconds_,
                                              .round = round}));
  const auto keys = static_cast<double>(time.keys);
  const auto device_reads = static_cast<double>(time.device_reads);
  Add(runner, TimeRow(workload), time.seconds * kMicroseconds / keys);
  Add(runner,
      RowOf(absl::StrCat(workload.id, "-reads"),
            absl::StrCat(workload.title, ", device reads per key"), 2),
      device_reads / keys);
  if (workload.device_depth == 0) return absl::OkStatus();
  // Where it can't be told, each of the device's reads counts as one.
  const double misses = time.records_read > 0
                            ? static_cast<double>(time.records_read)
                            : std::max(device_reads, 1.0);
  Add(runner, CpuRow(workload), time.cpu_seconds * kMicroseconds / misses);
  if (time.records_read == 0) return absl::OkStatus();
  Add(runner, MissRow(workload), time.seconds * kMicroseconds / misses);
  Add(runner,
      RowOf(
          absl::StrCat(workload.id, "-miss-reads"),
          absl::StrCat(workload.title, ", device reads per record not cached"),
          3),
      device_reads / misses);
  return absl::OkStatus();
}

void ColdScene::MeasureDevice(size_t depth) {
  if (!device_.has_value()) return;
  const absl::StatusOr<FioResult> result =
      device_->RandomReads(depth, seconds_);
  if (!result.ok()) {
    results_->Note(absl::StrCat(scene_.id, ": ", result.status().message()));
    device_.reset();
    return;
  }
  const double time = kMicroseconds / result->ios_per_second;
  for (const Workload& workload : kUniform) {
    if (workload.device_depth != depth) continue;
    results_->Add(TimeRow(workload), kDeviceName, Side::kLimit, time);
    results_->Add(CpuRow(workload), kDeviceName, Side::kLimit,
                  result->cpu_seconds_per_io * kMicroseconds);
    results_->Add(MissRow(workload), kDeviceName, Side::kLimit, time);
  }
}

void ColdScene::MeasureScans() {
  EachRound(
      "scan",
      [&](Runner& runner, uint64_t) -> absl::Status {
        // A B-tree that was filled in random order takes a minute.
        if (runner.contender->is_peer) return absl::OkStatus();
        QUIRE_ASSIGN_OR_RETURN(const ColdTime time,
                               runner.reader->Read({.way = Way::kScan}));
        Add(runner, RowOf("scan", "scan forward, ns/entry", 0),
            time.seconds * 1e9 / static_cast<double>(time.keys));
        Add(runner, ScanRow(),
            static_cast<double>(time.device_bytes) / 1e6 / time.seconds);
        return absl::OkStatus();
      },
      [&] {
        if (!device_.has_value()) return;
        const absl::StatusOr<FioResult> result =
            device_->SequentialReads(seconds_);
        if (!result.ok()) return;
        results_->Add(ScanRow(), kDeviceName, Side::kLimit,
                      result->bytes_per_second / 1e6);
      });
}

void ColdScene::MeasureZipf() {
  Warm("zipf", Way::kMultiGet, true);
  EachRound(
      "zipf",
      [&](Runner& runner, uint64_t round) {
        return MeasureReads(kZipf, runner, round);
      },
      [] {});
  EachRound(
      "zipf beside a scan",
      [&](Runner& runner, uint64_t round) {
        return MeasureBesideScan(runner, round);
      },
      [] {});
}

// Of Quire's modes that have a cache of their own: the page cache's policy is
// the kernel's.
absl::Status ColdScene::MeasureBesideScan(Runner& runner, uint64_t round) {
  const std::string_view name = runner.contender->name;
  if (name != "quire direct" && name != "quire buffered") {
    return absl::OkStatus();
  }
  QUIRE_ASSIGN_OR_RETURN(const HitRatios ratios,
                         runner.reader->ReadBesideScan(seconds_, round));
  RowInfo row = RowOf("hits", "hit ratio, Get, zipf 0.99", 3);
  row.more_is_better = true;
  Add(runner, row, ratios.alone);
  row = RowOf("hits-beside-scan", "the same beside a scan of everything", 3);
  row.more_is_better = true;
  Add(runner, row, ratios.beside_scan);
  row = RowOf("hits-kept", "hits that a scan leaves, of those without", 3);
  row.more_is_better = true;
  Add(runner, row, ratios.beside_scan / ratios.alone);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunColdScene(const Scene& scene, const CompareOptions& options,
                          std::span<const Contender> contenders, Stores& stores,
                          Results* results) {
  return ColdScene(scene, options, stores, results).Run(contenders);
}

}  // namespace quire::benchmarks
