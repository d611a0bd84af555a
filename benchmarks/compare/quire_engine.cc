#include "benchmarks/compare/quire_engine.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "kv/iterator.h"
#include "kv/pinned_value.h"
#include "kv/read_session.h"
#include "kv/write_batch.h"

namespace quire::benchmarks {
namespace {

class QuireAsyncReads : public AsyncReads {
 public:
  explicit QuireAsyncReads(std::unique_ptr<ReadSession> session)
      : session_(std::move(session)) {}

  void Submit(std::span<const std::string_view> keys,
              std::span<const uint64_t> tags) override {
    session_->Submit(keys, tags);
  }

  size_t Poll(size_t least, std::span<Answer> answers) override {
    completions_.resize(answers.size());
    const size_t count = session_->Poll(least, completions_);
    for (size_t i = 0; i < count; ++i) {
      const ReadSession::Completion& done = completions_[i];
      answers[i] = {.tag = done.tag,
                    .found = done.status.ok(),
                    .sum = SumOf(done.value.value())};
    }
    return count;
  }

 private:
  const std::unique_ptr<ReadSession> session_;
  std::vector<ReadSession::Completion> completions_;
};

class QuireReader : public Reader {
 public:
  explicit QuireReader(DB& db) : db_(db) {}

  bool Get(std::string_view key, uint64_t* sum) override {
    return Take(db_.Get(read_, key, &value_), value_, sum);
  }

  bool GetCopy(std::string_view key, uint64_t* sum) override {
    const absl::Status status = db_.Get(read_, key, &copy_);
    if (status.ok()) {
      *sum = SumOf(copy_);
      return true;
    }
    if (!absl::IsNotFound(status)) Note(status);
    return false;
  }

  void MultiGet(std::span<const std::string_view> keys,
                std::span<uint64_t> sums, std::span<bool> found) override {
    values_.resize(keys.size());
    statuses_.resize(keys.size());
    db_.MultiGet(read_, keys, values_, statuses_);
    for (size_t i = 0; i < keys.size(); ++i) {
      found[i] = Take(statuses_[i], values_[i], &sums[i]);
    }
  }

  absl::StatusOr<std::unique_ptr<AsyncReads>> NewAsyncReads(
      size_t depth) override {
    ReadSessionOptions options;
    options.depth = static_cast<uint32_t>(depth);
    QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<ReadSession> session,
                           ReadSession::Open(db_, options));
    return std::make_unique<QuireAsyncReads>(std::move(session));
  }

  absl::StatusOr<ScanSums> Scan(ScanOrder order) override {
    ScanSums sums;
    const std::unique_ptr<Iterator> it = db_.NewIterator(read_);
    const bool forward = order == ScanOrder::kForward;
    forward ? it->SeekToFirst() : it->SeekToLast();
    while (it->Valid()) {
      QUIRE_ASSIGN_OR_RETURN(const std::string_view value, it->value());
      sums.Add(it->key(), value);
      forward ? it->Next() : it->Prev();
    }
    QUIRE_RETURN_IF_ERROR(it->status());
    return sums;
  }

 private:
  bool Take(const absl::Status& status, const PinnedValue& value,
            uint64_t* sum) {
    if (status.ok()) {
      *sum = SumOf(value.value());
      return true;
    }
    if (!absl::IsNotFound(status)) Note(status);
    return false;
  }

  DB& db_;
  const ReadOptions read_;
  PinnedValue value_;
  std::string copy_;
  std::vector<PinnedValue> values_;
  std::vector<absl::Status> statuses_;
};

WriteBatch BatchOf(std::span<const Entry> entries) {
  WriteBatch batch;
  for (const Entry& entry : entries) batch.Put(entry.key, entry.value);
  return batch;
}

absl::StatusOr<std::unique_ptr<QuireEngine>> Open(
    const Options& options, const std::string& directory) {
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<DB> db, DB::Open(options, directory));
  return std::make_unique<QuireEngine>(std::move(db));
}

absl::StatusOr<std::unique_ptr<Engine>> Create(const EngineOptions& engine) {
  Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  return Open(options, engine.directory);
}

// What is left of the memory for cached pages, behind the process and the
// index.
absl::StatusOr<uint64_t> CacheBytesWithin(const EngineOptions& engine,
                                          Options options) {
  options.index_memory_bytes = 0;
  options.provider.cache_bytes = 1 << 20;
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<DB> db,
                         DB::Open(options, engine.directory));
  const uint64_t taken = kProcessBytes + db->GetStats().hash_section_bytes;
  const uint64_t rest =
      engine.memory_bytes > taken ? engine.memory_bytes - taken : 0;
  // Under buffered a piece passes through the page cache, which needs some.
  const bool shared = options.provider.read_mode == io::ReadMode::kBuffered;
  return std::max(shared ? rest / 2 : rest, uint64_t{4} << 20);
}

template <io::ReadMode kMode>
absl::StatusOr<std::unique_ptr<Engine>> OpenIn(const EngineOptions& engine) {
  Options options;
  // Beside the others that read the same files.
  options.read_only = true;
  options.provider.read_mode = kMode;
  options.provider.read_mode_policy = io::ProviderPolicy::kRequire;
  options.provider.cache_bytes = engine.cache_bytes;
  if (engine.memory_bytes > 0) {
    QUIRE_ASSIGN_OR_RETURN(options.provider.cache_bytes,
                           CacheBytesWithin(engine, options));
  }
  return Open(options, engine.directory);
}

constexpr char kSettings[] =
    "read-only open; index in memory, checksums verified; pinned values";

constexpr std::array kContenders = {
    Contender{"quire direct", false, "quire", kSettings, Create,
              OpenIn<io::ReadMode::kDirect>, false, true},
    Contender{"quire mmap", false, "quire", kSettings, Create,
              OpenIn<io::ReadMode::kMmap>, false, true},
    Contender{"quire buffered", false, "quire", kSettings, Create,
              OpenIn<io::ReadMode::kBuffered>, false, true},
    Contender{"quire pread", false, "quire", kSettings, Create,
              OpenIn<io::ReadMode::kPread>, false, true},
};

}  // namespace

std::span<const Contender> QuireContenders() { return kContenders; }

QuireEngine::QuireEngine(std::unique_ptr<DB> db) : db_(std::move(db)) {}

absl::Status QuireEngine::Write(std::span<const Entry> entries) {
  return db_->Write({}, BatchOf(entries));
}

absl::Status QuireEngine::WriteSynced(std::span<const Entry> entries) {
  return db_->Write({.sync = true}, BatchOf(entries));
}

absl::Status QuireEngine::Finish() {
  QUIRE_RETURN_IF_ERROR(db_->Sync());
  return db_->WaitForMerges();
}

absl::Status QuireEngine::Settle() { return db_->CompactRange({}); }

absl::StatusOr<std::unique_ptr<Reader>> QuireEngine::NewReader() {
  return std::make_unique<QuireReader>(*db_);
}

std::optional<uint64_t> QuireEngine::RecordsRead() {
  return db_->GetStats().provider.read_extents;
}

absl::StatusOr<std::unique_ptr<QuireEngine>> OpenQuireUnmerged(
    const EngineOptions& engine) {
  Options options;
  options.create_if_missing = true;
  options.automatic_merges = false;
  options.memtable_bytes = uint64_t{1} << 30;
  return Open(options, engine.directory);
}

}  // namespace quire::benchmarks
