// The bug that is at work in this process, if any: to see that the programmes
// see it. See README.md.
#ifndef QUIRE_TESTS_TORTURE_PLANTED_BUG_H_
#define QUIRE_TESTS_TORTURE_PLANTED_BUG_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "io/file_system.h"

namespace quire::torture {

struct PlantedBug {
  const char* name;
  const char* meaning;
  // Whether it is in kv itself (plant_bugs.py puts it there), so that only the
  // planted program has it; the others are made by a file system in between.
  bool in_kv = false;
};
std::span<const PlantedBug> PlantedBugs();

// Plants it, before any thread runs. "": none, as at first.
void PlantBug(std::string_view name);
std::string_view NameOfPlantedBug();
bool IsPlanted(std::string_view name);

// `base`, or a file system over it that has the planted bug.
class PlantedFileSystem {
 public:
  explicit PlantedFileSystem(io::FileSystem& base);
  ~PlantedFileSystem();
  io::FileSystem& front() { return *front_; }

 private:
  std::unique_ptr<io::FileSystem> buggy_;
  io::FileSystem* front_;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_PLANTED_BUG_H_
