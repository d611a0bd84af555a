// Writes the inputs that fuzzing starts from: make_seeds CORPUS, a directory
// with one for each target.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "kv/db.h"
#include "kv/internal/format.h"
#include "tests/fuzz/directory_image.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

std::string Text(const std::vector<std::byte>& bytes, size_t from) {
  return {reinterpret_cast<const char*>(bytes.data()) + from,
          bytes.size() - from};
}

// Two runs of a few keys, an older version, a tombstone, a value over pages.
void MakeDatabase(const std::string& path, bool closed) {
  Options options;
  options.create_if_missing = true;
  options.automatic_merges = false;
  auto db = DB::Open(options, path);
  QUIRE_CHECK(db.ok());
  const auto put = [&](const std::string& key, const std::string& value) {
    QUIRE_CHECK((*db)->Put({}, key, value).ok());
  };
  put("a", "1");
  put("key", std::string(40, 'v'));
  put("key2", "");
  const auto snapshot = (*db)->GetSnapshot();
  put("a", "2");
  put("long", std::string(5000, 'x'));
  QUIRE_CHECK((*db)->FlushMemtables().ok());
  if (closed) {
    put("key", "newer");
    QUIRE_CHECK((*db)->Delete({}, "key2").ok());
  } else {
    // What an open would replay.
    QUIRE_CHECK((*db)->Put({.sync = true}, "key", "newer").ok());
    std::filesystem::copy(path, path + ".open");
  }
}

void WriteSeeds(const std::string& corpus, const std::string& name,
                const std::string& directory) {
  const std::vector<FileImage> files = LoadDirectory(directory);
  const std::vector<uint8_t> all = SerializeDirectory(files);
  WriteFile(corpus + "/directory/" + name, std::string(all.begin(), all.end()));
  for (const FileImage& file : files) {
    const std::string own = name + "-" + file.Name();
    switch (file.type) {
      case 'S':
        WriteFile(corpus + "/log/" + own,
                  Text(file.bytes, kv_internal::kPageBytes));
        break;
      case 'T':
        WriteFile(corpus + "/table/" + own, Text(file.bytes, 0));
        break;
      case 'M':
        WriteFile(corpus + "/manifest/" + own,
                  "\xff" + Text(file.bytes, kv_internal::kPageBytes));
        break;
      default:
        WriteFile(corpus + "/manifest/" + own, " " + Text(file.bytes, 0));
    }
  }
}

}  // namespace
}  // namespace quire::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_seeds CORPUS\n";
    return 1;
  }
  const std::string corpus = argv[1];
  for (const char* target : {"log", "manifest", "table", "directory"}) {
    std::filesystem::create_directories(corpus + "/" + target);
  }
  const quire::testing::TempDirectory scratch;
  quire::testing::MakeDatabase(scratch.File("closed"), /*closed=*/true);
  quire::testing::MakeDatabase(scratch.File("other"), /*closed=*/false);
  quire::testing::WriteSeeds(corpus, "closed", scratch.File("closed"));
  quire::testing::WriteSeeds(corpus, "open", scratch.File("other.open"));
}
