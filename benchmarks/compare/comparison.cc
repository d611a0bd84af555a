#include "benchmarks/compare/comparison.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/progress.h"
#include "benchmarks/random.h"
#include "benchmarks/stopwatch.h"

namespace quire::benchmarks {
namespace {

namespace fs = std::filesystem;

// Gets between two looks at the clock.
constexpr size_t kBlockKeys = 64;

constexpr double kNanoseconds = 1e9;

// Streams of random numbers drawn from one seed.
enum class Stream : uint64_t { kValues, kLoadOrder, kReads };

absl::Status Wrong(const std::string& contender, uint64_t number) {
  return absl::DataLossError(absl::StrCat(
      contender, ": key ", number, " doesn't have the value that was written"));
}

class Comparison {
 public:
  explicit Comparison(const ComparisonOptions& options)
      : options_(options),
        values_(SeedOf(Stream::kValues), options.value_size),
        data_bytes_(options.num * (KeyBuffer::kDigits + options.value_size)) {}

  absl::StatusOr<std::vector<ContenderResult>> Run() {
    MakeSums();
    for (const Contender& contender : Contenders()) {
      const auto& names = options_.contenders;
      if (names.empty() || std::find(names.begin(), names.end(),
                                     contender.name) != names.end()) {
        results_.push_back({.contender = &contender, .samples = {}});
      }
    }
    QUIRE_RETURN_IF_ERROR(LoadAll());
    std::vector<Opened> opened;
    for (const ContenderResult& result : results_) {
      QUIRE_ASSIGN_OR_RETURN(opened.emplace_back(),
                             OpenAndWarm(*result.contender));
    }
    for (uint64_t round = 0; round < options_.rounds; ++round) {
      for (size_t i = 0; i < results_.size(); ++i) {
        // Nobody is always the first.
        const size_t turn = (i + round) % results_.size();
        Say(absl::StrFormat("round %d of %d, %s", round + 1, options_.rounds,
                            results_[turn].contender->name));
        QUIRE_RETURN_IF_ERROR(
            Measure(*opened[turn].reader, round, results_[turn]));
      }
    }
    opened.clear();
    for (const ContenderResult& result : results_) {
      RemoveStore(*result.contender);
    }
    return std::move(results_);
  }

 private:
  // The reader dies first.
  struct Opened {
    std::unique_ptr<Engine> engine;
    std::unique_ptr<Reader> reader;
  };

  uint64_t SeedOf(Stream stream, uint64_t round = 0) const {
    return StreamSeed(StreamSeed(options_.seed, static_cast<uint64_t>(stream)),
                      round);
  }

  static void Say(const std::string& text) {
    std::fprintf(stderr, "compare: %s\n", text.c_str());
  }

  EngineOptions OptionsFor(const Contender& contender, bool with_cache) const {
    EngineOptions options;
    options.directory = fs::path(options_.db) / contender.folder;
    options.data_bytes = data_bytes_;
    // Everything fits twice.
    if (with_cache) options.cache_bytes = 2 * data_bytes_ + (64 << 20);
    return options;
  }

  void RemoveStore(const Contender& contender) const {
    std::error_code ignored;  // an error shows when the store is created
    fs::remove_all(OptionsFor(contender, false).directory, ignored);
  }

  void MakeSums();
  absl::Status LoadAll();
  absl::StatusOr<double> Load(const Contender& contender);
  absl::StatusOr<Opened> OpenAndWarm(const Contender& contender);
  absl::Status Measure(Reader& reader, uint64_t round, ContenderResult& result);
  absl::StatusOr<double> TimeGets(Reader& reader, bool present, Random random,
                                  const ContenderResult& result);
  absl::StatusOr<double> TimeMultiGets(Reader& reader, Random random,
                                       const ContenderResult& result);
  absl::StatusOr<double> TimeScan(Reader& reader, ScanOrder order,
                                  const ContenderResult& result);

