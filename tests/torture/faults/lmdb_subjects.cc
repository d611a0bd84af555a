#include <lmdb.h>

#include "tests/torture/faults/peer_subjects.h"

namespace quire::torture {
namespace {

std::string TextOf(int result) {
  return result == MDB_SUCCESS ? "" : mdb_strerror(result);
}

MDB_val ValueOf(const std::string& bytes) {
  // LMDB's interface has no const; it doesn't write there.
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

class LmdbStore final : public Store {
 public:
  LmdbStore(MDB_env* env, MDB_dbi table) : env_(env), table_(table) {}
  ~LmdbStore() override { mdb_env_close(env_); }

  std::string Write(const Entries& entries) override {
    MDB_txn* transaction = nullptr;
    int result = mdb_txn_begin(env_, nullptr, 0, &transaction);
    if (result != MDB_SUCCESS) return TextOf(result);
    for (const auto& [name, content] : entries) {
      MDB_val key = ValueOf(name);
      MDB_val value = ValueOf(content);
      result = mdb_put(transaction, table_, &key, &value, 0);
      if (result == MDB_SUCCESS) continue;
      mdb_txn_abort(transaction);
      return TextOf(result);
    }
    return TextOf(mdb_txn_commit(transaction));
  }

  Found Get(const std::string& key, std::string* value) override {
    MDB_txn* transaction = nullptr;
    if (mdb_txn_begin(env_, nullptr, MDB_RDONLY, &transaction) != MDB_SUCCESS) {
      return Found::kError;
    }
    MDB_val name = ValueOf(key);
    MDB_val found;
    const int result = mdb_get(transaction, table_, &name, &found);
    if (result == MDB_SUCCESS) {
      value->assign(static_cast<const char*>(found.mv_data), found.mv_size);
    }
    mdb_txn_abort(transaction);
    if (result == MDB_SUCCESS) return Found::kValue;
    return result == MDB_NOTFOUND ? Found::kAbsent : Found::kError;
  }

  std::string Settle() override { return ""; }

 private:
  MDB_env* const env_;
  const MDB_dbi table_;
};

std::unique_ptr<Store> Open(const std::string& directory, std::string* error) {
  MDB_env* env = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi table = 0;
  int result = mdb_env_create(&env);
  if (result == MDB_SUCCESS) result = mdb_env_set_mapsize(env, 64 << 20);
  if (result == MDB_SUCCESS) {
    result = mdb_env_open(env, directory.c_str(), 0, 0600);
  }
  if (result == MDB_SUCCESS) {
    result = mdb_txn_begin(env, nullptr, 0, &transaction);
  }
  if (result == MDB_SUCCESS) {
    result = mdb_dbi_open(transaction, nullptr, 0, &table);
  }
  if (result == MDB_SUCCESS) {
    result = mdb_txn_commit(transaction);
    transaction = nullptr;
  }
  if (result == MDB_SUCCESS) return std::make_unique<LmdbStore>(env, table);
  *error = TextOf(result);
  if (transaction != nullptr) mdb_txn_abort(transaction);
  if (env != nullptr) mdb_env_close(env);
  return nullptr;
}

}  // namespace

std::vector<Subject> LmdbSubjects() {
  return {{.name = "LMDB",
           .open = Open,
           .log = "",
           .data = "data.mdb",
           .index = ""}};
}

}  // namespace quire::torture
