#include "tools/file_inspector.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "base/status_macros.h"
#include "io/posix_file_system.h"
#include "kv/internal/format.h"

namespace quire::tools {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<FileInspector>> FileInspector::Open(
    const io::ProviderOptions& options, const std::string& directory,
    uint64_t bytes_per_second) {
  QUIRE_ASSIGN_OR_RETURN(
      io::OpenedProvider opened,
      io::OpenProvider(options, io::PosixFileSystem(), directory));
  return std::unique_ptr<FileInspector>(
      new FileInspector(std::move(opened), bytes_per_second));
}

FileInspector::FileInspector(io::OpenedProvider opened,
                             uint64_t bytes_per_second)
    : opened_(std::move(opened)),
      bytes_per_second_(bytes_per_second),
      start_(std::chrono::steady_clock::now()) {}

void FileInspector::Charge(uint64_t bytes) {
  bytes_read_ += bytes;
  if (bytes_per_second_ == 0) return;
  const std::chrono::duration<double> due(
      static_cast<double>(bytes_read_) /
      static_cast<double>(bytes_per_second_));
  std::this_thread::sleep_until(
      start_ +
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(due));
}

absl::StatusOr<std::unique_ptr<InspectedFile>> InspectedFile::Open(
    FileInspector& inspector, const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(const uint64_t size_bytes,
                         io::PosixFileSystem().FileSize(path));
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::AttachedFile> file,
                         inspector.provider().Attach(path, size_bytes));
  return std::unique_ptr<InspectedFile>(
      new InspectedFile(inspector, std::move(file)));
}

InspectedFile::InspectedFile(FileInspector& inspector,
                             std::unique_ptr<io::AttachedFile> file)
    : inspector_(inspector), file_(std::move(file)) {}

InspectedFile::~InspectedFile() {
  inspector_.provider().Detach(std::move(file_));
}

absl::StatusOr<io::Pin> InspectedFile::Read(uint64_t offset, uint64_t length) {
  inspector_.Charge(length);
  io::ReadRequest request;
  request.extent = {file_.get(), offset, length};
  inspector_.provider().Read({&request, 1}, io::CachePolicy::kReadOnce);
  QUIRE_RETURN_IF_ERROR(request.status);
  return std::move(request.pin);
}

std::vector<std::byte> InspectedFile::ReadAround(
    uint64_t offset, uint64_t length, UnreadableFunction on_unreadable) {
  std::vector<std::byte> bytes(length);
  const auto read = [&](uint64_t begin, uint64_t size) -> absl::Status {
    QUIRE_ASSIGN_OR_RETURN(const io::Pin pin, Read(offset + begin, size));
    if (size != 0) std::memcpy(bytes.data() + begin, pin.bytes().data(), size);
    return absl::OkStatus();
  };
  for (uint64_t begin = 0; begin < length; begin += kPieceBytes) {
    const uint64_t end = std::min(begin + kPieceBytes, length);
    if (read(begin, end - begin).ok()) continue;
    // Somewhere in the piece: page by page.
    for (uint64_t page = begin; page < end; page += kv_internal::kPageBytes) {
      const uint64_t size = std::min(kv_internal::kPageBytes, end - page);
      const absl::Status status = read(page, size);
      if (!status.ok()) on_unreadable(offset + page, size, status);
    }
  }
  return bytes;
}

absl::StatusOr<Inspection> InspectFile(const io::ProviderOptions& options,
                                       const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  // The file first: a missing directory would be named instead of it.
  QUIRE_RETURN_IF_ERROR(io::PosixFileSystem().FileSize(path).status());
  Inspection inspection;
  QUIRE_ASSIGN_OR_RETURN(inspection.inspector,
                         FileInspector::Open(options, directory, 0));
  QUIRE_ASSIGN_OR_RETURN(inspection.file,
                         InspectedFile::Open(*inspection.inspector, path));
  return inspection;
}

}  // namespace quire::tools
