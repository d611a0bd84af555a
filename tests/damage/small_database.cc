#include "tests/damage/small_database.h"

#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "kv/db.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

constexpr int kKeys = 20;

std::string Key(int i) {
  std::string key = "key" + std::to_string(i);
  // Some share long prefixes, some are long, one is empty.
  if (i % 5 == 0) key = "a long prefix that several keys share/" + key;
  if (i == 7) key.append(300, 'k');
  return i == 0 ? "" : key;
}

std::string Value(int i, int version) {
  static constexpr size_t kSizes[] = {0, 1, 7, 30, 100, 250, 480, 700};
  std::string value = "v" + std::to_string(version) + ".";
  const size_t size = i == 11 ? 4200 : kSizes[i % 8];
  while (value.size() < size)
    value += static_cast<char>('a' + value.size() % 23);
  return size == 0 ? "" : value;
}

// Writes to the database and keeps what it must hold.
class Maker {
 public:
  explicit Maker(const std::string& path) : path_(path) { Open(); }

  void Put(int i, int version) {
    Require(db_->Put({}, Key(i), Value(i, version)));
    database_.values[Key(i)] = Value(i, version);
  }
  void Delete(int i) {
    Require(db_->Delete({}, Key(i)));
    database_.values.erase(Key(i));
    database_.absent.push_back(Key(i));
  }
  void Flush() { Require(db_->FlushMemtables()); }
  void Checkpoint(const std::string& directory) {
    Require(db_->Checkpoint(directory));
    database_.earlier.push_back(ReadDirectory(directory));
  }
  void KeepState() { database_.earlier.push_back(ReadDirectory(path_)); }
  std::unique_ptr<const Snapshot> GetSnapshot() { return db_->GetSnapshot(); }
  void Open() {
    Options options;
    options.create_if_missing = true;
    options.automatic_merges = false;
    auto db = DB::Open(options, path_);
    Require(db.status());
    db_ = *std::move(db);
  }
  void Close() { Require(db_->Close()); }

  SmallDatabase Finish() {
    database_.files = ReadDirectory(path_);
    database_.files["LOCK"] = "1234567\n";
    database_.absent.emplace_back("never there");
    database_.absent.emplace_back("key");
    return std::move(database_);
  }

 private:
  static void Require(const absl::Status& status) { QUIRE_CHECK(status.ok()); }

  const std::string path_;
  std::unique_ptr<DB> db_;
  SmallDatabase database_;
};

}  // namespace

std::map<std::string, std::string> ReadDirectory(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || name == "LOCK") continue;
    files[name] = ReadFile(entry.path());
  }
  return files;
}

SmallDatabase MakeSmallDatabase(const std::string& directory) {
  const std::string path = directory + "/db";
  Maker maker(path);
  for (int i = 0; i < kKeys; ++i) maker.Put(i, 1);
  {
    const auto snapshot = maker.GetSnapshot();
    for (int i = 0; i < kKeys; i += 6) maker.Put(i, 2);
    maker.Flush();
  }
  maker.Checkpoint(directory + "/checkpoint");
  maker.Close();
  maker.KeepState();
  maker.Open();
  for (int i = 1; i < kKeys; i += 6) maker.Put(i, 3);
  for (int i = 3; i < kKeys; i += 6) maker.Delete(i);
  maker.Close();
  return maker.Finish();
}

}  // namespace quire::testing
