// Quire under comparison.
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "benchmarks/compare/engines.h"
#include "kv/db.h"
#include "kv/iterator.h"
#include "kv/pinned_value.h"
#include "kv/write_batch.h"

namespace quire::benchmarks {
namespace {

class QuireReader : public Reader {
 public:
  explicit QuireReader(DB& db) : db_(db) {}

  bool Get(std::string_view key, uint64_t* sum) override {
    return Take(db_.Get(read_, key, &value_), value_, sum);
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
  std::vector<PinnedValue> values_;
  std::vector<absl::Status> statuses_;
};

class QuireEngine : public Engine {
 public:
  explicit QuireEngine(std::unique_ptr<DB> db) : db_(std::move(db)) {}

  absl::Status Write(std::span<const Entry> entries) override {
    WriteBatch batch;
    for (const Entry& entry : entries) batch.Put(entry.key, entry.value);
    return db_->Write({}, batch);
  }

  absl::Status Settle() override { return db_->CompactRange({}); }

  absl::StatusOr<std::unique_ptr<Reader>> NewReader() override {
    return std::make_unique<QuireReader>(*db_);
  }

 private:
  const std::unique_ptr<DB> db_;
};

absl::StatusOr<std::unique_ptr<Engine>> Open(const Options& options,
                                             const EngineOptions& engine) {
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<DB> db,
                         DB::Open(options, engine.directory));
  return std::make_unique<QuireEngine>(std::move(db));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> CreateQuire(
    const EngineOptions& engine) {
  Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  return Open(options, engine);
}

absl::StatusOr<std::unique_ptr<Engine>> OpenQuire(const EngineOptions& engine,
                                                  io::ReadMode mode) {
  Options options;
  // Beside the others that read the same files.
  options.read_only = true;
  options.provider.read_mode = mode;
  options.provider.read_mode_policy = io::ProviderPolicy::kRequire;
  options.provider.cache_bytes = engine.cache_bytes;
  return Open(options, engine);
}

}  // namespace quire::benchmarks
