#include "benchmarks/overwrite.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/disk_usage.h"
#include "benchmarks/key_generator.h"
#include "benchmarks/progress.h"
#include "benchmarks/random.h"
#include "benchmarks/stopwatch.h"
#include "kv/db.h"
#include "kv/write_batch.h"
#include "tools/flags.h"

namespace quire::benchmarks {
namespace {

// A value is read back for so many writes.
constexpr uint64_t kWritesPerCheck = 8;

struct RawFlags {
  std::optional<std::string> db, seed;
  bool require = false;
};

void AddFlags(tools::FlagSet &flags, OverwriteOptions *options, RawFlags *raw) {
  flags.AddNumber("num", "N", "Keys of the database (2000000).", &options->num);
  flags.AddNumber("value_size", "BYTES", "Size of a value (100).",
                  &options->value_size);
  flags.AddNumber("factor", "N",
                  "How many times as many records are written over (20).",
                  &options->factor);
  flags.AddNumber("batch_size", "N", "Entries of one batch (10).",
                  &options->batch);
  flags.AddChoice<ReadMode>("read_mode", "How stored bytes are read (mmap).",
                            ReadModeChoices(),
                            &options->open.provider.read_mode);
  flags.AddSize("write_buffer_size", "Size of a memtable (64M).",
                &options->open.memtable_bytes);
  AddProviderFlags(flags, &options->open.provider, &raw->require);
  AddDatabaseFlag(flags, "overwrite", &raw->db);
  flags.AddSwitch("keep", "Leave the database where it is.", &options->keep);
  AddSeedFlag(flags, &raw->seed);
  flags.AddSwitch("help", "Print this and end.", &options->help);
}

absl::Status Finish(const RawFlags &raw, OverwriteOptions *options) {
  QUIRE_RETURN_IF_ERROR(CheckRange("num", options->num, 1, 1'000'000'000));
  QUIRE_RETURN_IF_ERROR(
      CheckRange("value_size", options->value_size, 0, kMaxValueBytes));
  QUIRE_RETURN_IF_ERROR(CheckRange("factor", options->factor, 1, 1'000'000));
  QUIRE_RETURN_IF_ERROR(CheckRange("batch_size", options->batch, 1, 1'000'000));
  ApplyRequire(raw.require, &options->open.provider);
  QUIRE_RETURN_IF_ERROR(options->open.Validate());
  options->db = raw.db.value_or(DefaultDirectory("overwrite"));
  return SetSeed(raw.seed, &options->seed, &options->seed_drawn);
}

// The database and what must be in it.
class Overwrite {
 public:
  explicit Overwrite(const OverwriteOptions &options)
      : options_(options),
        versions_(options.num),
        values_(options.seed, options.value_size),
        random_(StreamSeed(options.seed, 1)) {}

  absl::StatusOr<OverwriteResult> Run() {
    Options open = options_.open;
    open.create_if_missing = true;
    open.error_if_exists = true;
    QUIRE_ASSIGN_OR_RETURN(db_, DB::Open(open, options_.db));
    QUIRE_RETURN_IF_ERROR(Load());
    QUIRE_RETURN_IF_ERROR(db_->WaitForMerges());
    QUIRE_RETURN_IF_ERROR(WriteOver());
    QUIRE_RETURN_IF_ERROR(CheckAll());
    QUIRE_RETURN_IF_ERROR(MeasureLive());
    QUIRE_RETURN_IF_ERROR(db_->Close());
    return result_;
  }

 private:
  absl::Status Load();
  absl::Status WriteOver();
  absl::Status WriteBatchOf(uint64_t count);
  absl::Status Check(uint64_t number);
  absl::Status CheckAll();
  absl::Status MeasureLive();
  void CountWritten(const Stats &before, const Stats &after);

  // Values follow from the key's number and how often it was written.
  void FillValue(uint64_t number, std::string *value) const {
    values_.Fill(number + versions_[number] * options_.num, value);
  }

  const OverwriteOptions &options_;
  std::vector<uint64_t> versions_;  // by key
  const DerivedValues values_;
  Random random_;
  std::unique_ptr<DB> db_;
  OverwriteResult result_;
};

absl::Status Overwrite::Load() {
  Progress progress("load, entries", options_.num);
  const Permutation order(options_.num, StreamSeed(options_.seed, 2));
  KeyBuffer key;
  std::string value;
  for (uint64_t i = 0; i < options_.num;) {
    WriteBatch batch;
    for (uint64_t end = std::min(i + options_.batch, options_.num); i < end;
         ++i) {
      const uint64_t number = order(i);
      FillValue(number, &value);
      batch.Put(key.Set(number), value);
    }
    QUIRE_RETURN_IF_ERROR(db_->Write({}, batch));
    progress.Update(i);
  }
  return db_->FlushMemtables();
}

absl::Status Overwrite::WriteBatchOf(uint64_t count) {
  WriteBatch batch;
  KeyBuffer key;
  std::string value;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t number = random_.Uniform(options_.num);
    ++versions_[number];
    FillValue(number, &value);
    batch.Put(key.Set(number), value);
  }
  Stopwatch watch;
  watch.Start();
  QUIRE_RETURN_IF_ERROR(db_->Write({}, batch));
  watch.Stop();
  result_.longest_write_seconds =
      std::max(result_.longest_write_seconds, watch.seconds());
  return absl::OkStatus();
}

absl::Status Overwrite::Check(uint64_t number) {
  KeyBuffer key;
  std::string value;
  std::string expected;
  QUIRE_RETURN_IF_ERROR(db_->Get({}, key.Set(number), &value));
  FillValue(number, &expected);
  ++result_.values_checked;
  if (value == expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("wrong value of key ", number,
                                          ", written ", versions_[number],
                                          " times"));
}

absl::Status Overwrite::WriteOver() {
  const uint64_t writes = options_.num * options_.factor;
  Progress progress("overwrite, entries", writes);
  const Stats before = db_->GetStats();
  const uint64_t record_payload = KeyBuffer::kDigits + options_.value_size;
  DiskUsage disk(options_.db);
  Stopwatch watch;
  watch.Start();
  uint64_t next_sample = 0;
  for (uint64_t done = 0; done < writes;) {
    const uint64_t count = std::min(options_.batch, writes - done);
    QUIRE_RETURN_IF_ERROR(WriteBatchOf(count));
    done += count;
    result_.payload_bytes += count * record_payload;
    if (done / kWritesPerCheck != (done - count) / kWritesPerCheck) {
      QUIRE_RETURN_IF_ERROR(Check(random_.Uniform(options_.num)));
    }
    // A thousand and more samples, evenly over the writes.
    if (done >= next_sample) {
      next_sample += writes / 2000 + 1;
      disk.Sample();
      result_.most_runs = std::max(result_.most_runs, db_->GetStats().runs);
    }
    progress.Update(done);
  }
  watch.Stop();
  result_.seconds = watch.seconds();
  result_.mean_disk_bytes = disk.mean_bytes();
  result_.peak_disk_bytes = disk.peak_bytes();
  QUIRE_RETURN_IF_ERROR(db_->FlushMemtables());
  QUIRE_RETURN_IF_ERROR(db_->WaitForMerges());
  CountWritten(before, db_->GetStats());
  return absl::OkStatus();
}

void Overwrite::CountWritten(const Stats &before, const Stats &after) {
  result_.log_bytes = after.log_bytes_written - before.log_bytes_written;
  result_.table_bytes = after.table_bytes_written - before.table_bytes_written;
  result_.rewritten_bytes = after.rewritten_bytes - before.rewritten_bytes;
  result_.manifest_bytes =
      after.manifest_bytes_written - before.manifest_bytes_written;
  result_.merges = after.merges - before.merges;
  result_.stall_seconds =
      static_cast<double>(after.writer_stall_us - before.writer_stall_us) / 1e6;
}

absl::Status Overwrite::CheckAll() {
  Progress progress("check, entries", options_.num);
  for (uint64_t number = 0; number < options_.num; ++number) {
    QUIRE_RETURN_IF_ERROR(Check(number));
    progress.Update(number);
  }
  return absl::OkStatus();
}

absl::Status Overwrite::MeasureLive() {
  QUIRE_RETURN_IF_ERROR(db_->CompactRange({}));
  const Stats stats = db_->GetStats();
  if (stats.entries != options_.num) {
    return absl::DataLossError(
        absl::StrCat("the compacted database has ", stats.entries, " entries"));
  }
  result_.live_bytes = stats.segment_bytes + stats.table_bytes;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OverwriteOptions> ParseOverwriteOptions(
    std::span<const std::string> words) {
  return ParseProgramFlags<OverwriteOptions, RawFlags>(words, AddFlags, Finish);
}

std::string OverwriteHelp() {
  return "Usage: overwrite [FLAG...]\n\n"
         "Loads a database, writes random ones of its records over, and prints "
         "what that\ntakes of disk space and of writing. Ends with 0, with 1 "
         "if the database failed or\ngave a wrong value, with 2 for a mistake "
         "in the flags.\n\n" +
         ProgramFlagsHelp<OverwriteOptions, RawFlags>(AddFlags);
}

double OverwriteResult::WriteAmplification() const {
  return static_cast<double>(log_bytes + table_bytes + rewritten_bytes +
                             manifest_bytes) /
         static_cast<double>(std::max<uint64_t>(payload_bytes, 1));
}

absl::StatusOr<OverwriteResult> RunOverwrite(const OverwriteOptions &options) {
  absl::StatusOr<OverwriteResult> result = Overwrite(options).Run();
  if (!options.keep) {
    const absl::Status status = DB::Destroy(options.open, options.db);
    if (result.ok()) QUIRE_RETURN_IF_ERROR(status);
  }
  return result;
}

std::string OverwriteTable(const OverwriteOptions &options,
                           const OverwriteResult &result) {
  const auto mib = [](double bytes) { return bytes / (1 << 20); };
  const auto live = static_cast<double>(result.live_bytes);
  const auto payload = static_cast<double>(result.payload_bytes);
  std::string text = absl::StrFormat(
      "Keys:      %d of %d bytes, values of %d bytes; seed %s\n"
      "Written:   %d times over in %.1f s, of which writers waited %.1f s\n"
      "Longest:   %.1f ms for a batch\n"
      "Checked:   %d values\n"
      "Live:      %.1f MiB of records and one index\n"
      "Disk:      %.2f x live in the mean, %.2f x at the peak\n"
      "Runs:      at most %d; %d merges\n"
      "Writing:   %.2f bytes for each byte of key and value\n",
      options.num, KeyBuffer::kDigits, options.value_size,
      SeedToText(options.seed, options.seed_drawn), options.factor,
      result.seconds, result.stall_seconds, 1e3 * result.longest_write_seconds,
      result.values_checked, mib(live), result.mean_disk_bytes / live,
      static_cast<double>(result.peak_disk_bytes) / live, result.most_runs,
      result.merges, result.WriteAmplification());
  const auto part = [&](const char *name, uint64_t bytes) {
    absl::StrAppendFormat(&text, "  %-9s %8.1f MiB %6.2f\n", name,
                          mib(static_cast<double>(bytes)),
                          static_cast<double>(bytes) / payload);
  };
  part("log", result.log_bytes);
  part("tables", result.table_bytes);
  part("rewritten", result.rewritten_bytes);
  part("manifest", result.manifest_bytes);
  return text;
}

}  // namespace quire::benchmarks
