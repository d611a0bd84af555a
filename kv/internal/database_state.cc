#include "kv/internal/database_state.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/format.h"

namespace quire::kv_internal {
namespace {

absl::Status Contradiction(std::string why) {
  return absl::DataLossError("contradicts the state: " + std::move(why));
}

// Applies one change after the other to a state.
class Applier {
 public:
  explicit Applier(DatabaseState& state) : state_(state) {}

  absl::Status operator()(const DatabaseCreated& change);
  absl::Status operator()(const NextFileNumber& change);
  absl::Status operator()(const LastSequence& change);
  absl::Status operator()(const SegmentCreated& change);
  absl::Status operator()(const SegmentSealed& change);
  absl::Status operator()(const SegmentDropped& change);
  absl::Status operator()(const GarbageCounted& change);
  absl::Status operator()(const RunAdded& change);
  absl::Status operator()(const RunDropped& change);

  // What must hold once all changes of an edit have been applied.
  absl::Status Finish() const;

 private:
  // The segment, or nullptr.
  SegmentState* Find(uint64_t number);

  // A file number is taken: not 0, not in use.
  absl::Status TakeNumber(uint64_t number);

  // Notes where the segment of the log before `change` ended.
  absl::Status EndPrevious(const SegmentCreated& change);

  // Refuses to seal or drop an unsealed segment of the log before an older one.
  absl::Status CheckOldestUnsealed(const SegmentState& segment) const;

