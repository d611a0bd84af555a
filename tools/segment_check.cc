#include "tools/segment_check.h"

#include <algorithm>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "kv/internal/checksum.h"
#include "kv/internal/format.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/log_walk.h"
#include "kv/internal/record.h"

namespace quire::tools {
namespace {

using kv_internal::FileHeader;
using kv_internal::FileType;
using kv_internal::GroupHeader;
using kv_internal::kPageBytes;
using kv_internal::LogRecord;
using kv_internal::LogVisitor;
using kv_internal::RecordKind;
using kv_internal::SegmentState;
using kv_internal::WalkLog;

class DamageCollector final : public LogVisitor {
 public:
  explicit DamageCollector(VerifyCounts& counts) : counts_(counts) {}

  std::vector<LogDamage> Take() { return std::move(damage_); }

  void OnGroup(uint64_t, const GroupHeader&) override { ++counts_.groups; }
  void OnRecord(const LogRecord&) override { ++counts_.records; }
  void OnDamage(uint64_t offset, uint64_t size,
                const std::string& what) override {
    damage_.push_back({offset, size, what});
  }

 private:
  VerifyCounts& counts_;
  std::vector<LogDamage> damage_;
};

// Compares the records of a segment with the entries of its run.
class SegmentWalk final : public LogVisitor {
 public:
  SegmentWalk(const SegmentState& segment, std::string name,
              const SegmentEntries* entries, VerifyCounts& counts,
              Report& report)
      : segment_(segment),
        name_(std::move(name)),
        entries_(entries),
        counts_(counts),
        report_(report) {
    if (entries_ != nullptr) left_ = entries_->facts;
  }

  bool found_damage() const { return found_damage_; }

  void OnGroup(uint64_t, const GroupHeader&) override { ++counts_.groups; }

  void OnDamage(uint64_t offset, uint64_t size,
                const std::string& what) override {
    found_damage_ = true;
    report_.Problem({name_, offset, size, "log", what});
  }

  void OnRecord(const LogRecord& record) override {
    ++counts_.records;
    if (record.header.kind != RecordKind::kPut &&
        record.header.kind != RecordKind::kDelete) {
      Problem(record, "a record that a segment can't hold");
      return;
    }
    if (record.header.sequence < segment_.first_sequence ||
        record.header.sequence > segment_.last_sequence) {
      Problem(record, "sequence number " +
                          std::to_string(record.header.sequence) +
                          " is not of this segment");
    }
    if (entries_ != nullptr) Compare(record);
  }

  // After the last record.
  void Finish() {
    TellMissing(UINT64_MAX);
    if (entries_ == nullptr || !entries_->complete || found_damage_) return;
    if (garbage_records_ == segment_.garbage_records &&
        garbage_bytes_ == segment_.garbage_bytes) {
      return;
    }
    report_.Problem({name_, 0, 0, "garbage-count",
                     "the manifest says " +
                         std::to_string(segment_.garbage_records) +
                         " records of garbage in " +
                         std::to_string(segment_.garbage_bytes) +
                         " bytes, found " + std::to_string(garbage_records_) +
                         " in " + std::to_string(garbage_bytes_)});
  }

 private:
  void Problem(const LogRecord& record, const std::string& what) {
    report_.Problem({name_, record.offset, record.header.RecordBytes(),
                     "record", what + "; key " + base::EscapeKey(record.key)});
  }

  void Compare(const LogRecord& record) {
    TellMissing(record.offset);
    const uint64_t hash = kv_internal::HashKey(record.key, entries_->hash_seed);
    if (left_.empty() || left_.front().offset != record.offset) {
      ++garbage_records_;
      garbage_bytes_ += record.header.RecordBytes();
      if (entries_->complete &&
          !entries_->has_newer(hash, record.header.sequence)) {
        Problem(record, "no entry for this record, and none for a newer one");
      }
      return;
    }
    const EntryFact& fact = left_.front();
    left_ = left_.subspan(1);
    const bool tombstone = record.header.kind == RecordKind::kDelete;
    const char* const difference =
        fact.key_hash != hash                              ? "key"
        : fact.sequence != record.header.sequence          ? "sequence number"
        : (fact.tombstone != 0) != tombstone               ? "kind"
        : fact.record_bytes != record.header.RecordBytes() ? "size"
                                                           : nullptr;
    if (difference != nullptr) {
      Problem(record, std::string("its entry has another ") + difference);
    }
  }

