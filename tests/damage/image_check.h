// Reads all of a damaged database and judges every answer.
#ifndef QUIRE_TESTS_DAMAGE_IMAGE_CHECK_H_
#define QUIRE_TESTS_DAMAGE_IMAGE_CHECK_H_

#include <cstdint>
#include <string>

#include "kv/options.h"
#include "tests/damage/damage.h"
#include "tests/damage/image.h"
#include "tests/damage/small_database.h"

namespace quire::testing {

// What the answers about one image, or about many, were.
struct Answers {
  uint64_t images = 0;     // that were opened
  uint64_t unchanged = 0;  // entries of the list that change nothing
  uint64_t refused = 0;    // images that didn't open, with an error that names
                           // the damaged file
  uint64_t failing = 0;    // images that opened, and some read failed so
  uint64_t right = 0;      // reads
  uint64_t errors = 0;     // reads that failed with such an error
  uint64_t bad = 0;        // images about which any answer was none of these

  void Add(const Answers& other);
};

// How an image is opened.
struct HowOpened {
  ReadMode mode = ReadMode::kPread;
  // Opened for writing, written to, closed and opened once more; else opened
  // read-only.
  bool for_writing = false;
  // Hash sections stay in the file instead of being loaded.
  bool paged_index = false;
};

// Opens the image, which has this damage; looks up each key alone and all at
// once, and scans forwards and backwards. Adds to `answers`. Returns what is
// wrong with the first bad answer, or an empty string: an answer must be right,
// or an error that names a damaged file and, where the database opened, the
// offset. After a refused open for writing the directory must be as it was.
std::string CheckImage(const SmallDatabase& database, const Image& image,
                       const Damage& damage, const HowOpened& how,
                       Answers& answers);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_DAMAGE_IMAGE_CHECK_H_
