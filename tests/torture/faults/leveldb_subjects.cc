#include <leveldb/db.h>
#include <leveldb/write_batch.h>

#include "tests/torture/faults/peer_subjects.h"

namespace quire::torture {
namespace {

std::string TextOf(const leveldb::Status& status) {
  return status.ok() ? "" : status.ToString();
}

class LevelDbStore final : public Store {
 public:
  LevelDbStore(leveldb::DB* db, bool verify) : db_(db) {
    read_.verify_checksums = verify;
  }

  std::string Write(const Entries& entries) override {
    leveldb::WriteBatch batch;
    for (const auto& [key, value] : entries) batch.Put(key, value);
    leveldb::WriteOptions write;
    write.sync = true;
    return TextOf(db_->Write(write, &batch));
  }

  Found Get(const std::string& key, std::string* value) override {
    const leveldb::Status status = db_->Get(read_, key, value);
    if (status.ok()) return Found::kValue;
    return status.IsNotFound() ? Found::kAbsent : Found::kError;
  }

  std::string Settle() override {
    db_->CompactRange(nullptr, nullptr);
    return "";
  }

 private:
  const std::unique_ptr<leveldb::DB> db_;
  leveldb::ReadOptions read_;
};

Subject NewSubject(const std::string& name, bool paranoid) {
  const auto open = [paranoid](const std::string& directory,
                               std::string* error) -> std::unique_ptr<Store> {
    leveldb::Options options;
    options.create_if_missing = true;
    options.paranoid_checks = paranoid;
    leveldb::DB* db = nullptr;
    *error = TextOf(leveldb::DB::Open(options, directory, &db));
    if (db == nullptr) return nullptr;
    return std::make_unique<LevelDbStore>(db, paranoid);
  };
  return {
      .name = name, .open = open, .log = ".log", .data = ".ldb", .index = ""};
}

}  // namespace

std::vector<Subject> LevelDbSubjects() {
  return {NewSubject("LevelDB", false), NewSubject("LevelDB paranoid", true)};
}

}  // namespace quire::torture
