#include "kv/internal/database_stats.h"

#include "absl/strings/str_cat.h"
#include "kv/db.h"
#include "kv/internal/database_report.h"

namespace quire::kv_internal {
namespace {

uint64_t Count(const base::StripedCounter& counter) {
  return static_cast<uint64_t>(counter.Sum());
}

void GatherCounters(const DatabaseCore& core, Stats* stats) {
  const DatabaseCounters& counters = core.counters;
  stats->gets = Count(counters.gets);
  stats->multiget_keys = Count(counters.multiget_keys);
  stats->checksum_failures = Count(counters.checksum_failures);
  stats->batches_written = Count(counters.batches_written);
  stats->records_written = Count(counters.records_written);
  stats->groups_written = Count(counters.groups_written);
  stats->log_bytes_written = Count(counters.log_bytes_written);
  stats->table_bytes_written = Count(counters.table_bytes_written);
  if (core.catalog != nullptr) {
    stats->manifest_bytes_written = core.catalog->bytes_written();
  }
  stats->rewritten_bytes = Count(counters.rewritten_bytes);
  stats->merges = Count(counters.merges);
  stats->log_syncs = Count(counters.log_syncs);
  stats->writer_stall_us = Count(counters.writer_stall_us);
}

void GatherState(DatabaseCore& core, Stats* stats) {
  stats->last_sequence = core.published.load(std::memory_order_acquire);
  stats->durable_sequence = core.durable.Get().sequence;
  const HeldView view = core.views.Hold();
  stats->memtables = view->memtables.size();
  for (const auto& memtable : view->memtables) {
    stats->memtable_bytes += memtable->memory_bytes();
  }
  const DatabaseReport report = GatherReport(core);
  stats->runs = report.runs.size();
  for (const RunReport& run : report.runs) {
    stats->table_bytes += run.table_bytes;
    stats->entries += run.entries;
    stats->index_resident_bytes += run.resident_bytes;
    stats->hash_section_bytes += run.hash_section_bytes;
  }
  stats->segments = report.segments.size();
  for (const SegmentReport& segment : report.segments) {
    stats->segment_bytes += segment.bytes;
    stats->garbage_bytes += segment.garbage_bytes;
  }
  stats->live_bytes = stats->segment_bytes - stats->garbage_bytes;
  stats->snapshots = report.snapshots.size();
  stats->iterators = report.iterators.size();
  stats->pinned_values = report.pinned_values;
  stats->old_views = report.kept.views;
  stats->kept_memtable_bytes = report.kept.memtable_bytes;
  stats->kept_files = report.kept.files;
  stats->kept_file_bytes = report.kept.file_bytes;
  io::PageProvider& provider = *core.provider.provider;
  stats->provider = provider.Stats();
  stats->checks_failed_in_memory = Count(provider.failed_checks().in_memory);
  stats->checks_failed_on_media = Count(provider.failed_checks().on_media);
}

std::string WithReason(const std::string& name, const std::string& reason) {
  return reason.empty() ? name : absl::StrCat(name, " (", reason, ")");
}

}  // namespace

Stats GatherStats(DatabaseCore& core) {
  Stats stats;
  GatherCounters(core, &stats);
  GatherState(core, &stats);
  return stats;
}

std::optional<std::string> DatabaseProperty(DatabaseCore& core,
                                            std::string_view name) {
  if (name == "quire.stats") return StatsToText(GatherStats(core));
  if (name == "quire.stats-json") return StatsToJson(GatherStats(core));
  if (name == "quire.effective-provider") {
    return WithReason(io::ReadModeName(core.provider.effective_mode),
                      core.provider.mode_reason);
  }
  if (name == "quire.effective-io-engine") {
    return WithReason(io::IoEngineName(core.provider.effective_engine),
                      core.provider.engine_reason);
  }
  if (name == "quire.runs") return RunsText(GatherReport(core));
  if (name == "quire.segments") return SegmentsText(GatherReport(core));
  if (name == "quire.index") return IndexText(GatherReport(core));
  if (name == "quire.outstanding") return OutstandingText(GatherReport(core));
  if (name == "quire.report-json") return ReportToJson(GatherReport(core));
  if (name == "quire.writes") return core.throttle.Describe();
  if (name == "quire.recovery") return core.recovery_report.text();
  return std::nullopt;
}

}  // namespace quire::kv_internal
