#include "kv/internal/entry_sorter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/sequential_writer.h"

namespace quire::kv_internal {
namespace {

// Files that are merged at once.
constexpr size_t kFanIn = 32;

constexpr uint64_t kReadBytes = uint64_t{256} << 10;

// An entry in a file: sequence number, address and above it the mark of a
// tombstone, sizes of value and key; the key.
constexpr size_t kSequenceAt = 0;
constexpr size_t kPlaceAt = 8;
constexpr size_t kValueSizeAt = 16;
constexpr size_t kKeySizeAt = 20;
constexpr size_t kFixedBytes = 22;
static_assert(kReadBytes >= kFixedBytes + kLargestKeyBytes);

bool Before(const SortedEntry& a, const SortedEntry& b) {
  const int order = a.key.compare(b.key);
  return order != 0 ? order < 0 : a.sequence > b.sequence;
}

// Goes through one file.
class Reader {
 public:
  Reader(std::unique_ptr<io::ReadableFile> file, uint64_t digest)
      : file_(std::move(file)),
        expected_digest_(digest),
        buffer_(new std::byte[kReadBytes]) {}

  // Goes to the next entry; false at the end. The one before dies.
  absl::StatusOr<bool> Next() {
    if (end_ - at_ < kFixedBytes) QUIRE_RETURN_IF_ERROR(Fill());
    if (end_ == at_) {
      if (digest_.value() != expected_digest_) return Damaged();
      return false;
    }
    if (end_ - at_ < kFixedBytes) return Damaged();
    const auto key_size =
        LoadLittleEndian<uint16_t>(buffer_.get() + at_ + kKeySizeAt);
    if (end_ - at_ < kFixedBytes + key_size) QUIRE_RETURN_IF_ERROR(Fill());
    if (end_ - at_ < kFixedBytes + key_size) return Damaged();
    const std::byte* const from = buffer_.get() + at_;
    const auto place = LoadLittleEndian<uint64_t>(from + kPlaceAt);
    entry_.sequence = LoadLittleEndian<uint64_t>(from + kSequenceAt);
    entry_.record.address = place & ((uint64_t{1} << kAddressBits) - 1);
    entry_.record.tombstone = place >> kAddressBits != 0;
    entry_.record.value_size = LoadLittleEndian<uint32_t>(from + kValueSizeAt);
    entry_.key = {reinterpret_cast<const char*>(from + kFixedBytes), key_size};
    at_ += kFixedBytes + key_size;
    return true;
  }

  const SortedEntry& entry() const { return entry_; }

 private:
  absl::Status Damaged() const {
    return absl::DataLossError(absl::StrCat(
        file_->path(), ": does not read as it has just been written"));
  }

  // Reads on behind what is left in the buffer.
  absl::Status Fill() {
    std::memmove(buffer_.get(), buffer_.get() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
    const uint64_t size =
        std::min(kReadBytes - end_, file_->size_bytes() - offset_);
    const std::span<std::byte> part(buffer_.get() + end_, size);
    QUIRE_RETURN_IF_ERROR(file_->ReadAt(offset_, part));
    digest_.Update(part);
    offset_ += size;
    end_ += size;
    return absl::OkStatus();
  }

  const std::unique_ptr<io::ReadableFile> file_;
  const uint64_t expected_digest_;
  const std::unique_ptr<std::byte[]> buffer_;
  uint64_t offset_ = 0;  // in the file, behind what is in the buffer
  uint64_t at_ = 0;      // in the buffer: what hasn't been taken
  uint64_t end_ = 0;
  FileDigest digest_;
  SortedEntry entry_;
};

}  // namespace

// Writes one file.
class EntrySorter::Writer {
 public:
  explicit Writer(std::unique_ptr<io::WritableFile> file)
      : writer_(std::move(file)) {}

