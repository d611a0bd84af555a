// A directory that holds a small database, damaged and made whole again.
#ifndef QUIRE_TESTS_DAMAGE_IMAGE_H_
#define QUIRE_TESTS_DAMAGE_IMAGE_H_

#include <string>

#include "tests/damage/damage.h"
#include "tests/damage/small_database.h"

namespace quire::testing {

// Best on a file system in memory. One thread. Failures end the process.
class Image {
 public:
  // `directory` is made; `database` must outlive the image.
  Image(const SmallDatabase& database, std::string directory);
  // Removes the directory.
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  const std::string& directory() const { return directory_; }

  void Apply(const Damage& damage);
  // Takes back what Apply did: only the files that it touched are written.
  void Undo(const Damage& damage);

  // Makes the directory again what the database is, whatever became of it.
  void RestoreAll();

  // Whether the files, but for LOCK, are the database's with this damage, and
  // no others are there.
  bool IsExactly(const Damage& damage) const;

 private:
  std::string Path(const std::string& name) const;

  const SmallDatabase& database_;
  const std::string directory_;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_DAMAGE_IMAGE_H_
