#include "kv/internal/repair_survey.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "kv/internal/checksum.h"
#include "kv/internal/current_file.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/log_recovery.h"
#include "kv/internal/manifest_reader.h"
#include "kv/internal/random_id.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {
namespace {

std::string Text(const absl::Status& status) {
  return std::string(base::StdView(status.message()));
}

// A segment file of the directory.
struct SegmentFile {
  uint64_t number = 0;  // by its name
  absl::StatusOr<FileHeader> header;
  // Of the list; nullptr: the list doesn't name it.
  const SegmentState* named = nullptr;

  std::string name() const { return FileName(FileType::kSegment, number); }
};

// What is told of a segment by files other than the list.
struct Hint {
  uint64_t file_id = 0;
  std::optional<uint64_t> length;
  std::string told_by;
};

// The first page of a file, or as much as there is; empty if unreadable.
std::vector<std::byte> ReadPageAt(io::FileSystem& file_system,
                                  const std::string& path, bool last) {
  const absl::StatusOr<std::unique_ptr<io::ReadableFile>> file =
      file_system.OpenFile(path, io::OpenMode::kBuffered);
  if (!file.ok()) return {};
  const uint64_t size = (*file)->size_bytes();
  std::vector<std::byte> page(std::min(size, kPageBytes));
  if (page.empty()) return {};
  if (!(*file)->ReadAt(last ? size - page.size() : 0, page).ok()) return {};
  return page;
}

class Survey {
 public:
  Survey(io::FileSystem& file_system, const std::string& directory,
         const DatabaseFiles& files)
      : file_system_(file_system), directory_(directory), files_(files) {}

  absl::StatusOr<RepairSurvey> Run() && {
    ReadHeaders();
    ReadState();
    ChooseDatabaseId();
    bool complete = false;
    if (state_.has_value()) {
      NameSegments();
      QUIRE_ASSIGN_OR_RETURN(complete, ListIsComplete());
      ListMissing();
    }
    survey_.manifest_was_usable = complete;
    // A manifest without CURRENT may have lost its end unseen.
    if (!complete || current_is_guessed_) GatherHints();
    ChooseSources(/*all=*/!complete);
    if (complete) QUIRE_RETURN_IF_ERROR(JudgeLogEnd());
    SetBase();
    return std::move(survey_);
  }

 private:
  void Warn(std::string text) { survey_.warnings.push_back(std::move(text)); }

  std::string PathOf(const std::string& name) const {
    return absl::StrCat(directory_, "/", name);
  }

  void ReadHeaders() {
    for (const ParsedFileName& file : files_.files) {
      if (file.type != FileType::kSegment) continue;
      const std::string name = FileName(file.type, file.number);
      segments_.push_back(
          {file.number,
           DecodeFileHeader(ReadPageAt(file_system_, PathOf(name), false),
                            FileType::kSegment, name)});
    }
    std::sort(segments_.begin(), segments_.end(),
              [](const SegmentFile& a, const SegmentFile& b) {
                return a.number < b.number;
              });
  }

  // The list of files.

  void ReadState() {
    const absl::StatusOr<CurrentFile> current =
        ReadCurrentFile(file_system_, directory_);
    absl::StatusOr<ManifestContents> manifest =
        current.ok() ? ReadManifest(file_system_, directory_, *current)
                     : absl::StatusOr<ManifestContents>(current.status());
    if (current.ok()) {
      database_id_ = current->database_id;
    } else if (const std::optional<CurrentFile> guessed = GuessCurrent()) {
      Warn(absl::StrCat("CURRENT is unusable (", Text(current.status()), "); ",
                        FileName(FileType::kManifest, guessed->manifest_number),
                        " is read without it."));
      manifest = ReadManifest(file_system_, directory_, *guessed);
      current_is_guessed_ = true;
    }
    if (!manifest.ok()) {
      Warn(absl::StrCat(
          "There is no usable manifest (", Text(manifest.status()),
          "): every segment in the directory counts, and keys whose deletes "
          "had been merged away may be back."));
      return;
    }
    if (manifest->extent.torn_bytes > 0) {
      Warn(absl::StrCat("The manifest has a torn end of ",
                        manifest->extent.torn_bytes,
                        " bytes, an edit that was never acknowledged."));
    }
    state_ = std::move(manifest->state);
    database_id_ = state_->database_id;
  }

