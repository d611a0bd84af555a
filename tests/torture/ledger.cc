#include "tests/torture/ledger.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace quire::torture {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const LedgerEntry& entry) {
  Json seeds = Json::array();
  for (const auto& [begin, end] : entry.seeds.ranges()) {
    seeds.push_back({begin, end});
  }
  return {{"programme", entry.programme},
          {"revision", entry.revision},
          {"commit", entry.commit},
          {"dirty", entry.dirty},
          {"seeds", seeds},
          {"seconds", entry.seconds},
          {"counts", entry.outcome.counts},
          {"failures", entry.outcome.failures}};
}

LedgerEntry FromJson(const Json& json) {
  LedgerEntry entry;
  entry.programme = json.at("programme");
  entry.revision = json.at("revision");
  entry.commit = json.at("commit");
  entry.dirty = json.at("dirty");
  for (const Json& range : json.at("seeds")) {
    entry.seeds.Add(range.at(0), range.at(1));
  }
  entry.seconds = json.at("seconds");
  entry.outcome.counts =
      json.at("counts").get<std::map<std::string, uint64_t>>();
  entry.outcome.failures = json.at("failures").get<std::vector<std::string>>();
  return entry;
}

// How many seeds were run, and of how many where there is an end of them.
std::string SeedsText(const Programme& programme, const SeedSet& seeds) {
  if (programme.seed_count == 0) return absl::StrCat(seeds.size(), " seeds");
  return absl::StrCat(
      seeds.size(), " of ", programme.seed_count, " seeds (",
      seeds.FirstMissing() >= programme.seed_count ? "all" : "NOT ALL", ")");
}

}  // namespace

void SeedSet::Add(uint64_t begin, uint64_t end) {
  if (begin >= end) return;
  // The first range that touches [begin, end], if any does.
  auto it = ranges_.upper_bound(begin);
  if (it != ranges_.begin() && std::prev(it)->second >= begin) --it;
  while (it != ranges_.end() && it->first <= end) {
    begin = std::min(begin, it->first);
    end = std::max(end, it->second);
    it = ranges_.erase(it);
  }
  ranges_[begin] = end;
}

bool SeedSet::Contains(uint64_t seed) const {
  const auto it = ranges_.upper_bound(seed);
  return it != ranges_.begin() && std::prev(it)->second > seed;
}

uint64_t SeedSet::FirstMissing() const {
  const auto first = ranges_.find(0);
  return first == ranges_.end() ? 0 : first->second;
}

uint64_t SeedSet::size() const {
  uint64_t size = 0;
  for (const auto& [begin, end] : ranges_) size += end - begin;
  return size;
}

absl::StatusOr<Ledger> Ledger::Load(const std::string& path) {
  Ledger ledger;
  if (!std::filesystem::exists(path)) return ledger;
  std::ifstream stream(path);
  try {
    const Json ledger_json = Json::parse(stream);
    for (const Json& entry : ledger_json.at("entries")) {
      ledger.entries_.push_back(FromJson(entry));
    }
  } catch (const Json::exception& error) {
    return absl::DataLossError(
        absl::StrCat(path, ": not a ledger: ", error.what()));
  }
  return ledger;
}

absl::Status Ledger::Save(const std::string& path) const {
  Json entries = Json::array();
  for (const LedgerEntry& entry : entries_) entries.push_back(ToJson(entry));
  const std::string temporary = path + ".new";
  std::ofstream stream(temporary);
  stream << Json{{"entries", entries}}.dump(1) << '\n';
  stream.close();
  std::error_code error;
  if (stream) std::filesystem::rename(temporary, path, error);
  if (stream && !error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(path, ": can't be written: ", error.message()));
}

LedgerEntry& Ledger::Entry(const std::string& programme,
                           const std::string& revision) {
  for (LedgerEntry& entry : entries_) {
    if (entry.programme == programme && entry.revision == revision) {
      return entry;
    }
  }
  LedgerEntry& entry = entries_.emplace_back();
  entry.programme = programme;
  entry.revision = revision;
  return entry;
}

const LedgerEntry* Ledger::Find(const std::string& programme,
                                const std::string& revision) const {
  for (const LedgerEntry& entry : entries_) {
    if (entry.programme == programme && entry.revision == revision) {
      return &entry;
    }
  }
  return nullptr;
}

LedgerReport ReportOn(const Ledger& ledger,
                      const std::vector<Programme>& programmes,
                      const std::string& revision) {
  LedgerReport report;
  absl::StrAppend(&report.text, "totals of the ledger for the sources ",
                  revision, ":\n");
  for (const Programme& programme : programmes) {
    const LedgerEntry* entry = ledger.Find(programme.name, revision);
    static const LedgerEntry* const nothing = new LedgerEntry;
    if (entry == nullptr) entry = nothing;
    absl::StrAppendFormat(&report.text, "%-16s %s, %d s, %d failures%s\n",
                          programme.name, SeedsText(programme, entry->seeds),
                          entry->seconds, entry->outcome.failures.size(),
                          entry->dirty ? " (not all committed)" : "");
    std::map<std::string, uint64_t> counts = entry->outcome.counts;
    for (const auto& [name, bar] : programme.bars) counts.try_emplace(name, 0);
    for (const auto& [name, count] : counts) {
      absl::StrAppendFormat(&report.text, "%16s %9d %s", "", count, name);
      if (const auto bar = programme.bars.find(name);
          bar != programme.bars.end()) {
        absl::StrAppend(&report.text, " of ", bar->second,
                        count >= bar->second ? ": reached" : ": NOT REACHED");
      }
      report.text += '\n';
    }
    for (const std::string& failure : entry->outcome.failures) {
      absl::StrAppend(&report.text, "  FAILED ", failure, "\n");
      report.failed = true;
    }
  }
  return report;
}

}  // namespace quire::torture
