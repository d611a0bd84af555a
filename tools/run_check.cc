#include "tools/run_check.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/file_header.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/table_reader.h"
#include "tools/segment_check.h"
#include "tools/table_walk.h"

namespace quire::tools {
namespace {

using kv_internal::DatabaseState;
using kv_internal::FileType;
using kv_internal::HashCursor;
using kv_internal::RunState;
using kv_internal::SegmentState;
using kv_internal::TableReader;

// Keeps what a table says of its records, and its hash section.
class TableFacts final : public TableVisitor {
 public:
  TableFacts(std::string name, Report& report)
      : name_(std::move(name)), report_(report) {}

  // `table` must outlive this object.
  void Prepare(const TableWalk& table) {
    table_ = &table;
    facts_.reserve(table.footer().entry_count);
  }

  bool found_damage() const { return found_damage_; }

  // Ordered by address, hence by segment and offset.
  std::vector<EntryFact> TakeFacts() {
    std::sort(facts_.begin(), facts_.end(),
              [](const EntryFact& a, const EntryFact& b) {
                return a.address < b.address;
              });
    return std::move(facts_);
  }

  void OnEntry(const WalkedEntry& entry) override {
    const AddressPlace place =
        LocateAddress(table_->segments(), entry.record.address);
    facts_.push_back(
        {.address = entry.record.address,
         .offset = place.offset,
         .sequence = entry.sequence,
         .key_hash =
             kv_internal::HashKey(entry.key, table_->footer().hash_seed),
         .segment_index = static_cast<uint32_t>(place.segment_index),
         .record_bytes =
             static_cast<uint32_t>(entry.record.RecordBytes(entry.key.size())),
         .tombstone = entry.record.tombstone});
    if (place.segment_number == 0 && !table_->segments().empty()) {
      OnDamage(0, 0, "an entry points outside of the run's segments");
      facts_.pop_back();
    }
  }

  void OnDamage(uint64_t offset, uint64_t size,
                const std::string& what) override {
    found_damage_ = true;
    report_.Problem({name_, offset, size, "table", what});
  }

 private:
  const std::string name_;
  Report& report_;
  const TableWalk* table_ = nullptr;
  std::vector<EntryFact> facts_;
  bool found_damage_ = false;
};

class RunCheck {
 public:
  RunCheck(FileInspector& inspector, const std::string& directory,
           const DatabaseState& state, const RunState& run,
           VerifyCounts& counts, Report& report)
      : inspector_(inspector),
        directory_(directory),
        state_(state),
        run_(run),
        counts_(counts),
        report_(report),
        name_(kv_internal::FileName(FileType::kTable, run.table_number)) {}

  void Run() {
    CheckTable();
    if (reader_ != nullptr) CheckHashSection();
    for (size_t i = 0; i < run_.segments.size(); ++i) CheckSegment(i);
  }

 private:
  void Problem(uint64_t offset, uint64_t size, std::string_view kind,
               const std::string& what) {
    report_.Problem({name_, offset, size, kind, what});
  }

  // Fills facts_, and reader_ if the table is without damage.
  void CheckTable() {
    const std::string path = directory_ + "/" + name_;
    const absl::StatusOr<std::unique_ptr<InspectedFile>> file =
        InspectedFile::Open(inspector_, path);
    if (!file.ok()) {
      Problem(0, run_.table_length,
              absl::IsNotFound(file.status()) ? "missing" : "unreadable",
              StatusText(file.status()));
      return;
    }
    ++counts_.files;
    TableFacts facts(name_, report_);
    TableWalk table(**file);
    if (!table.ReadFrame(facts)) return;
    facts.Prepare(table);
    const TableFill fill = table.Walk(facts);
    counts_.entries += fill.entry_count;
    const std::string mistake = ManifestMistake(table, **file, fill);
    if (!facts.found_damage() && !mistake.empty()) {
      Problem(0, run_.table_length, "manifest",
              "not the table that the manifest means: " + mistake);
    }
    if (!facts.found_damage() && mistake.empty()) OpenReader(path);
    facts_ = facts.TakeFacts();
    hash_seed_ = table.footer().hash_seed;
  }

  // Where the table contradicts the manifest, or "".
  std::string ManifestMistake(const TableWalk& table, const InspectedFile& file,
                              const TableFill& fill) const {
    const kv_internal::FileHeader& header = table.header();
    if (header.database_id != state_.database_id) return "another database";
    if (header.file_number != run_.table_number) return "another number";
    if (header.file_id != run_.table_id) return "another id";
    if (file.size_bytes() != run_.table_length) return "another length";
    if (fill.entry_count != run_.entry_count) return "another entry count";
    if (table.footer().max_sequence != run_.max_sequence) {
      return "another highest sequence number";
    }
    if (table.footer().hash_seed != state_.hash_seed) {
      return "another hash seed";
    }
    if (!SameSegments(table)) return "other segments";
    if (fill.digest != run_.table_digest) return "another digest";
    return "";
  }

