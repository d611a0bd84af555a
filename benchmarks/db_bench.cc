#include "benchmarks/db_bench.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <latch>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"

namespace quire::benchmarks {
namespace {

constexpr uint64_t kDefaultKeysPerMultiGet = 32;
constexpr double kBytesPerMegabyte = 1 << 20;

uint64_t Divided(uint64_t count, uint64_t divisor) {
  return std::max<uint64_t>(1, count / divisor);
}

}  // namespace

DbBench::DbBench(DbBenchOptions options) : options_(std::move(options)) {}

absl::Status DbBench::Open() {
  // The database makes its own directory, not those above it. An error shows
  // when it is opened.
  std::error_code ignored;
  std::filesystem::create_directories(
      std::filesystem::path(options_.db).parent_path(), ignored);
  QUIRE_ASSIGN_OR_RETURN(db_, DB::Open(options_.open, options_.db));
  return absl::OkStatus();
}

absl::Status DbBench::Close() {
  if (db_ == nullptr) return absl::OkStatus();
  QUIRE_RETURN_IF_ERROR(db_->Close());
  db_.reset();
  return absl::OkStatus();
}

absl::Status DbBench::Renew() {
  QUIRE_RETURN_IF_ERROR(Close());
  QUIRE_RETURN_IF_ERROR(DB::Destroy(options_.open, options_.db));
  return Open();
}

void DbBench::PrintHeader() {
  const uint64_t key_size = options_.key_prefix + KeyBuffer::kDigits;
  sheet_ = MachineSheet(options_.db);
  sheet_.emplace_back("Keys", absl::StrFormat("%d bytes each", key_size));
  sheet_.emplace_back("Values",
                      absl::StrFormat("%d bytes each", options_.value_size));
  sheet_.emplace_back("Entries", absl::StrFormat("%d", options_.num));
  sheet_.emplace_back(
      "RawSize",
      absl::StrFormat("%.1f MB (estimated)",
                      static_cast<double>(key_size + options_.value_size) *
                          static_cast<double>(options_.num) /
                          kBytesPerMegabyte));
  sheet_.emplace_back("Database", options_.db);
  const EffectiveProvider effective = GetEffectiveProvider(*db_);
  sheet_.emplace_back("ReadMode", effective.mode);
  if (!effective.engine.empty()) {
    sheet_.emplace_back("IoEngine", effective.engine);
  }
  sheet_.emplace_back("Seed", SeedToText(options_.seed, options_.seed_drawn));
  std::printf("Quire's db_bench\n%s", SheetToText(sheet_).c_str());
  for (const std::string& note : options_.notes) {
    std::printf("Note: %s\n", note.c_str());
  }
  for (const std::string& warning : BuildWarnings()) {
    std::printf("%s\n", warning.c_str());
  }
  std::printf("------------------------------------------------\n");
  std::fflush(stdout);
}

void DbBench::PrepareContext(const Workload& workload, uint64_t threads,
                             WorkloadContext* context) {
  context->db = db_.get();
  context->db_path = options_.db;
  context->key_count = options_.num;
  context->num = Divided(options_.num, workload.num_divisor);
  context->reads = workload.reads_divisor == 1
                       ? options_.reads
                       : Divided(options_.reads, workload.reads_divisor);
  context->value_size =
      workload.value_size != 0 ? workload.value_size : options_.value_size;
  context->key_prefix = options_.key_prefix;
  context->entries_per_batch =
      options_.batch_size.value_or(workload.entries_per_batch);
  context->keys_per_multiget =
      options_.batch_size.value_or(kDefaultKeysPerMultiGet);
  context->write_options.sync = workload.synced;
  context->duration = std::chrono::duration<double>(options_.duration_s);
  context->readers_left = threads - (workload.writer_beside ? 1 : 0);
  context->reopen = [this, context]() -> absl::Status {
    QUIRE_RETURN_IF_ERROR(Close());
    QUIRE_RETURN_IF_ERROR(Open());
    context->db = db_.get();
    return absl::OkStatus();
  };
}

absl::Status DbBench::RunThreads(const Workload& workload,
                                 WorkloadContext& context,
                                 uint64_t thread_count, OpStats* merged) {
  std::vector<WorkloadThread> states;
  states.reserve(thread_count);
  for (uint64_t i = 0; i < thread_count; ++i) {
    const uint64_t seed = StreamSeed(options_.seed, threads_started_++);
    states.push_back({.index = i,
                      .random = Random(seed),
                      .values = ValuePool(Mix(seed), context.value_size),
                      .stats = OpStats(options_.histogram)});
  }
  // The last one is a reader where there are readers and a writer.
  states.back().stats.ShowProgress(
      std::string(workload.name) + ", operations of one thread", 0);

  std::vector<absl::Status> statuses(thread_count);
  std::latch ready(static_cast<std::ptrdiff_t>(thread_count));
  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  for (uint64_t i = 0; i < thread_count; ++i) {
    threads.emplace_back([&, i] {
      ready.arrive_and_wait();
      states[i].stats.Start();
      statuses[i] = workload.run(context, states[i]);
      states[i].stats.Stop();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) QUIRE_RETURN_IF_ERROR(status);
  *merged = std::move(states[0].stats);
  for (uint64_t i = 1; i < thread_count; ++i) merged->Merge(states[i].stats);
  return absl::OkStatus();
}

absl::Status DbBench::RunWorkload(const Workload& workload) {
  const std::string name(workload.name);
  if (workload.run == nullptr) {
    std::printf("%-12s : not offered (%s)\n", name.c_str(),
                std::string(workload.meaning).c_str());
    return absl::OkStatus();
  }
  if (workload.fresh_database) {
    if (options_.use_existing_db) {
      std::printf("%-12s : skipped (--use_existing_db is true)\n",
                  name.c_str());
      return absl::OkStatus();
    }
    QUIRE_RETURN_IF_ERROR(Renew());
  }
  const uint64_t threads = workload.single_threaded ? 1
                           : workload.writer_beside ? options_.threads + 1
                                                    : options_.threads;
  WorkloadContext context;
  PrepareContext(workload, threads, &context);
  BenchmarkResult result = {
      .name = name, .threads = threads, .stats = OpStats(options_.histogram)};
  QUIRE_RETURN_IF_ERROR(RunThreads(workload, context, threads, &result.stats));
  if (workload.prints) return absl::OkStatus();
  std::fputs(ResultToText(result).c_str(), stdout);
  results_.push_back(std::move(result));
  return absl::OkStatus();
}

absl::Status DbBench::WriteJson() const {
  if (options_.json.empty()) return absl::OkStatus();
  nlohmann::ordered_json json;
  json["machine"] = SheetToJson(sheet_);
  json["seed"] = options_.seed;
  json["notes"] = options_.notes;
  json["warnings"] = BuildWarnings();
  json["results"] = nlohmann::ordered_json::array();
  for (const BenchmarkResult& result : results_) {
    json["results"].push_back(ResultToJson(result));
  }
  return WriteJsonFile(json, options_.json);
}

absl::Status DbBench::Run() {
  if (!options_.use_existing_db) {
    QUIRE_RETURN_IF_ERROR(DB::Destroy(options_.open, options_.db));
  }
  QUIRE_RETURN_IF_ERROR(Open());
  PrintHeader();
  for (const std::string& name : options_.benchmarks) {
    QUIRE_RETURN_IF_ERROR(RunWorkload(*FindWorkload(name)));
    std::fflush(stdout);
  }
  QUIRE_RETURN_IF_ERROR(Close());
  return WriteJson();
}

}  // namespace quire::benchmarks
