#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include "tests/torture/faults/peer_subjects.h"

namespace quire::torture {
namespace {

std::string TextOf(const rocksdb::Status& status) {
  return status.ok() ? "" : status.ToString();
}

class RocksDbStore final : public Store {
 public:
  explicit RocksDbStore(rocksdb::DB* db) : db_(db) {}

  std::string Write(const Entries& entries) override {
    rocksdb::WriteBatch batch;
    for (const auto& [key, value] : entries) batch.Put(key, value);
    rocksdb::WriteOptions write;
    write.sync = true;
    return TextOf(db_->Write(write, &batch));
  }

  Found Get(const std::string& key, std::string* value) override {
    const rocksdb::Status status = db_->Get({}, key, value);
    if (status.ok()) return Found::kValue;
    return status.IsNotFound() ? Found::kAbsent : Found::kError;
  }

  std::string Settle() override {
    const rocksdb::Status status = db_->Flush({});
    if (!status.ok()) return TextOf(status);
    return TextOf(db_->CompactRange({}, nullptr, nullptr));
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
};

Subject NewSubject(const std::string& name, bool mapped) {
  const auto open = [mapped](const std::string& directory,
                             std::string* error) -> std::unique_ptr<Store> {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.allow_mmap_reads = mapped;
    rocksdb::DB* db = nullptr;
    *error = TextOf(rocksdb::DB::Open(options, directory, &db));
    if (db == nullptr) return nullptr;
    return std::make_unique<RocksDbStore>(db);
  };
  return {
      .name = name, .open = open, .log = ".log", .data = ".sst", .index = ""};
}

}  // namespace

std::vector<Subject> RocksDbSubjects() {
  return {NewSubject("RocksDB", false), NewSubject("RocksDB mmap", true)};
}

}  // namespace quire::torture
