// A database to damage and repair, and what should come back of it.

#ifndef QUIRE_TESTS_KV_REPAIR_SCENE_H_
#define QUIRE_TESTS_KV_REPAIR_SCENE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kv/db.h"
#include "kv/repair.h"
#include "tests/kv/database_model.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {

// Opens the database in `path` for writing; it must open as one that was closed
// cleanly. Returns what it holds.
Model OpenAndDump(const std::string& path);

// Names and contents of the files in a directory, less the lock, whose content
// tells of its last holder.
std::map<std::string, std::string> Contents(const std::string& directory);

// A record of a segment file.
struct PlacedRecord {
  std::string file;     // its name
  uint64_t offset = 0;  // of its header
  uint64_t end = 0;     // behind its value
  uint64_t sequence = 0;
  bool is_delete = false;
  std::string key;
  std::string value;
};

// The newest version of each key among `records`, less deleted ones.
Model Newest(const std::vector<PlacedRecord>& records);

// Whether one of the ranges of the file has a byte of [begin, end).
bool Covers(const std::vector<LostRange>& lost, const std::string& file,
            uint64_t begin, uint64_t end);

// A database as a kill left it: several runs, a segment that a recovery had
// rewritten, overwritten and deleted keys, values of 0 B to 20 KB, batches, and
// a tail that is in no run.
class RepairScene {
 public:
  explicit RepairScene(uint64_t seed);

  // The directory; nothing has it open.
  const std::string& path() const { return path_; }

  // The same, closed cleanly.
  const std::string& closed_path() const { return closed_path_; }

  // A copy of `path` that may be damaged.
  std::string Copy(const std::string& path, const std::string& name) const;

  // Every record of the files of `path`.
  static std::vector<PlacedRecord> RecordsIn(const std::string& path);

  const TempDirectory& directory() const { return directory_; }

 private:
  TempDirectory directory_;
  std::string path_;
  std::string closed_path_;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_KV_REPAIR_SCENE_H_
