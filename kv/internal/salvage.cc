#include "kv/internal/salvage.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/log_damage.h"
#include "kv/internal/log_walk.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;

std::string Text(const absl::Status& status) {
  return std::string(base::StdView(status.message()));
}

// Hands records on and gathers the rest.
class Salvager final : public LogVisitor {
 public:
  Salvager(const std::string& name,
           absl::FunctionRef<absl::Status(const LogRecord&)> keep,
           SalvagedSegment& result)
      : name_(name), keep_(keep), result_(result) {}

  void OnGroup(uint64_t, const GroupHeader& header) override {
    EndGroup();
    result_.last_sequence =
        std::max(result_.last_sequence, header.last_sequence);
    in_whole_group_ = true;
  }

  void OnRecord(const LogRecord& record) override {
    if (!status_.ok()) return;
    // Its checks hold, so a writer put it there; but no writer of segments.
    if (record.header.kind != RecordKind::kPut &&
        record.header.kind != RecordKind::kDelete) {
      OnDamage(record.offset, record.header.RecordBytes(),
               "a record of a kind that segments don't have");
      return;
    }
    ++records_of_group_;
    ++result_.records;
    result_.record_bytes += record.header.RecordBytes();
    result_.last_sequence =
        std::max(result_.last_sequence, record.header.sequence);
    status_ = keep_(record);
  }

  void OnDamage(uint64_t offset, uint64_t length,
                const std::string& what) override {
    in_whole_group_ = false;
    result_.lost.push_back({name_, offset, length, what});
  }

  absl::Status Finish() {
    EndGroup();
    return status_;
  }

 private:
  void EndGroup() {
    if (!in_whole_group_) {
      result_.records_of_damaged_groups += records_of_group_;
    }
    records_of_group_ = 0;
  }

  const std::string& name_;
  const absl::FunctionRef<absl::Status(const LogRecord&)> keep_;
  SalvagedSegment& result_;
  absl::Status status_;
  // Of the group that is walked through; records outside of any are of none
  // that is whole.
  bool in_whole_group_ = false;
  uint64_t records_of_group_ = 0;
};

// The id to walk the file with; what was found out on the way goes to
// `result`.
std::optional<uint64_t> FindId(const SalvageSource& source,
                               std::span<const std::byte> file,
                               SalvagedSegment& result) {
  const absl::StatusOr<FileHeader> header =
      DecodeFileHeader(file, FileType::kSegment, source.name);
  if (!header.ok()) {
    result.warnings.push_back(absl::StrCat(
        "The header page of ", source.name, " is bad (",
        header.status().message(), "); its records don't depend on it."));
  }
  if (source.file_id.has_value()) return source.file_id;
  return header.ok() ? header->file_id : FindLogId(file);
}

}  // namespace

absl::StatusOr<SalvagedImage> ReadAround(io::FileSystem& file_system,
                                         const std::string& directory,
                                         const std::string& name) {
  QUIRE_ASSIGN_OR_RETURN(
      std::unique_ptr<io::ReadableFile> file,
      file_system.OpenFile(absl::StrCat(directory, "/", name),
                           io::OpenMode::kBuffered));
  SalvagedImage image;
  image.size = file->size_bytes();
  if (image.size == 0) return image;
  QUIRE_ASSIGN_OR_RETURN(image.buffer, cache::HugeBuffer::Create(image.size));
  const std::span<std::byte> bytes = image.buffer.bytes().first(image.size);
  for (uint64_t begin = 0; begin < image.size; begin += kPieceBytes) {
    const uint64_t end = std::min(begin + kPieceBytes, image.size);
    if (file->ReadAt(begin, bytes.subspan(begin, end - begin)).ok()) continue;
    // Somewhere in the piece: page by page.
    for (uint64_t at = begin; at < end; at += kPageBytes) {
      const auto page = bytes.subspan(at, std::min(kPageBytes, end - at));
      const absl::Status status = file->ReadAt(at, page);
      if (status.ok()) continue;
      // What a failed read leaves is nobody's data.
      std::fill(page.begin(), page.end(), std::byte{0});
      auto& lost = image.unreadable;
      if (!lost.empty() && lost.back().offset + lost.back().length == at) {
        lost.back().length += page.size();
      } else {
        lost.push_back({name, at, page.size(), Text(status)});
      }
    }
  }
  return image;
}

absl::StatusOr<SalvagedSegment> SalvageSegment(
    io::FileSystem& file_system, const std::string& directory,
    const SalvageSource& source,
    absl::FunctionRef<absl::Status(const LogRecord&)> keep) {
  SalvagedSegment result;
  absl::StatusOr<SalvagedImage> image =
      ReadAround(file_system, directory, source.name);
  if (!image.ok()) {
    if (absl::IsResourceExhausted(image.status())) return image.status();
    result.lost.push_back(
        {source.name, 0, source.length.value_or(0), Text(image.status())});
    return result;
  }
  result.bytes_read = image->size;
  const uint64_t end = source.length.value_or(image->size);
  const auto file = std::span<const std::byte>(image->buffer.bytes())
                        .first(std::min(end, image->size));
  const std::optional<uint64_t> id = FindId(source, file, result);
  if (!id.has_value()) {
    if (EndOfData(file, 0) > kPageBytes) {
      result.lost.push_back({source.name, 0, end,
                             "neither the header page nor a group tells the "
                             "file's id, without which no record can be "
                             "verified"});
    }
    return result;
  }
  Salvager salvager(source.name, keep, result);
  if (file.size() > kPageBytes) WalkLog(file, *id, kPageBytes, salvager);
  QUIRE_RETURN_IF_ERROR(salvager.Finish());
  if (image->size < end) {
    result.lost.push_back(
        {source.name, image->size, end - image->size, "the file was cut off"});
  }
  for (LostRange& range : image->unreadable) {
    if (range.offset >= kPageBytes && range.offset < end) {
      result.lost.push_back(std::move(range));
    }
  }
  NormalizeLostRanges(result.lost);
  return result;
}

void NormalizeLostRanges(std::vector<LostRange>& lost) {
  std::sort(lost.begin(), lost.end(),
            [](const LostRange& a, const LostRange& b) {
              return std::tie(a.file, a.offset, a.length, a.reason) <
                     std::tie(b.file, b.offset, b.length, b.reason);
            });
  std::vector<LostRange> joined;
  for (LostRange& range : lost) {
    if (!joined.empty() && joined.back().file == range.file &&
        range.offset < joined.back().offset + joined.back().length) {
      LostRange& last = joined.back();
      last.length =
          std::max(last.offset + last.length, range.offset + range.length) -
          last.offset;
      if (last.reason.find(range.reason) == std::string::npos) {
        absl::StrAppend(&last.reason, "; ", range.reason);
      }
    } else {
      joined.push_back(std::move(range));
    }
  }
  lost = std::move(joined);
}

}  // namespace quire::kv_internal
