#include "kv/internal/database_stats.h"

#include "absl/strings/str_cat.h"
#include "kv/db.h"

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
  stats->runs = view->runs.size();
  for (const auto& run : view->runs) {
    stats->segments += run->segments().size();
    for (const auto& segment : run->segments()) {
      stats->segment_bytes += segment->length();
    }
    stats->table_bytes += run->table().size_bytes();
    stats->entries += run->table().entry_count();
    stats->index_resident_bytes += run->table().resident_bytes();
  }
  if (core.catalog != nullptr) {
    for (const auto& [number, segment] : core.catalog->state().segments) {
      stats->garbage_bytes += segment.garbage_bytes;
    }
  }
  stats->snapshots = core.snapshots.size();
  stats->iterators =
      static_cast<uint64_t>(core.iterators.load(std::memory_order_relaxed));
  stats->pinned_values = Count(core.pinned_values);
  stats->provider = core.provider.provider->Stats();
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
  if (name == "quire.runs") {
    std::string text;
    const HeldView view = core.views.Hold();
    for (const auto& run : view->runs) {
      const TableReader& table = run->table();
      absl::StrAppend(&text, table.file().path(), ": ", table.entry_count(),
                      " entries, ", table.size_bytes(), " bytes, segments");
      for (const auto& segment : run->segments()) {
        absl::StrAppend(&text, " ", segment->number());
      }
      absl::StrAppend(&text, "\n");
    }
    return text;
  }
  if (name == "quire.outstanding") {
    const Stats stats = GatherStats(core);
    return absl::StrCat(stats.pinned_values, " pinned values, ",
                        stats.iterators, " iterators, ", stats.snapshots,
                        " snapshots");
  }
  if (name == "quire.writes") return core.throttle.Describe();
  if (name == "quire.recovery") return core.recovery_report.text();
  return std::nullopt;
}

}  // namespace quire::kv_internal
