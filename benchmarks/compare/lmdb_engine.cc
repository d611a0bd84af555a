// LMDB under comparison: one read transaction and one cursor a reader, values
// where they lie in the map. Loaded with a writable map and without syncs.
#include <lmdb.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/peers.h"

namespace quire::benchmarks {
namespace {

absl::Status Checked(const char* call, int result) {
  if (result == MDB_SUCCESS) return absl::OkStatus();
  return absl::UnknownError(
      absl::StrCat("lmdb: ", call, ": ", mdb_strerror(result)));
}

MDB_val ValueOf(std::string_view bytes) {
  // LMDB's interface has no const; it doesn't write there.
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

std::string_view BytesOf(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

class LmdbReader : public Reader {
 public:
  LmdbReader(MDB_env* env, MDB_dbi table) : env_(env), table_(table) {}
  ~LmdbReader() override {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
  }

  absl::Status Init() {
    return Checked("mdb_txn_begin",
                   mdb_txn_begin(env_, nullptr, MDB_RDONLY, &transaction_));
  }

  bool Get(std::string_view key, uint64_t* sum) override {
    MDB_val name = ValueOf(key);
    MDB_val value;
    const int result = mdb_get(transaction_, table_, &name, &value);
    if (result == MDB_SUCCESS) {
      *sum = SumOf(BytesOf(value));
      return true;
    }
    if (result != MDB_NOTFOUND) Note(Checked("mdb_get", result));
    return false;
  }

  absl::StatusOr<ScanSums> Scan(ScanOrder order) override {
    MDB_cursor* cursor = nullptr;
    QUIRE_RETURN_IF_ERROR(Checked(
        "mdb_cursor_open", mdb_cursor_open(transaction_, table_, &cursor)));
    const MDB_cursor_op next =
        order == ScanOrder::kForward ? MDB_NEXT : MDB_PREV;
    ScanSums sums;
    MDB_val key;
    MDB_val value;
    int result = MDB_SUCCESS;
    while ((result = mdb_cursor_get(cursor, &key, &value, next)) ==
           MDB_SUCCESS) {
      sums.Add(BytesOf(key), BytesOf(value));
    }
    mdb_cursor_close(cursor);
    if (result == MDB_NOTFOUND) return sums;
    return Checked("mdb_cursor_get", result);
  }

 private:
  MDB_env* const env_;
  const MDB_dbi table_;
  MDB_txn* transaction_ = nullptr;
};

class LmdbEngine : public Engine {
 public:
  ~LmdbEngine() override { mdb_env_close(env_); }

  absl::Status Open(const EngineOptions& options, unsigned flags) {
    std::error_code ignored;  // an error shows when it is opened
    std::filesystem::create_directory(options.directory, ignored);
    QUIRE_RETURN_IF_ERROR(Checked("mdb_env_create", mdb_env_create(&env_)));
    QUIRE_RETURN_IF_ERROR(
        Checked("mdb_env_set_mapsize",
                mdb_env_set_mapsize(env_, 4 * options.data_bytes + (1 << 30))));
    QUIRE_RETURN_IF_ERROR(Checked(
        "mdb_env_open", mdb_env_open(env_, options.directory.c_str(),
                                     flags | MDB_NOTLS | MDB_NORDAHEAD, 0644)));
    MDB_txn* transaction = nullptr;
    QUIRE_RETURN_IF_ERROR(Checked(
        "mdb_txn_begin",
        mdb_txn_begin(env_, nullptr, flags & MDB_RDONLY, &transaction)));
    absl::Status status =
        Checked("mdb_dbi_open", mdb_dbi_open(transaction, nullptr, 0, &table_));
    if (!status.ok()) {
      mdb_txn_abort(transaction);
      return status;
    }
    return Checked("mdb_txn_commit", mdb_txn_commit(transaction));
  }

  absl::Status Write(std::span<const Entry> entries) override {
    MDB_txn* transaction = nullptr;
    QUIRE_RETURN_IF_ERROR(Checked(
        "mdb_txn_begin", mdb_txn_begin(env_, nullptr, 0, &transaction)));
    for (const Entry& entry : entries) {
      MDB_val key = ValueOf(entry.key);
      MDB_val value = ValueOf(entry.value);
      absl::Status status =
          Checked("mdb_put", mdb_put(transaction, table_, &key, &value, 0));
      if (!status.ok()) {
        mdb_txn_abort(transaction);
        return status;
      }
    }
    return Checked("mdb_txn_commit", mdb_txn_commit(transaction));
  }

  absl::Status Finish() override { return Settle(); }

  absl::Status Settle() override {
    return Checked("mdb_env_sync", mdb_env_sync(env_, 1));
  }

  absl::StatusOr<std::unique_ptr<Reader>> NewReader() override {
    auto reader = std::make_unique<LmdbReader>(env_, table_);
    QUIRE_RETURN_IF_ERROR(reader->Init());
    return reader;
  }

 private:
  MDB_env* env_ = nullptr;
  MDB_dbi table_ = 0;
};

absl::StatusOr<std::unique_ptr<Engine>> Open(const EngineOptions& options,
                                             unsigned flags) {
  auto engine = std::make_unique<LmdbEngine>();
  QUIRE_RETURN_IF_ERROR(engine->Open(options, flags));
  return engine;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> CreateLmdb(
    const EngineOptions& options) {
  return Open(options, MDB_WRITEMAP | MDB_NOSYNC);
}

absl::StatusOr<std::unique_ptr<Engine>> OpenLmdb(const EngineOptions& options) {
  return Open(options, MDB_RDONLY);
}

}  // namespace quire::benchmarks
