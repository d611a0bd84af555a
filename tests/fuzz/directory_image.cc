#include "tests/fuzz/directory_image.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/check.h"
#include "kv/internal/file_header.h"
#include "tests/fuzz/repair_checks.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

using kv_internal::FileType;

constexpr size_t kFrameBytes = 6;

FileType TypeOf(uint8_t type) {
  switch (type) {
    case 'S':
      return FileType::kSegment;
    case 'T':
      return FileType::kTable;
    default:
      return FileType::kManifest;
  }
}

uint8_t LetterOf(FileType type) {
  switch (type) {
    case FileType::kSegment:
      return 'S';
    case FileType::kTable:
      return 'T';
    case FileType::kManifest:
      return 'M';
  }
  return 0;
}

void Store(const std::string& path, std::span<const std::byte> bytes) {
  const int file =
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  QUIRE_CHECK(file >= 0);
  QUIRE_CHECK(write(file, bytes.data(), bytes.size()) ==
              static_cast<ssize_t>(bytes.size()));
  close(file);
}

}  // namespace

std::string FileImage::Name() const {
  return type == 'C' ? kv_internal::kCurrentName
                     : kv_internal::FileName(TypeOf(type), number);
}

std::vector<FileImage> ParseDirectory(std::span<const uint8_t> data) {
  std::vector<FileImage> files;
  while (data.size() >= kFrameBytes) {
    FileImage file;
    file.type = data[0];
    file.number = data[1];
    uint32_t length = 0;
    std::memcpy(&length, &data[2], sizeof(length));
    data = data.subspan(kFrameBytes);
    const size_t size = std::min<size_t>(length, data.size());
    const auto* bytes = reinterpret_cast<const std::byte*>(data.data());
    file.bytes.assign(bytes, bytes + size);
    data = data.subspan(size);
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<uint8_t> SerializeDirectory(std::span<const FileImage> files) {
  std::vector<uint8_t> data;
  for (const FileImage& file : files) {
    const auto length = static_cast<uint32_t>(file.bytes.size());
    data.push_back(file.type);
    data.push_back(file.number);
    const auto* size = reinterpret_cast<const uint8_t*>(&length);
    data.insert(data.end(), size, size + sizeof(length));
    const auto* bytes = reinterpret_cast<const uint8_t*>(file.bytes.data());
    data.insert(data.end(), bytes, bytes + length);
  }
  return data;
}

std::vector<FileImage> LoadDirectory(const std::string& directory) {
  std::vector<FileImage> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    FileImage file;
    const std::string name = entry.path().filename();
    const auto parsed = kv_internal::ParseFileName(name);
    if (name == kv_internal::kCurrentName) {
      file.type = 'C';
    } else if (parsed.has_value()) {
      QUIRE_CHECK(parsed->number < 256);
      file.type = LetterOf(parsed->type);
      file.number = static_cast<uint8_t>(parsed->number);
    } else {
      continue;
    }
    const std::string bytes = ReadFile(entry.path());
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    file.bytes.assign(begin, begin + bytes.size());
    files.push_back(std::move(file));
  }
  return files;
}

void StoreDirectory(std::span<const FileImage> files,
                    const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::filesystem::remove_all(entry.path());
  }
  for (const FileImage& file : files) {
    Store(directory + "/" + file.Name(), file.bytes);
  }
}

void RepairDirectory(std::vector<FileImage>& files) {
  std::span<const std::byte> manifest;
  for (FileImage& file : files) {
    if (file.type == 'C') continue;
    if (file.type == 'T') {
      RepairTable(file.bytes);
    } else {
      RepairLog(file.bytes);
    }
    if (file.type != 'S' && file.type != 'T' && manifest.empty()) {
      manifest = file.bytes;
    }
  }
  for (FileImage& file : files) {
    if (file.type == 'C') RepairCurrent(file.bytes, manifest, manifest.size());
  }
}

}  // namespace quire::testing