  // What CURRENT said, less what only it knew, by the newest manifest.
  std::optional<CurrentFile> GuessCurrent() const {
    CurrentFile guess;
    for (const ParsedFileName& file : files_.files) {
      if (file.type != FileType::kManifest) continue;
      guess.manifest_number = std::max(guess.manifest_number, file.number);
    }
    const std::string name =
        FileName(FileType::kManifest, guess.manifest_number);
    const std::vector<std::byte> page =
        ReadPageAt(file_system_, PathOf(name), false);
    const absl::StatusOr<FileHeader> header =
        DecodeFileHeader(page, FileType::kManifest, name);
    if (!header.ok()) return std::nullopt;
    guess.manifest_id = header->file_id;
    guess.manifest_length = page.size();
    guess.manifest_digest = Checksum(page);
    guess.database_id = header->database_id;
    return guess;
  }

  // Finds the file of each segment of the list: by its id, or, where the header
  // page doesn't tell, by its name.
  void NameSegments() {
    std::map<uint64_t, const SegmentState*> by_id;
    for (const auto& [number, segment] : state_->segments) {
      by_id[segment.id] = &segment;
    }
    for (SegmentFile& file : segments_) {
      if (!file.header.ok()) continue;
      const auto found = by_id.find(file.header->file_id);
      if (found == by_id.end()) continue;
      file.named = found->second;
      by_id.erase(found);  // a second copy is a copy
      if (file.named->number != file.number) {
        Warn(absl::StrCat(file.name(), " is segment ", file.named->number,
                          ", renamed."));
      }
    }
    for (SegmentFile& file : segments_) {
      if (file.header.ok()) continue;
      const auto named = state_->segments.find(file.number);
      if (named == state_->segments.end()) continue;
      if (by_id.erase(named->second.id) > 0) file.named = &named->second;
    }
  }

  std::set<uint64_t> MissingSegments() const {
    std::set<uint64_t> missing;
    for (const auto& [number, segment] : state_->segments) {
      missing.insert(number);
    }
    for (const SegmentFile& file : segments_) {
      if (file.named != nullptr) missing.erase(file.named->number);
    }
    return missing;
  }

  // Whether nothing but what the list names has to be looked at.
  absl::StatusOr<bool> ListIsComplete() {
    bool complete = MissingSegments().empty();
    for (const SegmentFile& file : segments_) {
      if (file.named != nullptr) continue;
      QUIRE_ASSIGN_OR_RETURN(const std::optional<SalvagedImage> image,
                             Image(file.name()));
      if (!image.has_value()) continue;
      const absl::Status status = CheckUnnamedSegment(
          *state_, file.number,
          std::span<const std::byte>(image->buffer.bytes()).first(image->size),
          PathOf(file.name()));
      if (!absl::IsDataLoss(status)) continue;
      Warn(Text(status) + ".");
      complete = false;
    }
    if (!complete) {
      Warn(
          "The list of files does not fit the files: every segment in the "
          "directory counts, and keys whose deletes had been merged away may "
          "be back.");
    }
    return complete;
  }

  // The file as far as it can be read; nothing if it can't be opened.
  absl::StatusOr<std::optional<SalvagedImage>> Image(const std::string& name) {
    absl::StatusOr<SalvagedImage> image =
        ReadAround(file_system_, directory_, name);
    if (absl::IsResourceExhausted(image.status())) return image.status();
    if (!image.ok()) return std::optional<SalvagedImage>();
    return std::optional<SalvagedImage>(*std::move(image));
  }

  void ListMissing() {
    for (const uint64_t number : MissingSegments()) {
      survey_.lost.push_back({FileName(FileType::kSegment, number), 0,
                              state_->segments.at(number).length,
                              "the file is missing, though the manifest names "
                              "it"});
    }
  }

  // Without a list that can be relied on.

  // The database that the files are of.
  void ChooseDatabaseId() {
    if (database_id_.has_value()) return;
    std::map<DatabaseId, size_t> counts;
    for (const SegmentFile& file : segments_) {
      if (file.header.ok()) ++counts[file.header->database_id];
    }
    const auto most = std::max_element(
        counts.begin(), counts.end(),
        [](const auto& a, const auto& b) { return a.second < b.second; });
    database_id_ = most == counts.end() ? RandomDatabaseId() : most->first;
  }

