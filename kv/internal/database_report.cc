#include "kv/internal/database_report.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "kv/internal/database_state.h"
#include "kv/internal/run.h"
#include "kv/internal/snapshot_list.h"
#include "kv/internal/table_reader.h"
#include "kv/internal/view.h"
#include "nlohmann/json.hpp"

namespace quire::kv_internal {
namespace {

using nlohmann::ordered_json;

constexpr size_t kWorstSegments = 20;

double Share(uint64_t part, uint64_t whole) {
  return static_cast<double>(part) /
         static_cast<double>(std::max<uint64_t>(whole, 1));
}

RunReport ReportOf(const Run& run) {
  const TableReader& table = run.table();
  RunReport report = {
      .table_path = table.file().path(),
      .table_bytes = table.size_bytes(),
      .entries = table.entry_count(),
      .hash_section_bytes = table.hash_section_bytes(),
      .hash_section_resident = table.resident_hash_section() != nullptr,
      .resident_bytes = table.resident_bytes(),
      .segments = {}};
  for (const auto& segment : run.segments()) {
    report.segments.push_back(segment->number());
  }
  return report;
}

std::vector<SegmentReport> Segments(const View& view,
                                    const DatabaseState& state) {
  std::vector<SegmentReport> result;
  for (const auto& run : view.runs) {
    for (const auto& segment : run->segments()) {
      SegmentReport report = {.number = segment->number(),
                              .bytes = segment->length()};
      const auto named = state.segments.find(segment->number());
      if (named != state.segments.end()) {
        report.garbage_bytes = named->second.garbage_bytes;
        report.garbage_records = named->second.garbage_records;
      }
      result.push_back(report);
    }
  }
  std::sort(result.begin(), result.end(),
            [](const SegmentReport& a, const SegmentReport& b) {
              return a.number < b.number;
            });
  return result;
}

std::vector<ReaderReport> Readers(const SnapshotList& list) {
  const SnapshotList::Clock::time_point now = SnapshotList::Clock::now();
  std::vector<ReaderReport> result;
  for (const auto& [sequence, since] : list.entries()) {
    const std::chrono::duration<double> age = now - since;
    // One that began behind `now` is as old as nothing.
    result.push_back(
        {.sequence = sequence, .age_s = std::max(age.count(), 0.0)});
  }
  return result;
}

KeptReport Kept(const View& current, const ViewPublisher& views) {
  // Segments that a merge has handed on to a run of today.
  std::set<const OpenSegment*> counted;
  for (const auto& run : current.runs) {
    for (const auto& segment : run->segments()) counted.insert(segment.get());
  }
  KeptReport report;
  // Before what they hold is gathered: once none is left, nothing is kept.
  report.views = static_cast<uint64_t>(std::max<int64_t>(views.waiting(), 0));
  const ViewPublisher::Kept kept = views.KeptByOldViews();
  report.memtables = kept.memtables.size();
  for (const auto& memtable : kept.memtables) {
    report.memtable_bytes += memtable->memory_bytes();
  }
  for (const auto& run : kept.runs) {
    ++report.files;
    report.file_bytes += run->table().size_bytes();
    for (const auto& segment : run->segments()) {
      if (!counted.insert(segment.get()).second) continue;
      ++report.files;
      report.file_bytes += segment->length();
    }
  }
  return report;
}

// Sums over all runs.
struct IndexSums {
  uint64_t entries = 0;
  uint64_t hash_bytes = 0;
  uint64_t resident_bytes = 0;
  uint64_t resident_runs = 0;
};

IndexSums SumIndex(const DatabaseReport& report) {
  IndexSums sums;
  for (const RunReport& run : report.runs) {
    sums.entries += run.entries;
    sums.hash_bytes += run.hash_section_bytes;
    sums.resident_bytes += run.resident_bytes;
    if (run.hash_section_resident) ++sums.resident_runs;
  }
  return sums;
}

std::string BudgetText(uint64_t bytes) {
  return bytes == UINT64_MAX ? "no bound" : absl::StrFormat("%d bytes", bytes);
}

void AppendReaders(const char* name, const std::vector<ReaderReport>& readers,
                   std::string* text) {
  for (const ReaderReport& reader : readers) {
    absl::StrAppendFormat(text, "%s at sequence %d for %.3f s\n", name,
                          reader.sequence, reader.age_s);
  }
}

ordered_json ReadersJson(const std::vector<ReaderReport>& readers) {
  ordered_json json = ordered_json::array();
  for (const ReaderReport& reader : readers) {
    json.push_back({{"sequence", reader.sequence}, {"age_s", reader.age_s}});
  }
  return json;
}

ordered_json RunsJson(const std::vector<RunReport>& runs) {
  ordered_json json = ordered_json::array();
  for (const RunReport& run : runs) {
    json.push_back({{"table", run.table_path},
                    {"table_bytes", run.table_bytes},
                    {"entries", run.entries},
                    {"hash_section_bytes", run.hash_section_bytes},
                    {"hash_section_resident", run.hash_section_resident},
                    {"resident_bytes", run.resident_bytes},
                    {"segments", run.segments}});
  }
  return json;
}

ordered_json SegmentsJson(const std::vector<SegmentReport>& segments) {
  ordered_json json = ordered_json::array();
  for (const SegmentReport& segment : segments) {
    json.push_back({{"number", segment.number},
                    {"bytes", segment.bytes},
                    {"garbage_bytes", segment.garbage_bytes},
                    {"garbage_records", segment.garbage_records},
                    {"garbage_share", segment.GarbageShare()}});
  }
  return json;
}

}  // namespace

double SegmentReport::GarbageShare() const {
  return Share(garbage_bytes, bytes);
}

DatabaseReport GatherReport(const DatabaseCore& core) {
  DatabaseReport report;
  // The view first: what a later state no longer names has no garbage.
  const HeldView view = core.views.Hold();
  for (const auto& run : view->runs) report.runs.push_back(ReportOf(*run));
  if (core.catalog != nullptr) {
    report.segments = Segments(*view, core.catalog->state());
  } else if (view->state != nullptr) {
    report.segments = Segments(*view, *view->state);
  }
  report.snapshots = Readers(core.snapshots);
  report.iterators = Readers(core.iterators);
  report.pinned_values = static_cast<uint64_t>(core.pinned_values.Sum());
  report.kept = Kept(*view, core.views);
  report.index_memory_bytes = core.options.index_memory_bytes;
  return report;
}

std::string RunsText(const DatabaseReport& report) {
  std::string text;
  for (const RunReport& run : report.runs) {
    absl::StrAppendFormat(&text,
                          "%s: %d entries, %d bytes, hash section %s, segments",
                          run.table_path, run.entries, run.table_bytes,
                          run.hash_section_resident ? "resident" : "paged");
    for (const uint64_t segment : run.segments) {
      absl::StrAppendFormat(&text, " %d", segment);
    }
    text += '\n';
  }
  return text;
}

std::string SegmentsText(const DatabaseReport& report) {
  std::vector<SegmentReport> worst;
  SegmentReport sum;
  for (const SegmentReport& segment : report.segments) {
    sum.bytes += segment.bytes;
    sum.garbage_bytes += segment.garbage_bytes;
    sum.garbage_records += segment.garbage_records;
    if (segment.garbage_bytes > 0) worst.push_back(segment);
  }
  std::stable_sort(worst.begin(), worst.end(),
                   [](const SegmentReport& a, const SegmentReport& b) {
                     return a.GarbageShare() > b.GarbageShare();
                   });
  const auto garbage = [](const SegmentReport& segment) {
    return absl::StrFormat("%d bytes, garbage %d bytes (%.1f %%), %d records\n",
                           segment.bytes, segment.garbage_bytes,
                           100 * segment.GarbageShare(),
                           segment.garbage_records);
  };
  std::string text = absl::StrFormat(
      "%d segments, %d with garbage: ", report.segments.size(), worst.size());
  text += garbage(sum);
  for (size_t i = 0; i < std::min(worst.size(), kWorstSegments); ++i) {
    absl::StrAppendFormat(&text, "segment %d: ", worst[i].number);
    text += garbage(worst[i]);
  }
  if (worst.size() > kWorstSegments) {
    absl::StrAppendFormat(&text, "and %d with less\n",
                          worst.size() - kWorstSegments);
  }
  return text;
}

std::string IndexText(const DatabaseReport& report) {
  const IndexSums sums = SumIndex(report);
  return absl::StrFormat(
      "hash sections: %d bytes, %.2f bytes per key\n"
      "resident: %d bytes, %.2f bytes per key; hash sections of %d of %d runs\n"
      "budget: %s\n",
      sums.hash_bytes, Share(sums.hash_bytes, sums.entries),
      sums.resident_bytes, Share(sums.resident_bytes, sums.entries),
      sums.resident_runs, report.runs.size(),
      BudgetText(report.index_memory_bytes));
}

std::string OutstandingText(const DatabaseReport& report) {
  const KeptReport& kept = report.kept;
  std::string text = absl::StrFormat(
      "%d pinned values, %d iterators, %d snapshots\n"
      "kept for readers of %d old views: %d memtables of %d bytes, %d files of "
      "%d bytes\n",
      report.pinned_values, report.iterators.size(), report.snapshots.size(),
      kept.views, kept.memtables, kept.memtable_bytes, kept.files,
      kept.file_bytes);
  AppendReaders("snapshot", report.snapshots, &text);
  AppendReaders("iterator", report.iterators, &text);
  return text;
}

std::string ReportToJson(const DatabaseReport& report) {
  const IndexSums sums = SumIndex(report);
  const KeptReport& kept = report.kept;
  ordered_json index = {
      {"hash_section_bytes", sums.hash_bytes},
      {"hash_section_bytes_per_key", Share(sums.hash_bytes, sums.entries)},
      {"resident_bytes", sums.resident_bytes},
      {"resident_bytes_per_key", Share(sums.resident_bytes, sums.entries)},
      {"resident_runs", sums.resident_runs},
      {"budget_bytes", nullptr}};
  if (report.index_memory_bytes != UINT64_MAX) {
    index["budget_bytes"] = report.index_memory_bytes;
  }
  const ordered_json object = {{"runs", RunsJson(report.runs)},
                               {"segments", SegmentsJson(report.segments)},
                               {"index", std::move(index)},
                               {"outstanding",
                                {{"pinned_values", report.pinned_values},
                                 {"snapshots", ReadersJson(report.snapshots)},
                                 {"iterators", ReadersJson(report.iterators)}}},
                               {"kept",
                                {{"views", kept.views},
                                 {"memtables", kept.memtables},
                                 {"memtable_bytes", kept.memtable_bytes},
                                 {"files", kept.files},
                                 {"file_bytes", kept.file_bytes}}}};
  // Paths needn't be UTF-8.
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace quire::kv_internal