  DatabaseState& state_;
  bool is_snapshot_ = false;
  std::vector<uint64_t> rewritten_;  // segments that have to be sealed yet
};

SegmentState* Applier::Find(uint64_t number) {
  const auto found = state_.segments.find(number);
  return found == state_.segments.end() ? nullptr : &found->second;
}

absl::Status Applier::TakeNumber(uint64_t number) {
  const bool is_table = std::any_of(
      state_.runs.begin(), state_.runs.end(),
      [&](const RunState& run) { return run.table_number == number; });
  if (number == 0 || number == UINT64_MAX || is_table ||
      state_.segments.contains(number)) {
    return Contradiction(absl::StrCat("file number ", number, " is taken"));
  }
  state_.next_file_number = std::max(state_.next_file_number, number + 1);
  return absl::OkStatus();
}

absl::Status Applier::CheckOldestUnsealed(const SegmentState& segment) const {
  if (segment.origin != SegmentOrigin::kLog) return absl::OkStatus();
  // The chain of the unsealed has no gaps, so the one before tells.
  const auto previous = state_.segments.find(segment.previous_number);
  if (previous == state_.segments.end() || previous->second.sealed) {
    return absl::OkStatus();
  }
  return Contradiction(absl::StrCat("segment ", segment.previous_number,
                                    " before it in the log is not sealed"));
}

absl::Status Applier::EndPrevious(const SegmentCreated& change) {
  SegmentState* const previous = Find(change.previous_number);
  if (previous == nullptr) return absl::OkStatus();
  if (!previous->sealed) {
    if (change.previous_length < kPageBytes ||
        change.previous_length % kAlignmentBytes != 0) {
      return Contradiction(absl::StrCat("no segment ends there, so where does ",
                                        change.previous_number, " end?"));
    }
    previous->length = change.previous_length;
  } else if (change.previous_length != 0 &&
             change.previous_length != previous->length) {
    return Contradiction(absl::StrCat("segment ", change.previous_number,
                                      " was sealed with length ",
                                      previous->length));
  }
  return absl::OkStatus();
}

absl::Status Applier::operator()(const DatabaseCreated& change) {
  if (state_ != DatabaseState()) {
    return Contradiction("the database exists already");
  }
  is_snapshot_ = true;
  state_.database_id = change.database_id;
  state_.hash_seed = change.hash_seed;
  state_.last_log_number = change.last_log_number;
  state_.last_log_id = change.last_log_id;
  return absl::OkStatus();
}

absl::Status Applier::operator()(const NextFileNumber& change) {
  state_.next_file_number = std::max(state_.next_file_number, change.number);
  return absl::OkStatus();
}

absl::Status Applier::operator()(const LastSequence& change) {
  if (change.sequence > kMaxSequence) {
    return Contradiction("no such sequence number");
  }
  state_.last_sequence = std::max(state_.last_sequence, change.sequence);
  return absl::OkStatus();
}

absl::Status Applier::operator()(const SegmentCreated& change) {
  QUIRE_RETURN_IF_ERROR(TakeNumber(change.number));
  if (change.origin == SegmentOrigin::kRewrite) {
    if (change.previous_number != 0 || change.previous_id != 0) {
      return Contradiction("a rewritten segment continues no log");
    }
    rewritten_.push_back(change.number);
  } else if (is_snapshot_) {
    // Between the segments that a snapshot lists others have been dropped, so
    // only the order is known.
    if (change.previous_number >= change.number ||
        change.number > state_.last_log_number) {
      return Contradiction("out of the order of the log");
    }
  } else {
    if (change.previous_number != state_.last_log_number ||
        change.previous_id != state_.last_log_id ||
        change.number <= state_.last_log_number) {
      return Contradiction(
          absl::StrCat("does not continue the log, which ends "
                       "with segment ",
                       state_.last_log_number));
    }
    state_.last_log_number = change.number;
    state_.last_log_id = change.id;
  }
  if (change.origin == SegmentOrigin::kLog) {
    QUIRE_RETURN_IF_ERROR(EndPrevious(change));
  }
  state_.segments[change.number] = {.number = change.number,
                                    .id = change.id,
                                    .previous_number = change.previous_number,
                                    .previous_id = change.previous_id,
                                    .first_sequence = change.first_sequence,
                                    .origin = change.origin};
  return absl::OkStatus();
}

absl::Status Applier::operator()(const SegmentSealed& change) {
  SegmentState* const segment = Find(change.number);
  if (segment == nullptr) return Contradiction("no such segment");
  if (segment->sealed) return Contradiction("it is sealed already");
  QUIRE_RETURN_IF_ERROR(CheckOldestUnsealed(*segment));
  if (change.length < kPageBytes || change.length % kAlignmentBytes != 0 ||
      change.last_sequence > kMaxSequence ||
      change.garbage_bytes > change.length) {
    return Contradiction("no segment is like that");
  }
  if (segment->length != 0 && segment->length != change.length) {
    return Contradiction(absl::StrCat("it ended at ", segment->length,
                                      " when the next one was created"));
  }
  segment->sealed = true;
  segment->length = change.length;
  segment->last_sequence = change.last_sequence;
  segment->digest = change.digest;
  segment->garbage_bytes = change.garbage_bytes;
  segment->garbage_records = change.garbage_records;
  std::erase(rewritten_, change.number);
  state_.last_sequence = std::max(state_.last_sequence, change.last_sequence);
  return absl::OkStatus();
}

absl::Status Applier::operator()(const SegmentDropped& change) {
  SegmentState* const segment = Find(change.number);
  if (segment == nullptr) return Contradiction("no such segment");
  if (segment->table_number != 0) {
    return Contradiction(
        absl::StrCat("it belongs to the run of table ", segment->table_number));
  }
  if (!segment->sealed) QUIRE_RETURN_IF_ERROR(CheckOldestUnsealed(*segment));
  state_.segments.erase(change.number);
  return absl::OkStatus();
}

absl::Status Applier::operator()(const GarbageCounted& change) {
  SegmentState* const segment = Find(change.number);
  if (segment == nullptr || !segment->sealed) {
    return Contradiction("no such sealed segment");
  }
  if (change.bytes > segment->length - segment->garbage_bytes ||
      change.records > UINT64_MAX - segment->garbage_records) {
    return Contradiction("more garbage than the segment has bytes");
  }
  segment->garbage_bytes += change.bytes;
  segment->garbage_records += change.records;
  return absl::OkStatus();
}

absl::Status Applier::operator()(const RunAdded& change) {
  const RunState& run = change.run;
  QUIRE_RETURN_IF_ERROR(TakeNumber(run.table_number));
  if (run.segments.empty() || run.max_sequence > kMaxSequence) {
    return Contradiction("no run is like that");
  }
  for (const uint64_t number : run.segments) {
    SegmentState* const segment = Find(number);
    if (segment == nullptr || !segment->sealed) {
      return Contradiction(absl::StrCat("no sealed segment ", number));
    }
    if (segment->table_number != 0) {
      return Contradiction(absl::StrCat("segment ", number,
                                        " belongs to the run of table ",
                                        segment->table_number));
    }
    segment->table_number = run.table_number;
  }
  const auto place = std::find_if(
      state_.runs.begin(), state_.runs.end(), [&](const RunState& other) {
        return other.max_sequence < run.max_sequence;
      });
  state_.runs.insert(place, run);
  state_.last_sequence = std::max(state_.last_sequence, run.max_sequence);
  return absl::OkStatus();
}

absl::Status Applier::operator()(const RunDropped& change) {
  const auto run = std::find_if(
      state_.runs.begin(), state_.runs.end(), [&](const RunState& other) {
        return other.table_number == change.table_number;
      });
  if (run == state_.runs.end()) return Contradiction("no such run");
  for (const uint64_t number : run->segments) {
    state_.segments.at(number).table_number = 0;
  }
  state_.runs.erase(run);
  return absl::OkStatus();
}

absl::Status Applier::Finish() const {
  if (rewritten_.empty()) return absl::OkStatus();
  return Contradiction(
      absl::StrCat("rewritten segment ", rewritten_.front(),
                   " is not sealed by the edit that names it"));
}

}  // namespace

absl::Status DatabaseState::Apply(const ManifestEdit& edit) {
  Applier applier(*this);
  for (const ManifestChange& change : edit.changes()) {
    const absl::Status status = std::visit(applier, change);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(ToString(change), ": ",
                                                      status.message()));
    }
  }
  return applier.Finish();
}

ManifestEdit DatabaseState::Snapshot() const {
  ManifestEdit edit;
  edit.Add(DatabaseCreated{.database_id = database_id,
                           .hash_seed = hash_seed,
                           .last_log_number = last_log_number,
                           .last_log_id = last_log_id});
  edit.Add(NextFileNumber{next_file_number});
  edit.Add(LastSequence{last_sequence});
  for (const auto& [number, segment] : segments) {
    const auto previous = segments.find(segment.previous_number);
    edit.Add(SegmentCreated{.number = number,
                            .id = segment.id,
                            .previous_number = segment.previous_number,
                            .previous_id = segment.previous_id,
                            .first_sequence = segment.first_sequence,
                            .previous_length = previous == segments.end()
                                                   ? 0
                                                   : previous->second.length,
                            .origin = segment.origin});
    if (!segment.sealed) continue;
    edit.Add(SegmentSealed{.number = number,
                           .length = segment.length,
                           .last_sequence = segment.last_sequence,
                           .digest = segment.digest,
                           .garbage_bytes = segment.garbage_bytes,
                           .garbage_records = segment.garbage_records});
  }
  // Runs of one max_sequence keep their order, each going behind its equals.
  for (const RunState& run : runs) edit.Add(RunAdded{run});
  return edit;
}

}  // namespace quire::kv_internal
