#include "tests/damage/image.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

void WriteAt(const std::string& path, uint64_t offset,
             const std::string& bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  QUIRE_CHECK(file >= 0);
  QUIRE_CHECK(
      pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
      static_cast<ssize_t>(bytes.size()));
  close(file);
}

void SetSize(const std::string& path, uint64_t size) {
  QUIRE_CHECK(truncate(path.c_str(), static_cast<off_t>(size)) == 0);
}

void ApplyTo(const Damage::Edit& edit, std::string& content) {
  if (edit.truncate) {
    content.resize(edit.offset);
    return;
  }
  if (content.size() < edit.offset + edit.bytes.size()) {
    content.resize(edit.offset + edit.bytes.size());
  }
  content.replace(edit.offset, edit.bytes.size(), edit.bytes);
}

}  // namespace

Image::Image(const SmallDatabase& database, std::string directory)
    : database_(database), directory_(std::move(directory)) {
  std::filesystem::create_directory(directory_);
  RestoreAll();
}

Image::~Image() { std::filesystem::remove_all(directory_); }

std::string Image::Path(const std::string& name) const {
  return absl::StrCat(directory_, "/", name);
}

void Image::Apply(const Damage& damage) {
  for (const Damage::Edit& edit : damage.edits) {
    if (edit.truncate) {
      SetSize(Path(edit.file), edit.offset);
    } else {
      WriteAt(Path(edit.file), edit.offset, edit.bytes);
    }
  }
}

void Image::Undo(const Damage& damage) {
  for (const Damage::Edit& edit : damage.edits) {
    const std::string& content = database_.files.at(edit.file);
    if (edit.truncate || edit.offset + edit.bytes.size() > content.size()) {
      SetSize(Path(edit.file), content.size());
      WriteAt(Path(edit.file), 0, content);
    } else {
      WriteAt(Path(edit.file), edit.offset,
              content.substr(edit.offset, edit.bytes.size()));
    }
  }
}

void Image::RestoreAll() {
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    std::filesystem::remove(entry.path());
  }
  for (const auto& [name, content] : database_.files) {
    WriteFile(Path(name), content);
  }
}

bool Image::IsExactly(const Damage& damage) const {
  std::map<std::string, std::string> expected = database_.files;
  for (const Damage::Edit& edit : damage.edits) {
    ApplyTo(edit, expected[edit.file]);
  }
  expected.erase("LOCK");
  return ReadDirectory(directory_) == expected;
}

}  // namespace quire::testing
