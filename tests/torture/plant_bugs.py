#!/usr/bin/env python3
"""Writes copies of sources of kv that have bugs, for the program `planted`.

Usage: plant_bugs.py OUTPUT_DIRECTORY SOURCE...

Each bug is a piece of a source and what stands in its place. It is at work
while PLANTED("name") is true there; see planted_bug.cc for the list. A piece
that isn't found once exactly ends the program with an error that names it:
whoever changes the source says here how it is broken now.
"""

import os
import sys

# File, then pairs of what is there and what takes its place.
BUGS = {
    "write_queue.cc": [
        (
            """  if (sync) QUIRE_RETURN_IF_ERROR(SyncAll());""",
            """  if (sync && !PLANTED("early_acknowledgement")) {
    QUIRE_RETURN_IF_ERROR(SyncAll());
  }""",
        ),
        (
            """    for (const auto& earlier : unsynced_) logs.push_back(""",
            """    for (const auto& earlier :
         PLANTED("earlier_logs_forgotten") ? decltype(unsynced_)()
                                           : unsynced_) logs.push_back(""",
        ),
        (
            """  const LogPosition synced_upto = core_.durable.Get().position;""",
            """  const LogPosition synced_upto = PLANTED("no_synced_upto")
                                      ? LogPosition{}
                                      : core_.durable.Get().position;""",
        ),
    ],
    "active_log.cc": [
        (
            """  QUIRE_RETURN_IF_ERROR(file_->WriteAt(tail_.offset, bytes));
  tail_ = group.tail();""",
            """  if (PLANTED("hole_after_failed_write")) {
    return file_->WriteAt(std::exchange(tail_, group.tail()).offset, bytes);
  }
  QUIRE_RETURN_IF_ERROR(file_->WriteAt(tail_.offset, bytes));
  tail_ = group.tail();""",
        ),
        (
            """  base::MutexLock lock(sync_mu_);
  if (sync_failure_.ok()""",
            """  base::MutexLock lock(sync_mu_);
  if (PLANTED("sync_retried") && !closed_ && !file_->Sync().ok()) {
    return file_->Sync();
  }
  if (sync_failure_.ok()""",
        ),
    ],
    "run_maker.cc": [
        (
            """  if (absl::Status status = log.Sync(); !status.ok()) {""",
            """  if (absl::Status status = PLANTED("sealed_not_synced")
                                ? absl::OkStatus()
                                : log.Sync();
      !status.ok()) {""",
        ),
    ],
    "sequential_writer.cc": [
        (
            """  QUIRE_RETURN_IF_ERROR(Sync());
  piece_size_ = 0;""",
            """  QUIRE_RETURN_IF_ERROR(PLANTED("rewrite_not_synced") ? WriteGathered()
                                                      : Sync());
  piece_size_ = 0;""",
        ),
    ],
    "log_recovery.cc": [
        (
            """    if (!header.ok()) {
      Stop(""",
            """    if (!header.ok()) {
      if (PLANTED("torn_tail_kept")) {
        uint64_t next = end;
        ScanForGroups(log, offset + 8, segment.id,
                      [&](uint64_t at, const GroupHeader&) {
                        next = std::min(next, at);
                      });
        offset = next;
        previous_check_.reset();
        continue;
      }
      Stop(""",
        ),
    ],
    "group.cc": [
        (
            """    if (BodyCheck(record.key, record.value, place) != header->body_check) {""",
            """    if (!PLANTED("header_only_checksum") &&
        BodyCheck(record.key, record.value, place) != header->body_check) {""",
        ),
    ],
    "resident_record.cc": [
        (
            """  return MatchWhole(location, *header, bytes, key, max_sequence, record);""",
            """  const RecordMatch match =
      MatchWhole(location, *header, bytes, key, max_sequence, record);
  if (PLANTED("check_then_copy") && match == RecordMatch::kMatch &&
      size <= kLargestResidentBytes) {
    std::byte* const copy = room(size);
    if (!CopyResident(provider, *location.file, offset, {copy, size})) {
      return RecordMatch::kNotKnown;
    }
    record->value = {reinterpret_cast<const char*>(copy) + kRecordHeaderBytes +
                         header->key_size,
                     header->value_size};
  }
  return match;""",
        ),
    ],
    "merger.cc": [
        (
            """    status = core_.catalog->Commit(EditFor(result));""",
            """    if (PLANTED("early_unlink")) {
      for (size_t i = 0; i < inputs_.segments().size(); ++i) {
        if (!plan_.rewritten[i]) continue;
        core_.file_system
            ->RemoveFile(FilePath(core_.path, FileType::kSegment,
                                  inputs_.segments()[i].state.number))
            .IgnoreError();
      }
    }
    status = core_.catalog->Commit(EditFor(result));""",
        ),
        (
            """    plan_.snapshots = core_.snapshots.Sequences();""",
            """    if (!PLANTED("snapshots_forgotten")) {
      plan_.snapshots = core_.snapshots.Sequences();
    }""",
        ),
    ],
    "merge_policy.cc": [
        (
            """  if (!drops_tombstones) return 0;""",
            """  if (PLANTED("tombstones_dropped")) return UINT64_MAX;
  if (!drops_tombstones) return 0;""",
        ),
    ],
    "catalog.cc": [
        (
            """  const std::string path = FilePath(directory_, FileType::kManifest, number);
  if (absl::Status status =""",
            """  const std::string path = FilePath(directory_, FileType::kManifest, number);
  if (PLANTED("manifest_removed_early")) {
    file_system_
        .RemoveFile(FilePath(directory_, FileType::kManifest, manifest_number_))
        .IgnoreError();
  }
  if (absl::Status status =""",
        ),
    ],
    "tail_recovery.cc": [
        (
            """  QUIRE_RETURN_IF_ERROR(core.file_system->SyncDirectory(core.path));
  // From here""",
            """  QUIRE_RETURN_IF_ERROR(core.file_system->SyncDirectory(core.path));
  if (PLANTED("log_removed_early")) {
    for (const SegmentState* segment : tail) {
      core.file_system->RemoveFile(SegmentPath(core.path, segment->number))
          .IgnoreError();
    }
  }
  // From here""",
        ),
    ],
    "db_impl.cc": [
        (
            """  if (options.snapshot != nullptr) {
    result.max_sequence""",
            """  if (options.snapshot != nullptr && !PLANTED("snapshot_reads_newest")) {
    result.max_sequence""",
        ),
        (
            """                         std::string* value) {
  QUIRE_RETURN_IF_ERROR(CheckUsable());
""",
            """                         std::string* value) {
  QUIRE_RETURN_IF_ERROR(CheckUsable());
  if (PLANTED("read_error_is_absence") &&
      !reader_.Get(key, ReaderOptions(options), value).ok()) {
    return absl::NotFoundError("");
  }
""",
        ),
    ],
    "db_iterator.cc": [
        (
            """    if (InBatch()) return absl::OkStatus();
""",
            """    if (InBatch() || PLANTED("iterator_hides_errors")) {
      return absl::OkStatus();
    }
""",
        ),
    ],
}

HEAD = """#include <string_view>
namespace quire::torture {
bool IsPlanted(std::string_view name);
}  // namespace quire::torture
#define PLANTED(name) ::quire::torture::IsPlanted(name)
"""


def plant(source, text):
    for old, new in BUGS[source]:
        if text.count(old) != 1:
            sys.exit(
                f"plant_bugs.py: {source}: found {text.count(old)} times:\n{old}"
            )
        text = text.replace(old, new)
    return HEAD + text


def main():
    directory, sources = sys.argv[1], sys.argv[2:]
    for path in sources:
        source = os.path.basename(path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        target = os.path.join(directory, "planted_" + source)
        with open(target, "w", encoding="utf-8") as file:
            file.write(plant(source, text))


if __name__ == "__main__":
    main()