  // Reports entries that point to a place before `offset`, where no record is.
  void TellMissing(uint64_t offset) {
    while (!left_.empty() && left_.front().offset < offset) {
      const EntryFact& fact = left_.front();
      report_.Problem({name_, fact.offset, 0, "entry",
                       "an entry of sequence number " +
                           std::to_string(fact.sequence) +
                           " points here, where no valid record is"});
      left_ = left_.subspan(1);
    }
  }

  const SegmentState& segment_;
  const std::string name_;
  const SegmentEntries* const entries_;
  VerifyCounts& counts_;
  Report& report_;
  std::span<const EntryFact> left_;  // entries at or behind the last record
  bool found_damage_ = false;
  uint64_t garbage_records_ = 0;
  uint64_t garbage_bytes_ = 0;
};

// What contradicts the manifest in a header that holds, or "".
std::string HeaderMistake(const FileHeader& header,
                          const kv_internal::DatabaseId& database_id,
                          const SegmentState& segment) {
  if (header.database_id != database_id) return "of another database";
  if (header.file_number != segment.number) return "another file number";
  if (header.file_id != segment.id) return "another file id";
  if (header.previous_id != segment.previous_id ||
      header.previous_number != segment.previous_number) {
    return "another predecessor";
  }
  if (header.first_sequence != segment.first_sequence) {
    return "another first sequence number";
  }
  return "";
}

void CheckHeader(std::span<const std::byte> image, const std::string& name,
                 const kv_internal::DatabaseId& database_id,
                 const SegmentState& segment, Report& report) {
  const absl::StatusOr<FileHeader> header =
      kv_internal::DecodeFileHeader(image, FileType::kSegment, name);
  std::string mistake =
      header.ok() ? HeaderMistake(*header, database_id, segment)
                  : std::string(base::StdView(header.status().message()));
  if (mistake.empty()) return;
  report.Problem({name, 0, kPageBytes, "header", std::move(mistake)});
}

}  // namespace

std::vector<LogDamage> WalkForDamage(std::span<const std::byte> image,
                                     uint64_t file_id, VerifyCounts& counts) {
  DamageCollector collector(counts);
  if (image.size() > kPageBytes) {
    WalkLog(image, file_id, kPageBytes, collector);
  }
  return collector.Take();
}

std::vector<std::byte> ReadForReport(InspectedFile& file,
                                     const std::string& name,
                                     uint64_t length_max, bool* unreadable,
                                     Report& report) {
  return file.ReadAround(
      0, std::min(file.size_bytes(), length_max),
      [&](uint64_t offset, uint64_t size, const absl::Status& status) {
        *unreadable = true;
        report.Problem({name, offset, size, "unreadable", StatusText(status)});
      });
}

void CheckSealedSegment(FileInspector& inspector, const std::string& directory,
                        const kv_internal::DatabaseId& database_id,
                        const SegmentState& segment,
                        const SegmentEntries* entries, VerifyCounts& counts,
                        Report& report) {
  const std::string name =
      kv_internal::FileName(FileType::kSegment, segment.number);
  const absl::StatusOr<std::unique_ptr<InspectedFile>> file =
      InspectedFile::Open(inspector, directory + "/" + name);
  if (!file.ok()) {
    const size_t lost = entries == nullptr ? 0 : entries->facts.size();
    report.Problem({name, 0, segment.length,
                    absl::IsNotFound(file.status()) ? "missing" : "unreadable",
                    StatusText(file.status()) + "; " + std::to_string(lost) +
                        " entries point into it"});
    return;
  }
  ++counts.files;
  const uint64_t size_bytes = (*file)->size_bytes();
  if (size_bytes < segment.length) {
    report.Problem({name, size_bytes, segment.length - size_bytes, "length",
                    "the file is cut short: sealed with " +
                        std::to_string(segment.length) + " bytes"});
  }
  bool unreadable = false;
  const std::vector<std::byte> image =
      ReadForReport(**file, name, segment.length, &unreadable, report);
  const uint64_t problems_before = report.problems();
  CheckHeader(image, name, database_id, segment, report);
  SegmentWalk walk(segment, name, entries, counts, report);
  if (image.size() > kPageBytes) {
    WalkLog(image, segment.id, kPageBytes, walk);
  }
  walk.Finish();
  // Of damage that the walk has found, the digest says nothing new.
  if (size_bytes < segment.length || unreadable ||
      report.problems() != problems_before ||
      kv_internal::Checksum(std::span(image)) == segment.digest) {
    return;
  }
  report.Problem({name, 0, segment.length, "digest",
                  "the file's digest is not the one it was sealed with"});
}

}  // namespace quire::tools