  const ComparisonOptions& options_;
  const DerivedValues values_;
  const uint64_t data_bytes_;
  std::vector<uint64_t> sums_;  // SumOf each key's value
  uint64_t sum_of_sums_ = 0;
  std::vector<ContenderResult> results_;
};

void Comparison::MakeSums() {
  std::string value;
  sums_.resize(options_.num);
  for (uint64_t number = 0; number < options_.num; ++number) {
    values_.Fill(number, &value);
    sums_[number] = SumOf(value);
    sum_of_sums_ += sums_[number];
  }
}

absl::Status Comparison::LoadAll() {
  std::error_code ignored;  // an error shows when a store is created
  fs::create_directories(options_.db, ignored);
  for (ContenderResult& result : results_) {
    const auto same = std::find_if(
        results_.begin(), results_.end(), [&](const ContenderResult& other) {
          return std::string_view(other.contender->folder) ==
                 result.contender->folder;
        });
    auto& times = result.samples[static_cast<size_t>(Workload::kLoad)];
    if (&*same != &result) {
      // Another contender reads the same files.
      times = same->samples[static_cast<size_t>(Workload::kLoad)];
      continue;
    }
    QUIRE_ASSIGN_OR_RETURN(const double time, Load(*result.contender));
    times.push_back(time);
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Comparison::Load(const Contender& contender) {
  const EngineOptions options = OptionsFor(contender, false);
  if (options_.db_given && fs::exists(options.directory)) {
    return absl::AlreadyExistsError(
        absl::StrCat(options.directory, " is there already"));
  }
  RemoveStore(contender);  // an earlier run's, where nobody else puts anything
  Progress progress(absl::StrCat("load, ", contender.folder), options_.num);
  Stopwatch watch;
  watch.Start();
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine,
                         contender.create(options));
  watch.Stop();
  const Permutation order(options_.num, SeedOf(Stream::kLoadOrder));
  std::vector<KeyBuffer> keys(options_.load_batch);
  std::vector<std::string> texts(options_.load_batch);
  std::vector<Entry> entries;
  for (uint64_t done = 0; done < options_.num;) {
    entries.clear();
    for (size_t i = 0; i < options_.load_batch && done < options_.num;
         ++i, ++done) {
      const uint64_t number = order(done);
      values_.Fill(number, &texts[i]);
      entries.push_back({keys[i].Set(number), texts[i]});
    }
    watch.Start();
    QUIRE_RETURN_IF_ERROR(engine->Write(entries));
    watch.Stop();
    progress.Update(done);
  }
  const double loaded = watch.seconds();
  QUIRE_RETURN_IF_ERROR(engine->Settle());
  return loaded * kNanoseconds / static_cast<double>(options_.num);
}

absl::StatusOr<Comparison::Opened> Comparison::OpenAndWarm(
    const Contender& contender) {
  Say(absl::StrCat("open and read once, ", contender.name));
  Opened opened;
  QUIRE_ASSIGN_OR_RETURN(opened.engine,
                         contender.open(OptionsFor(contender, true)));
  QUIRE_ASSIGN_OR_RETURN(opened.reader, opened.engine->NewReader());
  KeyBuffer key;
  for (uint64_t number = 0; number < options_.num; ++number) {
    uint64_t sum = 0;
    if (!opened.reader->Get(key.Set(number), &sum) || sum != sums_[number]) {
      QUIRE_RETURN_IF_ERROR(opened.reader->status());
      return Wrong(contender.name, number);
    }
  }
  return opened;
}

absl::Status Comparison::Measure(Reader& reader, uint64_t round,
                                 ContenderResult& result) {
  const auto add = [&result](Workload workload, double seconds) {
    result.samples[static_cast<size_t>(workload)].push_back(seconds *
                                                            kNanoseconds);
  };
  // The same keys for each contender.
  const Random random(SeedOf(Stream::kReads, round));
  QUIRE_ASSIGN_OR_RETURN(double time, TimeGets(reader, true, random, result));
  add(Workload::kGet, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeGets(reader, false, random, result));
  add(Workload::kAbsent, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeMultiGets(reader, random, result));
  add(Workload::kMultiGet, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeScan(reader, ScanOrder::kForward, result));
  add(Workload::kScanForward, time);
  QUIRE_ASSIGN_OR_RETURN(time, TimeScan(reader, ScanOrder::kReverse, result));
  add(Workload::kScanReverse, time);
  return reader.status();
}

absl::StatusOr<double> Comparison::TimeGets(Reader& reader, bool present,
                                            Random random,
                                            const ContenderResult& result) {
  std::array<uint64_t, kBlockKeys> numbers;
  std::array<uint64_t, kBlockKeys> sums;
  std::array<bool, kBlockKeys> found;
  std::array<std::string, kBlockKeys> keys;
  KeyBuffer buffer;
  Stopwatch watch;
  uint64_t done = 0;
  for (; done < options_.reads; done += kBlockKeys) {
    for (size_t i = 0; i < kBlockKeys; ++i) {
      numbers[i] = random.Uniform(options_.num);
      keys[i] = buffer.Set(numbers[i]);
      // Absent ones lie between those that are there, and are as long.
      if (!present) keys[i].back() = 'x';
    }
    watch.Start();
    for (size_t i = 0; i < kBlockKeys; ++i) {
      found[i] = reader.Get(keys[i], &sums[i]);
    }
    watch.Stop();
    for (size_t i = 0; i < kBlockKeys; ++i) {
      if (found[i] != present || (present && sums[i] != sums_[numbers[i]])) {
        QUIRE_RETURN_IF_ERROR(reader.status());
        return Wrong(result.contender->name, numbers[i]);
      }
    }
  }
  return watch.seconds() / static_cast<double>(done);
}

absl::StatusOr<double> Comparison::TimeMultiGets(
    Reader& reader, Random random, const ContenderResult& result) {
  const size_t count = options_.multiget_keys;
  std::vector<uint64_t> numbers(count);
  std::vector<uint64_t> sums(count);
  const auto found = std::make_unique<bool[]>(count);
  std::vector<KeyBuffer> buffers(count);
  std::vector<std::string_view> keys(count);
  Stopwatch watch;
  uint64_t done = 0;
  for (; done < options_.reads; done += count) {
    for (size_t i = 0; i < count; ++i) {
      numbers[i] = random.Uniform(options_.num);
      keys[i] = buffers[i].Set(numbers[i]);
    }
    watch.Start();
    reader.MultiGet(keys, sums, std::span(found.get(), count));
    watch.Stop();
    for (size_t i = 0; i < count; ++i) {
      if (!found[i] || sums[i] != sums_[numbers[i]]) {
        QUIRE_RETURN_IF_ERROR(reader.status());
        return Wrong(result.contender->name, numbers[i]);
      }
    }
  }
  return watch.seconds() / static_cast<double>(done);
}

absl::StatusOr<double> Comparison::TimeScan(Reader& reader, ScanOrder order,
                                            const ContenderResult& result) {
  Stopwatch watch;
  watch.Start();
  QUIRE_ASSIGN_OR_RETURN(const ScanSums sums, reader.Scan(order));
  watch.Stop();
  if (sums.entries != options_.num || sums.values != sum_of_sums_ ||
      sums.key_bytes != options_.num * KeyBuffer::kDigits) {
    return absl::DataLossError(absl::StrCat(
        result.contender->name, ": a scan found other entries than written"));
  }
  return watch.seconds() / static_cast<double>(sums.entries);
}

}  // namespace

absl::StatusOr<std::vector<ContenderResult>> RunComparison(
    const ComparisonOptions& options) {
  return Comparison(options).Run();
}

}  // namespace quire::benchmarks
