#include "benchmarks/compare/cold_reader.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/device_counters.h"
#include "benchmarks/compare/read_loops.h"
#include "benchmarks/random.h"
#include "benchmarks/zipf.h"

namespace quire::benchmarks {
namespace {

constexpr double kZipfTheta = 0.99;
constexpr double kSliceSeconds = 0.05;  // of reads beside a scan

// How often this thread gave up the processor to wait.
uint64_t Waits() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<uint64_t>(usage.ru_nvcsw);
}

// The child's side: a contender, opened by the first question.
class Answerer {
 public:
  explicit Answerer(std::span<const Contender> contenders)
      : contenders_(contenders) {}

  absl::StatusOr<nlohmann::json> Answer(const nlohmann::json& question) {
    const auto what = question.value("what", std::string());
    if (what == "open") return Open(question);
    if (engine_ == nullptr)
      return absl::InvalidArgumentError("nothing is open");
    if (what == "read") return Read(question);
    if (what == "beside-scan") return ReadBesideScan(question);
    return absl::InvalidArgumentError(absl::StrCat("no such question: ", what));
  }

 private:
  absl::StatusOr<nlohmann::json> Open(const nlohmann::json& question);
  absl::StatusOr<nlohmann::json> Read(const nlohmann::json& question);
  absl::StatusOr<LoopTime> Loop(const nlohmann::json& question);
  absl::StatusOr<nlohmann::json> ReadBesideScan(const nlohmann::json& question);
  absl::StatusOr<double> HitRatio(double seconds, Random& random);

  uint64_t NextZipf(Random& random) const {
    return (*spread_)(zipf_->Draw(random));
  }

  const std::span<const Contender> contenders_;
  std::string directory_;
  std::optional<KeySpace> keys_;
  std::optional<Zipf> zipf_;
  std::optional<Permutation> spread_;
  std::optional<ScanSums> all_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Reader> reader_;  // dies first
};

absl::StatusOr<nlohmann::json> Answerer::Open(const nlohmann::json& question) {
  directory_ = question.at("directory");
  keys_.emplace(question.at("num"), question.at("value_bytes"),
                question.at("seed"));
  zipf_.emplace(keys_->num(), kZipfTheta);
  spread_.emplace(keys_->LoadOrder());
  const std::string name = question.at("contender");
  const auto contender =
      std::find_if(contenders_.begin(), contenders_.end(),
                   [&](const Contender& one) { return one.name == name; });
  if (contender == contenders_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("no contender ", name));
  }
  QUIRE_ASSIGN_OR_RETURN(
      engine_, contender->open({.directory = directory_,
                                .data_bytes = keys_->data_bytes(),
                                .memory_bytes = question.at("memory_bytes")}));
  QUIRE_ASSIGN_OR_RETURN(reader_, engine_->NewReader());
  return nlohmann::json::object();
}

absl::StatusOr<LoopTime> Answerer::Loop(const nlohmann::json& question) {
  const LoopPlan plan = {.reader = *reader_,
                         .keys = *keys_,
                         .seconds = question.at("seconds"),
                         .with_cpu = true};
  Random random = keys_->ReadRandom(question.at("round"));
  const bool zipf = question.at("zipf");
  const auto next = [&] {
    return zipf ? NextZipf(random) : random.Uniform(keys_->num());
  };
  switch (question.at("way").get<ColdReads::Way>()) {
    case ColdReads::Way::kGet:
      return TimeGets(plan, GetKind::kPlain, next);
    case ColdReads::Way::kMultiGet:
      return TimeMultiGets(plan, question.at("depth"), next);
    case ColdReads::Way::kAsync:
      return TimeAsyncReads(plan, question.at("depth"), next);
    case ColdReads::Way::kScan:
      if (!all_.has_value()) all_ = keys_->SumsOfAll();
      return TimeScan(plan, ScanOrder::kForward, *all_);
  }
  return absl::InvalidArgumentError("no such way of reading");
}

absl::StatusOr<nlohmann::json> Answerer::Read(const nlohmann::json& question) {
  const uint64_t records = engine_->RecordsRead().value_or(0);
  const DeviceCounters before = CountersOfDevice(directory_);
  QUIRE_ASSIGN_OR_RETURN(const LoopTime time, Loop(question));
  const DeviceCounters after = CountersOfDevice(directory_);
  return nlohmann::json{
      {"keys", time.keys},
      {"seconds", time.seconds},
      {"cpu_seconds", time.cpu_seconds},
      {"device_reads", after.reads - before.reads},
      {"device_bytes", after.bytes_read - before.bytes_read},
      {"records_read", engine_->RecordsRead().value_or(0) - records}};
}

