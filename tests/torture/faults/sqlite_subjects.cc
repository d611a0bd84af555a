#include <sqlite3.h>

#include "tests/torture/faults/peer_subjects.h"

namespace quire::torture {
namespace {

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(sqlite3* db) : db_(db) {}
  ~SqliteStore() override {
    sqlite3_finalize(put_);
    sqlite3_finalize(get_);
    sqlite3_close(db_);
  }

  std::string Execute(const std::string& statement) {
    if (sqlite3_exec(db_, statement.c_str(), nullptr, nullptr, nullptr) ==
        SQLITE_OK) {
      return "";
    }
    return Complaint();
  }

  std::string Prepare() {
    const auto prepare = [this](const char* text, sqlite3_stmt** statement) {
      return sqlite3_prepare_v2(db_, text, -1, statement, nullptr) == SQLITE_OK;
    };
    if (prepare("REPLACE INTO t VALUES (?, ?)", &put_) &&
        prepare("SELECT value FROM t WHERE key = ?", &get_)) {
      return "";
    }
    return Complaint();
  }

  std::string Write(const Entries& entries) override {
    std::string error = Execute("BEGIN IMMEDIATE");
    for (const auto& [key, value] : entries) {
      if (!error.empty()) break;
      Bind(put_, 1, key);
      Bind(put_, 2, value);
      if (sqlite3_step(put_) != SQLITE_DONE) error = Complaint();
      sqlite3_reset(put_);
    }
    if (error.empty()) error = Execute("COMMIT");
    if (!error.empty()) Execute("ROLLBACK");
    return error;
  }

  Found Get(const std::string& key, std::string* value) override {
    Bind(get_, 1, key);
    const int result = sqlite3_step(get_);
    if (result == SQLITE_ROW) {
      value->assign(static_cast<const char*>(sqlite3_column_blob(get_, 0)),
                    static_cast<size_t>(sqlite3_column_bytes(get_, 0)));
    }
    sqlite3_reset(get_);
    if (result == SQLITE_ROW) return Found::kValue;
    return result == SQLITE_DONE ? Found::kAbsent : Found::kError;
  }

  std::string Settle() override {
    return Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }

 private:
  std::string Complaint() const { return sqlite3_errmsg(db_); }

  static void Bind(sqlite3_stmt* statement, int index,
                   const std::string& bytes) {
    sqlite3_bind_blob(statement, index, bytes.data(),
                      static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
  }

  sqlite3* const db_;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
};

Subject NewSubject(const std::string& name, const std::string& journal) {
  const auto open = [journal](const std::string& directory,
                              std::string* error) -> std::unique_ptr<Store> {
    sqlite3* db = nullptr;
    const int result = sqlite3_open((directory + "/main.sqlite").c_str(), &db);
    auto store = std::make_unique<SqliteStore>(db);
    if (result != SQLITE_OK) *error = sqlite3_errmsg(db);
    for (const std::string& statement :
         {"PRAGMA journal_mode=" + journal,
          std::string("PRAGMA synchronous=FULL"),
          std::string("CREATE TABLE IF NOT EXISTS t "
                      "(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")}) {
      if (error->empty()) *error = store->Execute(statement);
    }
    if (error->empty()) *error = store->Prepare();
    if (!error->empty()) return nullptr;
    return store;
  };
  return {.name = name,
          .open = open,
          .log = journal == "WAL" ? ".sqlite-wal" : "",
          .data = ".sqlite",
          .index = ""};
}

}  // namespace

std::vector<Subject> SqliteSubjects() {
  return {NewSubject("SQLite WAL", "WAL"),
          NewSubject("SQLite rollback", "DELETE")};
}

}  // namespace quire::torture
