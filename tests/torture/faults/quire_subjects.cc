#include "tests/torture/faults/quire_subjects.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/db.h"
#include "kv/options.h"
#include "kv/write_batch.h"

namespace quire::torture {
namespace {

std::string TextOf(const absl::Status& status) {
  return status.ok() ? "" : status.ToString();
}

class QuireStore final : public Store {
 public:
  explicit QuireStore(std::unique_ptr<DB> db) : db_(std::move(db)) {}

  std::string Write(const Entries& entries) override {
    WriteBatch batch;
    for (const auto& [key, value] : entries) batch.Put(key, value);
    return TextOf(db_->Write({.sync = true}, batch));
  }

  Found Get(const std::string& key, std::string* value) override {
    const absl::Status status = db_->Get({}, key, value);
    if (status.ok()) return Found::kValue;
    return absl::IsNotFound(status) ? Found::kAbsent : Found::kError;
  }

  std::string Settle() override { return TextOf(db_->FlushMemtables()); }

 private:
  const std::unique_ptr<DB> db_;
};

}  // namespace

std::vector<Subject> QuireSubjects() {
  std::vector<Subject> subjects;
  for (const ReadMode mode : {ReadMode::kPread, ReadMode::kBuffered,
                              ReadMode::kMmap, ReadMode::kDirect}) {
    const auto open = [mode](const std::string& directory,
                             std::string* error) -> std::unique_ptr<Store> {
      Options options;
      options.create_if_missing = true;
      options.provider.read_mode = mode;
      absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, directory);
      if (db.ok()) return std::make_unique<QuireStore>(*std::move(db));
      *error = db.status().ToString();
      return nullptr;
    };
    subjects.push_back({.name = std::string("Quire ") + io::ReadModeName(mode),
                        .open = open,
                        .log = ".seg",
                        .data = ".seg",
                        .index = ".tbl"});
  }
  return subjects;
}

}  // namespace quire::torture