  // What tables and the segments behind them tell of segments.
  void GatherHints() {
    for (const SegmentFile& file : segments_) {
      if (!file.header.ok() || file.header->previous_number == 0) continue;
      Hint& hint = hints_[file.header->previous_number];
      hint.file_id = file.header->previous_id;
      hint.told_by = file.name();
    }
    for (const ParsedFileName& file : files_.files) {
      if (file.type != FileType::kTable) continue;
      const std::string name = FileName(file.type, file.number);
      for (const TableSegment& segment : SegmentsOfTable(name)) {
        hints_[segment.number] = {segment.id, segment.length_bytes, name};
      }
    }
    std::set<uint64_t> present;
    for (const SegmentFile& file : segments_) present.insert(file.number);
    for (const auto& [number, hint] : hints_) {
      // A segment that only its successor tells of may have been dropped.
      if (!hint.length.has_value() || present.contains(number)) continue;
      survey_.lost.push_back({FileName(FileType::kSegment, number), 0,
                              *hint.length,
                              absl::StrCat("the file is missing, though ",
                                           hint.told_by, " indexes it")});
    }
  }

  // Empty if the table doesn't tell.
  std::vector<TableSegment> SegmentsOfTable(const std::string& name) const {
    const std::string path = PathOf(name);
    const std::vector<std::byte> first =
        ReadPageAt(file_system_, path, /*last=*/false);
    const std::vector<std::byte> last =
        ReadPageAt(file_system_, path, /*last=*/true);
    const absl::StatusOr<FileHeader> header =
        DecodeFileHeader(first, FileType::kTable, name);
    const absl::StatusOr<uint64_t> size = file_system_.FileSize(path);
    if (!header.ok() || !size.ok() || last.size() != kPageBytes ||
        header->database_id != *database_id_) {
      return {};
    }
    const absl::StatusOr<TableFooter> footer =
        DecodeTableFooter(last, header->file_id, *size, name);
    if (!footer.ok()) return {};
    const absl::StatusOr<std::unique_ptr<io::ReadableFile>> file =
        file_system_.OpenFile(path, io::OpenMode::kBuffered);
    if (!file.ok()) return {};
    std::vector<std::byte> list(footer->segments_bytes);
    if (!(*file)->ReadAt(footer->segments_offset, list).ok()) return {};
    return DecodeTableSegments(list, *footer, name)
        .value_or(std::vector<TableSegment>());
  }

  // What to salvage.

  void ChooseSources(bool all) {
    for (const SegmentFile& file : segments_) {
      if (file.named != nullptr) {
        const SegmentState& segment = *file.named;
        SalvageSource source = {.name = file.name(), .file_id = segment.id};
        if (segment.length != 0) source.length = segment.length;
        survey_.sources.push_back(std::move(source));
      } else if (all) {
        AddUnnamed(file);
      } else {
        Warn(absl::StrCat(file.name(),
                          " is left out: the manifest does not name it, and "
                          "nothing that was acknowledged is in it alone."));
      }
    }
  }

  void AddUnnamed(const SegmentFile& file) {
    SalvageSource source = {.name = file.name()};
    if (file.header.ok()) {
      if (file.header->database_id != *database_id_) {
        Warn(absl::StrCat(file.name(),
                          " is left out: it belongs to another database."));
        return;
      }
      source.file_id = file.header->file_id;
    } else if (absl::IsFailedPrecondition(file.header.status()) &&
               PageCheckHolds(file.name())) {
      survey_.lost.push_back({file.name(), 0, 0, Text(file.header.status())});
      return;
    }
    const auto hint = hints_.find(file.number);
    if (hint != hints_.end() &&
        source.file_id.value_or(hint->second.file_id) == hint->second.file_id) {
      source.file_id = hint->second.file_id;
      source.length = hint->second.length;
    }
    survey_.sources.push_back(std::move(source));
  }

  // Whether a header page is whole, whatever it says.
  bool PageCheckHolds(const std::string& name) const;

