// RocksDB under comparison: HyperClockCache, Bloom filters of 10 bits, index
// and filters held in memory, no compression, checksums verified, values pinned
// in the cache, MultiGet with asynchronous reads.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/peers.h"

namespace quire::benchmarks {
namespace {

constexpr double kBloomBits = 10;
constexpr size_t kBlockBytes = 4096;
// Buffers, threads and the cache's own table beside the cache.
constexpr uint64_t kFilesBytes = uint64_t{8} << 20;

absl::Status Converted(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("rocksdb: ", status.ToString()));
}

rocksdb::Slice SliceOf(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

class RocksDbReader : public Reader {
 public:
  explicit RocksDbReader(rocksdb::DB& db) : db_(db) {
    read_.verify_checksums = true;
    many_ = read_;
    many_.async_io = true;
  }

  bool Get(std::string_view key, uint64_t* sum) override {
    value_.Reset();
    return Take(
        db_.Get(read_, db_.DefaultColumnFamily(), SliceOf(key), &value_),
        value_, sum);
  }

  void MultiGet(std::span<const std::string_view> keys,
                std::span<uint64_t> sums, std::span<bool> found) override {
    keys_.clear();
    for (const std::string_view key : keys) keys_.push_back(SliceOf(key));
    values_.resize(keys.size());
    statuses_.resize(keys.size());
    for (rocksdb::PinnableSlice& value : values_) value.Reset();
    db_.MultiGet(many_, db_.DefaultColumnFamily(), keys.size(), keys_.data(),
                 values_.data(), statuses_.data());
    for (size_t i = 0; i < keys.size(); ++i) {
      found[i] = Take(statuses_[i], values_[i], &sums[i]);
    }
  }

  absl::StatusOr<ScanSums> Scan(ScanOrder order) override {
    ScanSums sums;
    const std::unique_ptr<rocksdb::Iterator> it(db_.NewIterator(read_));
    const bool forward = order == ScanOrder::kForward;
    forward ? it->SeekToFirst() : it->SeekToLast();
    while (it->Valid()) {
      sums.Add(it->key().ToStringView(), it->value().ToStringView());
      forward ? it->Next() : it->Prev();
    }
    QUIRE_RETURN_IF_ERROR(Converted(it->status()));
    return sums;
  }

 private:
  bool Take(const rocksdb::Status& status, const rocksdb::PinnableSlice& value,
            uint64_t* sum) {
    if (status.ok()) {
      *sum = SumOf(value.ToStringView());
      return true;
    }
    if (!status.IsNotFound()) Note(Converted(status));
    return false;
  }

  rocksdb::DB& db_;
  rocksdb::ReadOptions read_;
  rocksdb::ReadOptions many_;
  rocksdb::PinnableSlice value_;
  std::vector<rocksdb::Slice> keys_;
  std::vector<rocksdb::PinnableSlice> values_;
  std::vector<rocksdb::Status> statuses_;
};

class RocksDbEngine : public Engine {
 public:
  absl::Status Open(const EngineOptions& options, bool direct_reads) {
    rocksdb::Options open;
    open.create_if_missing = true;
    open.compression = rocksdb::kNoCompression;
    open.max_open_files = -1;
    open.IncreaseParallelism(2);
    rocksdb::BlockBasedTableOptions table;
    table.block_size = kBlockBytes;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBits));
    open.use_direct_reads = direct_reads;
    // With little memory and no direct reads: RocksDB's default, and the page
    // cache.
    const uint64_t cache_bytes = options.memory_bytes == 0 ? options.cache_bytes
                                 : direct_reads ? options.memory_bytes
                                                : 0;
    if (cache_bytes > 0) {
      table.block_cache =
          rocksdb::HyperClockCacheOptions(cache_bytes, kBlockBytes)
              .MakeSharedCache();
    }
    open.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    QUIRE_RETURN_IF_ERROR(
        Converted(rocksdb::DB::Open(open, options.directory, &db)));
    db_.reset(db);
    if (options.memory_bytes == 0 || !direct_reads) return absl::OkStatus();
    // What is left behind the process, filters and index.
    uint64_t tables = 0;
    db_->GetIntProperty("rocksdb.estimate-table-readers-mem", &tables);
    const uint64_t taken = kProcessBytes + kFilesBytes + tables;
    table.block_cache->SetCapacity(options.memory_bytes -
                                   std::min(options.memory_bytes / 2, taken));
    return absl::OkStatus();
  }

  absl::Status Write(std::span<const Entry> entries) override {
    return WriteWith({}, entries);
  }

  absl::Status WriteSynced(std::span<const Entry> entries) override {
    rocksdb::WriteOptions sync;
    sync.sync = true;
    return WriteWith(sync, entries);
  }

  // As with LevelDB, compactions that are due aren't waited for.
  absl::Status Finish() override {
    return Converted(db_->FlushWAL(/*sync=*/true));
  }

  absl::Status Settle() override {
    QUIRE_RETURN_IF_ERROR(Converted(db_->Flush({})));
    return Converted(db_->CompactRange({}, nullptr, nullptr));
  }

  absl::StatusOr<std::unique_ptr<Reader>> NewReader() override {
    return std::make_unique<RocksDbReader>(*db_);
  }

 private:
  absl::Status WriteWith(const rocksdb::WriteOptions& write,
                         std::span<const Entry> entries) {
    rocksdb::WriteBatch batch;
    for (const Entry& entry : entries) {
      QUIRE_RETURN_IF_ERROR(
          Converted(batch.Put(SliceOf(entry.key), SliceOf(entry.value))));
    }
    return Converted(db_->Write(write, &batch));
  }

  std::unique_ptr<rocksdb::DB> db_;
};

absl::StatusOr<std::unique_ptr<Engine>> OpenWith(const EngineOptions& options,
                                                 bool direct_reads) {
  auto engine = std::make_unique<RocksDbEngine>();
  QUIRE_RETURN_IF_ERROR(engine->Open(options, direct_reads));
  return engine;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> OpenRocksDb(
    const EngineOptions& options) {
  return OpenWith(options, false);
}

absl::StatusOr<std::unique_ptr<Engine>> OpenRocksDbDirect(
    const EngineOptions& options) {
  return OpenWith(options, true);
}

}  // namespace quire::benchmarks