  absl::Status Append(const SortedEntry& entry) {
    std::array<std::byte, kFixedBytes> fixed;
    StoreLittleEndian(entry.sequence, fixed.data() + kSequenceAt);
    StoreLittleEndian(
        uint64_t{entry.record.tombstone} << kAddressBits | entry.record.address,
        fixed.data() + kPlaceAt);
    StoreLittleEndian(entry.record.value_size, fixed.data() + kValueSizeAt);
    StoreLittleEndian(static_cast<uint16_t>(entry.key.size()),
                      fixed.data() + kKeySizeAt);
    QUIRE_RETURN_IF_ERROR(writer_.Append(fixed));
    return writer_.Append(std::as_bytes(std::span(entry.key)));
  }

  absl::Status Finish() { return writer_.Finish(); }
  uint64_t digest() const { return writer_.digest(); }

 private:
  SequentialWriter writer_;
};

EntrySorter::~EntrySorter() {
  for (const std::vector<File>& files : levels_) {
    for (const File& file : files) {
      file_system_.RemoveFile(file.path).IgnoreError();
    }
  }
}

absl::Status EntrySorter::Add(std::vector<SortedEntry>& entries) {
  std::sort(entries.begin(), entries.end(), Before);
  QUIRE_RETURN_IF_ERROR(Write(0, [&](Writer& writer) {
    for (const SortedEntry& entry : entries) {
      QUIRE_RETURN_IF_ERROR(writer.Append(entry));
    }
    return absl::OkStatus();
  }));
  for (size_t level = 0; levels_[level].size() == kFanIn; ++level) {
    QUIRE_RETURN_IF_ERROR(Compact(level));
  }
  return absl::OkStatus();
}

absl::Status EntrySorter::Write(
    size_t level, absl::FunctionRef<absl::Status(Writer&)> produce) {
  const std::string path =
      FilePath(directory_, FileType::kTable, catalog_.NewFileNumber());
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::WritableFile> file,
                         file_system_.CreateFile(path));
  absl::Cleanup remove = [&] { file_system_.RemoveFile(path).IgnoreError(); };
  Writer writer(std::move(file));
  QUIRE_RETURN_IF_ERROR(produce(writer));
  QUIRE_RETURN_IF_ERROR(writer.Finish());
  std::move(remove).Cancel();
  if (level == levels_.size()) levels_.emplace_back();
  levels_[level].push_back({path, writer.digest()});
  return absl::OkStatus();
}

absl::Status EntrySorter::Compact(size_t level) {
  QUIRE_RETURN_IF_ERROR(Write(level + 1, [&](Writer& writer) {
    return MergeFiles(levels_[level], [&](const SortedEntry& entry) {
      return writer.Append(entry);
    });
  }));
  for (const File& file : levels_[level]) {
    QUIRE_RETURN_IF_ERROR(file_system_.RemoveFile(file.path));
  }
  levels_[level].clear();
  return absl::OkStatus();
}

absl::Status EntrySorter::Merge(
    absl::FunctionRef<absl::Status(const SortedEntry&)> visit) const {
  std::vector<File> all;
  for (const std::vector<File>& files : levels_) {
    all.insert(all.end(), files.begin(), files.end());
  }
  return MergeFiles(all, visit);
}

absl::Status EntrySorter::MergeFiles(
    const std::vector<File>& files,
    absl::FunctionRef<absl::Status(const SortedEntry&)> visit) const {
  std::vector<std::unique_ptr<Reader>> heap;
  for (const File& file : files) {
    QUIRE_ASSIGN_OR_RETURN(
        std::unique_ptr<io::ReadableFile> opened,
        file_system_.OpenFile(file.path, io::OpenMode::kBuffered));
    auto reader = std::make_unique<Reader>(std::move(opened), file.digest);
    QUIRE_ASSIGN_OR_RETURN(const bool has_entry, reader->Next());
    if (has_entry) heap.push_back(std::move(reader));
  }
  const auto later = [](const auto& a, const auto& b) {
    return Before(b->entry(), a->entry());
  };
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    QUIRE_RETURN_IF_ERROR(visit(heap.back()->entry()));
    QUIRE_ASSIGN_OR_RETURN(const bool has_entry, heap.back()->Next());
    if (has_entry) {
      std::push_heap(heap.begin(), heap.end(), later);
    } else {
      heap.pop_back();
    }
  }
  return absl::OkStatus();
}

}  // namespace quire::kv_internal