  // Leaves out of the last segments what an open would drop, if an open could
  // tell.
  absl::Status JudgeLogEnd() {
    std::optional<SalvagedImage> image;
    std::map<uint64_t, uint64_t> sizes;  // of the files, by segment
    absl::Status failure;
    const auto load = [&](const SegmentState& segment)
        -> absl::StatusOr<std::span<const std::byte>> {
      const auto file = std::find_if(
          segments_.begin(), segments_.end(), [&](const SegmentFile& f) {
            return f.named != nullptr && f.named->number == segment.number;
          });
      absl::StatusOr<std::optional<SalvagedImage>> read = Image(file->name());
      if (!read.ok()) {
        failure = read.status();
        return failure;
      }
      image = *std::move(read);
      if (!image.has_value() || !image->unreadable.empty()) {
        return absl::UnavailableError(
            absl::StrCat(file->name(), ": can't be read everywhere"));
      }
      sizes[segment.number] = image->size;
      return std::span<const std::byte>(image->buffer.bytes())
          .first(image->size);
    };
    const absl::StatusOr<RecoveryPlan> plan = RecoverLog(
        *state_, directory_, load,
        [](const SegmentState&, const LogRecord&) { return absl::OkStatus(); });
    QUIRE_RETURN_IF_ERROR(failure);
    if (!plan.ok()) {
      Warn(absl::StrCat("The end of the log is damaged (", Text(plan.status()),
                        "): whatever is intact in it is kept, of batches that "
                        "were never finished too."));
      return absl::OkStatus();
    }
    state_->last_sequence =
        std::max(state_->last_sequence, plan->last_sequence);
    for (const RecoveredSegment& segment : plan->segments) {
      CutSource(segment, sizes.at(segment.number), plan->torn);
    }
    return absl::OkStatus();
  }

  // `size`: of the segment's file.
  void CutSource(const RecoveredSegment& segment, uint64_t size,
                 const absl::Status& torn) {
    const uint64_t id = state_->segments.at(segment.number).id;
    for (SalvageSource& source : survey_.sources) {
      if (source.file_id != id) continue;
      const uint64_t end = source.length.value_or(size);
      source.length = segment.accepted_end;
      if (end <= segment.accepted_end) return;
      survey_.lost.push_back(
          {source.name, segment.accepted_end, end - segment.accepted_end,
           absl::StrCat("the torn end of the log, writes that were never known "
                        "to be durable and that opening drops: ",
                        torn.ok() ? "nothing but zeros" : Text(torn))});
      return;
    }
  }

  void SetBase() {
    DatabaseState& base = survey_.base;
    base.database_id = *database_id_;
    base.hash_seed = state_.has_value() ? state_->hash_seed : RandomId();
    base.next_file_number = files_.HighestNumber() + 1;
    if (state_.has_value()) {
      base.next_file_number =
          std::max(base.next_file_number, state_->next_file_number);
      base.last_sequence = state_->last_sequence;
      base.last_log_number = state_->last_log_number;
      base.last_log_id = state_->last_log_id;
    }
    // Old segments that a crash leaves in the directory must not look like the
    // log's continuation.
    for (const SegmentFile& file : segments_) {
      if (file.number <= base.last_log_number) continue;
      base.last_log_number = file.number;
      base.last_log_id = file.header.ok() ? file.header->file_id : 0;
    }
  }

  io::FileSystem& file_system_;
  const std::string& directory_;
  const DatabaseFiles& files_;
  RepairSurvey survey_;
  std::vector<SegmentFile> segments_;  // by number
  std::optional<DatabaseState> state_;
  bool current_is_guessed_ = false;
  std::optional<DatabaseId> database_id_;
  std::map<uint64_t, Hint> hints_;  // by file number
};

bool Survey::PageCheckHolds(const std::string& name) const {
  const std::vector<std::byte> page =
      ReadPageAt(file_system_, PathOf(name), /*last=*/false);
  // Where the check stands in every version.
  constexpr size_t kCheckAt = kPageBytes - sizeof(uint64_t);
  return page.size() == kPageBytes &&
         LoadLittleEndian<uint64_t>(page.data() + kCheckAt) ==
             Checksum(std::span<const std::byte>(page).first(kCheckAt));
}

}  // namespace

absl::StatusOr<RepairSurvey> SurveyDatabase(io::FileSystem& file_system,
                                            const std::string& directory,
                                            const DatabaseFiles& files) {
  return Survey(file_system, directory, files).Run();
}

}  // namespace quire::kv_internal