  bool SameSegments(const TableWalk& table) const {
    if (table.segments().size() != run_.segments.size()) return false;
    for (size_t i = 0; i < run_.segments.size(); ++i) {
      const auto segment = state_.segments.find(run_.segments[i]);
      if (segment == state_.segments.end()) return false;
      const kv_internal::TableSegment& listed = table.segments()[i];
      if (listed.number != segment->second.number ||
          listed.id != segment->second.id ||
          listed.length_bytes != segment->second.length) {
        return false;
      }
    }
    return true;
  }

  void OpenReader(const std::string& path) {
    absl::StatusOr<std::unique_ptr<TableReader>> reader = TableReader::Open(
        inspector_.provider(), {.path = path,
                                .length_bytes = run_.table_length,
                                .file_number = run_.table_number,
                                .file_id = run_.table_id});
    absl::Status status = reader.status();
    if (status.ok()) {
      inspector_.Charge((*reader)->hash_section_bytes());
      status = (*reader)->LoadHashSection();
    }
    if (status.ok()) {
      reader_ = *std::move(reader);
    } else {
      Problem(0, 0, "table", StatusText(status));
    }
  }

  // The hash section has as many entries as the sorted one (the table's own
  // counts), so finding each of those in it shows that they are the same.
  void CheckHashSection() {
    for (const EntryFact& fact : facts_) {
      HashCursor cursor;
      cursor.Start(*reader_, fact.key_hash, /*may_fault=*/true);
      kv_internal::HashCandidate candidate;
      bool found = false;
      while (!found &&
             cursor.Next(&candidate) == HashCursor::Step::kCandidate) {
        found = candidate.address == fact.address &&
                candidate.size_class == fact.size_class();
      }
      if (found) continue;
      Problem(reader_->footer().hash_offset, 0, "hash",
              "the hash section lacks the entry of sequence number " +
                  std::to_string(fact.sequence) + ", whose record is in " +
                  kv_internal::FileName(FileType::kSegment,
                                        run_.segments[fact.segment_index]) +
                  " at offset " + std::to_string(fact.offset));
    }
  }

  bool HasNewer(uint64_t key_hash, uint64_t sequence) const {
    HashCursor cursor;
    cursor.Start(*reader_, key_hash, /*may_fault=*/true);
    kv_internal::HashCandidate candidate;
    while (cursor.Next(&candidate) == HashCursor::Step::kCandidate) {
      const auto fact =
          std::lower_bound(facts_.begin(), facts_.end(), candidate.address,
                           [](const EntryFact& a, uint64_t address) {
                             return a.address < address;
                           });
      if (fact != facts_.end() && fact->address == candidate.address &&
          fact->key_hash == key_hash && fact->sequence > sequence) {
        return true;
      }
    }
    return false;
  }

  void CheckSegment(size_t index) {
    const auto segment = state_.segments.find(run_.segments[index]);
    if (segment == state_.segments.end()) {
      Problem(0, 0, "manifest",
              "the run names segment " + std::to_string(run_.segments[index]) +
                  ", which the manifest doesn't know");
      return;
    }
    const auto range = std::equal_range(
        facts_.begin(), facts_.end(),
        EntryFact{.segment_index = static_cast<uint32_t>(index)},
        [](const EntryFact& a, const EntryFact& b) {
          return a.segment_index < b.segment_index;
        });
    const auto has_newer = [this](uint64_t key_hash, uint64_t sequence) {
      return HasNewer(key_hash, sequence);
    };
    const SegmentEntries entries = {.facts = {range.first, range.second},
                                    .complete = reader_ != nullptr,
                                    .hash_seed = hash_seed_,
                                    .has_newer = has_newer};
    CheckSealedSegment(inspector_, directory_, state_.database_id,
                       segment->second, &entries, counts_, report_);
  }

  FileInspector& inspector_;
  const std::string& directory_;
  const DatabaseState& state_;
  const RunState& run_;
  VerifyCounts& counts_;
  Report& report_;
  const std::string name_;
  std::unique_ptr<TableReader> reader_;  // of a table without damage
  std::vector<EntryFact> facts_;
  uint64_t hash_seed_ = 0;
};

}  // namespace

void CheckRun(FileInspector& inspector, const std::string& directory,
              const DatabaseState& state, const RunState& run,
              VerifyCounts& counts, Report& report) {
  RunCheck(inspector, directory, state, run, counts, report).Run();
}

}  // namespace quire::tools
