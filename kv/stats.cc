#include "kv/stats.h"

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace quire {
namespace {

using Visitor = absl::FunctionRef<void(const char* name, uint64_t value)>;

struct Field {
  const char* name;
  uint64_t Stats::*member;
};

constexpr Field kFields[] = {
    {"gets", &Stats::gets},
    {"multiget_keys", &Stats::multiget_keys},
    {"checksum_failures", &Stats::checksum_failures},
    {"checks_failed_in_memory", &Stats::checks_failed_in_memory},
    {"checks_failed_on_media", &Stats::checks_failed_on_media},
    {"batches_written", &Stats::batches_written},
    {"records_written", &Stats::records_written},
    {"groups_written", &Stats::groups_written},
    {"log_bytes_written", &Stats::log_bytes_written},
    {"table_bytes_written", &Stats::table_bytes_written},
    {"rewritten_bytes", &Stats::rewritten_bytes},
    {"manifest_bytes_written", &Stats::manifest_bytes_written},
    {"merges", &Stats::merges},
    {"log_syncs", &Stats::log_syncs},
    {"writer_stall_us", &Stats::writer_stall_us},
    {"last_sequence", &Stats::last_sequence},
    {"durable_sequence", &Stats::durable_sequence},
    {"memtables", &Stats::memtables},
    {"memtable_bytes", &Stats::memtable_bytes},
    {"runs", &Stats::runs},
    {"segments", &Stats::segments},
    {"segment_bytes", &Stats::segment_bytes},
    {"garbage_bytes", &Stats::garbage_bytes},
    {"live_bytes", &Stats::live_bytes},
    {"table_bytes", &Stats::table_bytes},
    {"entries", &Stats::entries},
    {"index_resident_bytes", &Stats::index_resident_bytes},
    {"hash_section_bytes", &Stats::hash_section_bytes},
    {"snapshots", &Stats::snapshots},
    {"iterators", &Stats::iterators},
    {"pinned_values", &Stats::pinned_values},
    {"old_views", &Stats::old_views},
    {"kept_memtable_bytes", &Stats::kept_memtable_bytes},
    {"kept_files", &Stats::kept_files},
    {"kept_file_bytes", &Stats::kept_file_bytes},
};

struct ProviderField {
  const char* name;
  uint64_t io::ProviderStats::*member;
};

constexpr ProviderField kProviderFields[] = {
    {"provider.peek_hits", &io::ProviderStats::peek_hits},
    {"provider.read_extents", &io::ProviderStats::read_extents},
    {"provider.device_reads", &io::ProviderStats::device_reads},
    {"provider.device_bytes", &io::ProviderStats::device_bytes},
    {"provider.read_errors", &io::ProviderStats::read_errors},
    {"provider.evictions", &io::ProviderStats::evictions},
    {"provider.cache_capacity_bytes", &io::ProviderStats::cache_capacity_bytes},
    {"provider.cache_used_bytes", &io::ProviderStats::cache_used_bytes},
    {"provider.cache_pinned_bytes", &io::ProviderStats::cache_pinned_bytes},
};

// A field added to a struct and forgotten here does not compile.
static_assert(std::size(kFields) * sizeof(uint64_t) +
                  sizeof(io::ProviderStats) ==
              sizeof(Stats));
static_assert(std::size(kProviderFields) * sizeof(uint64_t) ==
              sizeof(io::ProviderStats));

void ForEachField(const Stats& stats, Visitor visit) {
  for (const Field& field : kFields) visit(field.name, stats.*field.member);
  for (const ProviderField& field : kProviderFields) {
    visit(field.name, stats.provider.*field.member);
  }
}

}  // namespace

std::string StatsToText(const Stats& stats) {
  std::string text;
  ForEachField(stats, [&text](const char* name, uint64_t value) {
    absl::StrAppend(&text, name, ": ", value, "\n");
  });
  return text;
}

std::string StatsToJson(const Stats& stats) {
  // Keeps the order of the fields.
  nlohmann::ordered_json json;
  ForEachField(
      stats, [&json](const char* name, uint64_t value) { json[name] = value; });
  return json.dump();
}

}  // namespace quire
