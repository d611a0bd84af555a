#include "kv/internal/value_batch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "cache/epoch.h"
#include "kv/internal/memory_record.h"
#include "kv/internal/record.h"
#include "kv/internal/resident_record.h"

namespace quire::kv_internal {
namespace {

// Records fetched ahead of the one being copied; more of them are slower.
constexpr size_t kPrefetchDistance = 8;

}  // namespace

void ValueBatch::Clear() {
  entries_.clear();
  keys_.clear();
  copies_.clear();
  record_bytes_ = 0;
  in_runs_.clear();
  missing_.clear();
  reads_.clear();
}

void ValueBatch::Add(std::string_view key, uint64_t sequence,
                     const EntryPlace& place, const Run* run) {
  Entry& entry = entries_.emplace_back();
  entry.key_begin = keys_.size();
  entry.key_size = key.size();
  entry.sequence = sequence;
  keys_.append(key);
  if (place.memory != nullptr) {
    entry.value = MemoryRecord(place.memory).value();
    return;
  }
  if (!run->Locate(place.address, &entry.location)) {
    entry.status = absl::DataLossError(absl::StrCat(
        run->table().file().path(), ": the entry of ", base::EscapeKey(key),
        " points outside of the run's segments"));
    return;
  }
  entry.size_class = place.size_class;
  entry.record_bytes = place.record_bytes;
  record_bytes_ += place.record_bytes;
  in_runs_.push_back(entries_.size() - 1);
}

void ValueBatch::Read() {
  if (in_runs_.empty()) return;
  CopyResident();
  if (!missing_.empty()) ReadMissing();
}

absl::StatusOr<std::string_view> ValueBatch::value(size_t i) const {
  const Entry& entry = entries_[i];
  if (!entry.status.ok()) return entry.status;
  if (!entry.copied) return entry.value;
  return std::string_view(copies_).substr(entry.copy_begin, entry.copy_size);
}

void ValueBatch::CopyResident() {
  const cache::EpochGuard guard;
  for (size_t i = 0; i < in_runs_.size(); ++i) {
    if (i % kPrefetchDistance == 0) {
      const size_t end = std::min(i + kPrefetchDistance, in_runs_.size());
      for (size_t j = i + 1; j < end; ++j) {
        PrefetchResidentRecord(provider_, entries_[in_runs_[j]].location);
      }
    }
    if (!CopyResident(in_runs_[i])) missing_.push_back(in_runs_[i]);
  }
}

bool ValueBatch::CopyResident(size_t i) {
  Entry& entry = entries_[i];
  ResidentRecord record;
  const RecordMatch match =
      MatchResidentRecord(provider_, entry.location, entry.size_class, key(i),
                          entry.sequence, &record);
  // Anything unexpected is looked at again, and then reported.
  if (match != RecordMatch::kMatch ||
      record.header.sequence != entry.sequence) {
    return false;
  }
  entry.copied = true;
  entry.copy_begin = copies_.size();
  entry.copy_size = record.value.size();
  copies_.append(record.value);
  return true;
}

void ValueBatch::ReadMissing() {
  reads_.resize(missing_.size());
  for (size_t i = 0; i < missing_.size(); ++i) {
    reads_[i].location = entries_[missing_[i]].location;
    reads_[i].record_bytes = entries_[missing_[i]].record_bytes;
  }
  ReadRecords(provider_, reads_, io::CachePolicy::kScan);
  for (size_t i = 0; i < missing_.size(); ++i) {
    Entry& entry = entries_[missing_[i]];
    const ParsedRecord& record = reads_[i].record;
    entry.status = reads_[i].status;
    if (!entry.status.ok()) continue;
    if (record.header.kind != RecordKind::kPut ||
        record.header.sequence != entry.sequence ||
        record.key != key(missing_[i])) {
      entry.status = absl::DataLossError(absl::StrCat(
          entry.location.file->path(), ": the record at offset ",
          entry.location.place.offset, " is not that of ",
          base::EscapeKey(key(missing_[i])), " which its table says it is"));
      continue;
    }
    entry.value = record.value;
  }
}

}  // namespace quire::kv_internal
