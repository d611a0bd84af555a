#include "tests/torture/session.h"

#include <array>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "kv/write_batch.h"
#include "tests/torture/observe.h"

namespace quire::torture {
namespace {

constexpr uint64_t kMemtableBytes = 64 << 10;

}  // namespace

const char* StepName(Step step) {
  static constexpr std::array kNames = {
      "put",      "put+sync",   "delete",     "delete+sync",
      "batch",    "batch+sync", "large",      "sync",
      "flush",    "compact",    "checkpoint", "reopen",
      "snapshot", "release",    "read",       "fill"};
  return kNames[static_cast<size_t>(step)];
}

Options DatabaseOptions(const SessionOptions& options,
                        io::FileSystem& file_system) {
  Options result;
  result.create_if_missing = true;
  result.file_system = &file_system;
  result.memtable_bytes = kMemtableBytes;
  result.automatic_merges = options.automatic_merges;
  result.provider.read_mode = options.read_mode;
  result.provider.io_engine = options.io_engine;
  result.provider.cache_bytes = 256 << 10;
  result.provider.buffered_piece_bytes = 4096;
  result.provider.max_open_files = 16;
  result.provider_factory = options.provider_factory;
  return result;
}

Session::Session(io::FileSystem& file_system, const SessionOptions& options,
                 std::function<size_t()> position, State base)
    : file_system_(file_system),
      options_(options),
      position_(std::move(position)),
      dice_(MixBits(options.seed + 77)),
      history_(std::move(base)) {}

std::span<const std::string> Session::SomeKeys() {
  static const auto* const keys = new std::array<std::string, 6>{
      "", "a", "ab", "b", std::string(60, 'c'), "d"};
  return *keys;
}

std::string Session::NewValue(size_t bytes) {
  std::string value = absl::StrCat("v", ++values_, "/", options_.seed, ":");
  while (value.size() < bytes) value += static_cast<char>('a' + values_ % 26);
  return value;
}

bool Session::Check(const char* what, const absl::Status& status) {
  if (!status.ok() && !errors_allowed_) {
    failures_.push_back(absl::StrCat(what, ": ", status.ToString()));
  }
  return status.ok();
}

bool Session::Open() {
  QUIRE_CHECK(db_ == nullptr);
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(
      DatabaseOptions(options_, file_system_), options_.root + kDatabasePath);
  if (!Check("open", db.status())) return false;
  db_ = *std::move(db);
  merging_may_halt_ = errors_allowed_;
  return true;
}

void Session::WaitForMerges() {
  const absl::Status status = db_->WaitForMerges();
  // A fault that a merge met halts it until the next open, which is said; want
  // of space does not.
  const bool halted =
      merging_may_halt_ && !absl::IsResourceExhausted(status) &&
      db_->GetProperty("quire.background-error") == status.ToString();
  if (!status.ok() && !halted) Check("wait for merges", status);
}

void Session::Write(History::Batch batch, bool sync) {
  // Each unknown write doubles what may be found.
  if (history_.unknown_count() >= 6) return;
  WriteBatch writes;
  for (const auto& [key, value] : batch) {
    if (value.has_value()) {
      writes.Put(key, *value);
    } else {
      writes.Delete(key);
    }
  }
  history_.Begin(std::move(batch), position_());
  const absl::Status status = db_->Write({.sync = sync}, writes);
  if (Check("write", status)) {
    history_.Acknowledge(position_());
    if (sync) history_.BecomeDurable(position_());
  } else {
    history_.Fail(position_());
  }
}

void Session::Barrier(const char* what, const absl::Status& status) {
  if (Check(what, status)) history_.BecomeDurable(position_());
}

void Session::Close() {
  snapshot_.reset();
  Barrier("close", db_->Close());
  db_.reset();
}

void Session::MakeCheckpoint() {
  Checkpoint checkpoint;
  checkpoint.path = absl::StrCat(options_.root, "/copy", checkpoints_.size());
  checkpoint.begun = position_();
  checkpoint.batches = history_.batch_count();
  checkpoints_.push_back(checkpoint);
  const absl::Status status = db_->Checkpoint(checkpoint.path);
  if (Check("checkpoint", status)) {
    checkpoints_.back().done = position_();
    history_.BecomeDurable(position_());
  }
}

void Session::CheckState(const char* what, const Snapshot* snapshot,
                         size_t batches) {
  std::vector<std::string> failures;
  const Observed observed = Observe(*db_, history_.keys(),
                                    {.errors_allowed = errors_allowed_,
                                     .thorough = dice_.OneIn(2),
                                     .snapshot = snapshot},
                                    failures);
  if (const auto wrong = history_.Explain(observed, {batches, batches})) {
    failures.push_back(*wrong);
  }
  for (const std::string& failure : failures) {
    failures_.push_back(absl::StrCat(what, ": ", failure));
  }
}

void Session::Read() {
  CheckState("read", nullptr, history_.batch_count());
  if (snapshot_ != nullptr) {
    CheckState("read of a snapshot", snapshot_.get(), snapshot_batches_);
  }
}

void Session::Do(Step step) {
  if (db_ == nullptr && !Open()) return;
  switch (step) {
    case Step::kPut:
    case Step::kPutSync:
      Write({{SomeKey(), NewValue(dice_.OneIn(3) ? 600 : 20)}},
            step == Step::kPutSync);
      break;
    case Step::kDelete:
    case Step::kDeleteSync:
      Write({{SomeKey(), std::nullopt}}, step == Step::kDeleteSync);
      break;
    case Step::kBatch:
    case Step::kBatchSync:
      Write({{"a", NewValue(20)},
             {SomeKey(), std::nullopt},
             {"b", NewValue(300)},
             {SomeKey(), NewValue(20)}},
            step == Step::kBatchSync);
      break;
    case Step::kLarge:
      Write({{SomeKey(), NewValue(5000)}}, dice_.OneIn(2));
      break;
    case Step::kSync:
      Barrier("sync", db_->Sync());
      break;
    case Step::kFlush:
      Barrier("flush", db_->FlushMemtables());
      break;
    case Step::kCompact:
      Barrier("compact", db_->CompactRange({}));
      if (snapshot_ != nullptr) Read();
      break;
    case Step::kCheckpoint:
      MakeCheckpoint();
      break;
    case Step::kReopen:
      Close();
      Open();
      break;
    case Step::kSnapshot:
      snapshot_ = db_->GetSnapshot();
      snapshot_batches_ = history_.batch_count();
      break;
    case Step::kRelease:
      snapshot_.reset();
      break;
    case Step::kRead:
      if (options_.automatic_merges && !errors_allowed_) {
        WaitForMerges();
      }
      Read();
      break;
    case Step::kFill:
      for (int i = 0; i < 4; ++i) Write({{SomeKey(), NewValue(20'000)}}, false);
      break;
  }
}

void Session::Drop() {
  snapshot_.reset();
  db_.reset();
}

}  // namespace quire::torture
