// A small closed database, in memory, that a sweep of damage starts from.
#ifndef QUIRE_TESTS_DAMAGE_SMALL_DATABASE_H_
#define QUIRE_TESTS_DAMAGE_SMALL_DATABASE_H_

#include <map>
#include <string>
#include <vector>

namespace quire::testing {

struct SmallDatabase {
  // The directory's files by name. LOCK, in which each opener writes its
  // process's id, has one that doesn't depend on who made the database.
  std::map<std::string, std::string> files;
  // Files of the same database in earlier states, and of a checkpoint of it.
  std::vector<std::map<std::string, std::string>> earlier;
  // What reading must give.
  std::map<std::string, std::string> values;
  // Keys that were deleted, or never there.
  std::vector<std::string> absent;
};

// Makes one in `directory`, which must be empty: 83,512 bytes in two runs,
// with older versions kept for a snapshot, tombstones, empty and large values,
// and a manifest of several edits. The same at each call but for random ids.
// Ends the process if that fails.
SmallDatabase MakeSmallDatabase(const std::string& directory);

// All regular files of a directory by name, LOCK left out.
std::map<std::string, std::string> ReadDirectory(const std::string& directory);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_DAMAGE_SMALL_DATABASE_H_
