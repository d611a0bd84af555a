// LevelDB under comparison: Bloom filters of 10 bits, no compression, checksums
// verified, a cache as large as the others'. Values are copies, since its API
// has nothing else.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/peers.h"

namespace quire::benchmarks {
namespace {

constexpr int kBloomBits = 10;

absl::Status Converted(const leveldb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("leveldb: ", status.ToString()));
}

leveldb::Slice SliceOf(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

std::string_view BytesOf(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

class LevelDbReader : public Reader {
 public:
  explicit LevelDbReader(leveldb::DB& db) : db_(db) {
    read_.verify_checksums = true;
  }

  bool Get(std::string_view key, uint64_t* sum) override {
    const leveldb::Status status = db_.Get(read_, SliceOf(key), &value_);
    if (status.ok()) {
      *sum = SumOf(value_);
      return true;
    }
    if (!status.IsNotFound()) Note(Converted(status));
    return false;
  }

  absl::StatusOr<ScanSums> Scan(ScanOrder order) override {
    ScanSums sums;
    const std::unique_ptr<leveldb::Iterator> it(db_.NewIterator(read_));
    const bool forward = order == ScanOrder::kForward;
    forward ? it->SeekToFirst() : it->SeekToLast();
    while (it->Valid()) {
      sums.Add(BytesOf(it->key()), BytesOf(it->value()));
      forward ? it->Next() : it->Prev();
    }
    QUIRE_RETURN_IF_ERROR(Converted(it->status()));
    return sums;
  }

 private:
  leveldb::DB& db_;
  leveldb::ReadOptions read_;
  std::string value_;
};

class LevelDbEngine : public Engine {
 public:
  absl::Status Open(const EngineOptions& options) {
    leveldb::Options open;
    open.create_if_missing = true;
    open.compression = leveldb::kNoCompression;
    open.write_buffer_size = 64 << 20;
    open.max_open_files = 10'000;
    open.filter_policy = filter_.get();
    // With little memory: LevelDB's default, and the page cache, in which
    // blocks lie as they are.
    if (options.cache_bytes > 0 && options.memory_bytes == 0) {
      cache_.reset(leveldb::NewLRUCache(options.cache_bytes));
      open.block_cache = cache_.get();
    }
    leveldb::DB* db = nullptr;
    QUIRE_RETURN_IF_ERROR(
        Converted(leveldb::DB::Open(open, options.directory, &db)));
    db_.reset(db);
    return absl::OkStatus();
  }

  absl::Status Write(std::span<const Entry> entries) override {
    return WriteWith({}, entries);
  }

  absl::Status WriteSynced(std::span<const Entry> entries) override {
    leveldb::WriteOptions sync;
    sync.sync = true;
    return WriteWith(sync, entries);
  }

  // LevelDB can't be asked whether a compaction is due: what it puts off isn't
  // in its time.
  absl::Status Finish() override { return WriteSynced({}); }

  absl::Status Settle() override {
    db_->CompactRange(nullptr, nullptr);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Reader>> NewReader() override {
    return std::make_unique<LevelDbReader>(*db_);
  }

 private:
  absl::Status WriteWith(const leveldb::WriteOptions& write,
                         std::span<const Entry> entries) {
    leveldb::WriteBatch batch;
    for (const Entry& entry : entries) {
      batch.Put(SliceOf(entry.key), SliceOf(entry.value));
    }
    return Converted(db_->Write(write, &batch));
  }

  // Both outlive the database.
  std::unique_ptr<leveldb::Cache> cache_;
  const std::unique_ptr<const leveldb::FilterPolicy> filter_{
      leveldb::NewBloomFilterPolicy(kBloomBits)};
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> OpenLevelDb(
    const EngineOptions& options) {
  auto engine = std::make_unique<LevelDbEngine>();
  QUIRE_RETURN_IF_ERROR(engine->Open(options));
  return engine;
}

}  // namespace quire::benchmarks
