// A whole database directory as one piece of bytes, for fuzzing.
//
// For each file: u8 type ('S' segment, 'T' table, 'M' manifest, 'C' CURRENT),
// u8 number, u32 length, its bytes. Whatever the bytes are, they mean some
// directory: what can't be parsed ends it.
#ifndef QUIRE_TESTS_FUZZ_DIRECTORY_IMAGE_H_
#define QUIRE_TESTS_FUZZ_DIRECTORY_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quire::testing {

struct FileImage {
  uint8_t type = 0;
  uint8_t number = 0;
  std::vector<std::byte> bytes;

  // Its name in a database.
  std::string Name() const;
};

std::vector<FileImage> ParseDirectory(std::span<const uint8_t> data);
std::vector<uint8_t> SerializeDirectory(std::span<const FileImage> files);

// The files of a directory that a database would look at, without LOCK.
// REQUIRES: their numbers are below 256.
std::vector<FileImage> LoadDirectory(const std::string& directory);

// Makes the directory hold these files and no others. Two of one name: the
// last. Ends the process if that fails.
void StoreDirectory(std::span<const FileImage> files,
                    const std::string& directory);

// Makes the checks of all files right; CURRENT says that the first manifest is
// durable, all of it if it is closed.
void RepairDirectory(std::vector<FileImage>& files);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_FUZZ_DIRECTORY_IMAGE_H_
