#include "tests/kv/test_log.h"

#include <algorithm>
#include <span>

#include "base/check.h"
#include "base/string_view.h"
#include "kv/internal/checksum.h"
#include "kv/internal/file_header.h"
#include "kv/internal/manifest_edit.h"

namespace quire::kv_internal {

std::ostream& operator<<(std::ostream& out, const Entry& entry) {
  return out << "#" << entry.sequence << " " << base::EscapeKey(entry.key)
             << " (" << entry.value.size() << " B)";
}

Entry EntryOf(const LogRecord& record) {
  return {record.header.sequence, record.header.kind, std::string(record.key),
          std::string(record.value)};
}

TestLog::TestLog() {
  ManifestEdit edit;
  edit.Add(DatabaseCreated{.database_id = {std::byte{0xdb}}, .hash_seed = 7});
  QUIRE_CHECK(state.Apply(edit).ok());
}

void TestLog::StartSegment() {
  const uint64_t number = state.next_file_number;
  const FileHeader header = {.type = FileType::kSegment,
                             .file_id = 0xabcdef0000000000 + number,
                             .file_number = number,
                             .previous_id = state.last_log_id,
                             .previous_number = state.last_log_number,
                             .first_sequence = next_sequence_,
                             .database_id = state.database_id};
  std::vector<std::byte>& file = files[number];
  file.resize(kPageBytes);
  EncodeFileHeader(header, file.data());
  ManifestEdit edit;
  edit.Add(SegmentCreated{.number = number,
                          .id = header.file_id,
                          .previous_number = header.previous_number,
                          .previous_id = header.previous_id,
                          .first_sequence = header.first_sequence,
                          .previous_length = tail_.offset});
  QUIRE_CHECK(state.Apply(edit).ok());
  tail_.file_id = header.file_id;
  tail_.offset = kPageBytes;
}

void TestLog::Append(const std::vector<size_t>& value_sizes) {
  std::vector<Entry> entries;
  for (const size_t size : value_sizes) {
    const uint64_t sequence = next_sequence_ + entries.size();
    entries.push_back({sequence, RecordKind::kPut,
                       "key" + std::to_string(sequence),
                       std::string(size, static_cast<char>('a' + sequence))});
  }
  AppendEntries(entries);
}

void TestLog::AppendEntries(const std::vector<Entry>& entries) {
  uint64_t room = kGroupHeaderBytes;
  for (const Entry& e : entries) {
    room += GroupBuilder::Room(e.key.size(), e.value.size());
    next_sequence_ = std::max(next_sequence_, e.sequence + 1);
  }
  const uint64_t number = state.last_log_number;
  std::vector<std::byte>& file = files[number];
  file.resize(tail_.offset + room);
  GroupBuilder group(std::span<std::byte>(file).subspan(tail_.offset), tail_);
  for (const Entry& e : entries) group.Add(e.sequence, e.kind, e.key, e.value);
  group.Finish(durable_, next_sequence_ - 1);
  file.resize(group.end());
  groups.push_back({{number, tail_.offset}, group.end(), durable_, entries});
  tail_ = group.tail();
}

void TestLog::Sync() {
  if (!groups.empty()) {
    durable_ = {groups.back().begin.file_number, groups.back().end};
  }
}

void TestLog::SealOldest() {
  const auto oldest =
      std::find_if(state.segments.begin(), state.segments.end(),
                   [](const auto& segment) { return !segment.second.sealed; });
  QUIRE_CHECK(oldest != state.segments.end());
  const std::vector<std::byte>& file = files[oldest->first];
  ManifestEdit edit;
  edit.Add(SegmentSealed{.number = oldest->first,
                         .length = file.size(),
                         .digest = Checksum(file)});
  QUIRE_CHECK(state.Apply(edit).ok());
}

std::vector<Entry> TestLog::EntriesOf(size_t group_count) const {
  std::vector<Entry> entries;
  for (size_t i = 0; i < group_count; ++i) {
    entries.insert(entries.end(), groups[i].entries.begin(),
                   groups[i].entries.end());
  }
  return entries;
}

}  // namespace quire::kv_internal