absl::StatusOr<double> Answerer::HitRatio(double seconds, Random& random) {
  const LoopPlan plan = {
      .reader = *reader_, .keys = *keys_, .seconds = seconds};
  const uint64_t waits = Waits();
  QUIRE_ASSIGN_OR_RETURN(
      const LoopTime time,
      TimeGets(plan, GetKind::kPlain, [&] { return NextZipf(random); }));
  const uint64_t misses = std::min(Waits() - waits, time.keys);
  return 1 - static_cast<double>(misses) / static_cast<double>(time.keys);
}

absl::StatusOr<nlohmann::json> Answerer::ReadBesideScan(
    const nlohmann::json& question) {
  Random random = keys_->ReadRandom(question.at("round"));
  QUIRE_ASSIGN_OR_RETURN(const double alone,
                         HitRatio(question.at("seconds"), random));
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<Reader> scanner,
                         engine_->NewReader());
  absl::Status scanned;
  // Relaxed: nothing but the end of the loop hangs on it; the join orders the
  // status.
  std::atomic<bool> done = false;
  double sum = 0;
  uint64_t slices = 0;
  {
    const std::jthread scan([&] {
      scanned = scanner->Scan(ScanOrder::kForward).status();
      done.store(true, std::memory_order_relaxed);
    });
    do {
      QUIRE_ASSIGN_OR_RETURN(const double ratio,
                             HitRatio(kSliceSeconds, random));
      sum += ratio;
      ++slices;
    } while (!done.load(std::memory_order_relaxed));
  }
  QUIRE_RETURN_IF_ERROR(scanned);
  return nlohmann::json{{"alone", alone},
                        {"beside_scan", sum / static_cast<double>(slices)}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ColdReader>> ColdReader::Start(
    const Contender& contender, const std::string& directory,
    const KeySpace& keys, uint64_t memory_bytes) {
  std::string name =
      absl::StrCat("quire-compare-", getpid(), "-", contender.name);
  std::replace(name.begin(), name.end(), ' ', '-');
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<MemoryCgroup> group,
                         MemoryCgroup::Create(name, memory_bytes));
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<ChildProcess> child,
      ChildProcess::Start(kColdReaderWord, [&](pid_t process) {
        return group->AddProcess(process);
      }));
  QUIRE_RETURN_IF_ERROR(child
                            ->Ask({{"what", "open"},
                                   {"contender", contender.name},
                                   {"directory", directory},
                                   {"num", keys.num()},
                                   {"value_bytes", keys.value_bytes()},
                                   {"seed", keys.seed()},
                                   {"memory_bytes", memory_bytes}})
                            .status());
  return std::unique_ptr<ColdReader>(
      new ColdReader(std::move(group), std::move(child)));
}

absl::StatusOr<ColdTime> ColdReader::Read(const ColdReads& reads) {
  QUIRE_ASSIGN_OR_RETURN(const nlohmann::json answer,
                         child_->Ask({{"what", "read"},
                                      {"way", reads.way},
                                      {"depth", reads.depth},
                                      {"zipf", reads.zipf},
                                      {"seconds", reads.seconds},
                                      {"round", reads.round}}));
  return ColdTime{.keys = answer.at("keys"),
                  .seconds = answer.at("seconds"),
                  .cpu_seconds = answer.at("cpu_seconds"),
                  .device_reads = answer.at("device_reads"),
                  .device_bytes = answer.at("device_bytes"),
                  .records_read = answer.at("records_read")};
}

absl::StatusOr<HitRatios> ColdReader::ReadBesideScan(double seconds,
                                                     uint64_t round) {
  QUIRE_ASSIGN_OR_RETURN(
      const nlohmann::json answer,
      child_->Ask(
          {{"what", "beside-scan"}, {"seconds", seconds}, {"round", round}}));
  return HitRatios{.alone = answer.at("alone"),
                   .beside_scan = answer.at("beside_scan")};
}

int ColdReaderMain(std::span<const Contender> contenders) {
  Answerer answerer(contenders);
  return AnswerQuestions([&](const nlohmann::json& question) {
    return answerer.Answer(question);
  });
}

}  // namespace quire::benchmarks
