// quire table: what a table file holds.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/string_view.h"
#include "tools/command.h"
#include "tools/file_inspector.h"
#include "tools/file_text.h"
#include "tools/open_database.h"
#include "tools/table_walk.h"

namespace quire::tools {
namespace {

using kv_internal::kPageBytes;
using kv_internal::TableFooter;

constexpr char kDetails[] =
    "Prints the header, the footer, the segments that the table indexes, the "
    "sizes of the sections and how full they are. Reads the whole file and "
    "verifies every checksum; damaged places are printed as\n"
    "  damage offset=8192 size=8192 what=\"damaged sorted block\"\n"
    "and make the exit code 1. With --entries, a line for each entry of the "
    "sorted section in key order:\n"
    "  entry sequence=7 kind=put segment=1 offset=4152 value_size=5 "
    "key=\"abc\"";

std::string Percent(uint64_t part, uint64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%",
                whole == 0 ? 0.0
                           : 100.0 * static_cast<double>(part) /
                                 static_cast<double>(whole));
  return text;
}

class TablePrinter final : public TableVisitor {
 public:
  TablePrinter(bool entries, Output& out) : entries_(entries), out_(out) {}

  // `segments` must outlive this object.
  void SetSegments(const std::vector<kv_internal::TableSegment>& segments) {
    segments_ = &segments;
  }

  bool found_damage() const { return found_damage_; }

  void OnEntry(const WalkedEntry& entry) override {
    if (!entries_) return;
    const AddressPlace place = LocateAddress(*segments_, entry.record.address);
    out_.Write("entry sequence=" + std::to_string(entry.sequence) +
               " kind=" + (entry.record.tombstone ? "delete" : "put") +
               " segment=" + std::to_string(place.segment_number) +
               " offset=" + std::to_string(place.offset) +
               " value_size=" + std::to_string(entry.record.value_size) +
               " key=" + base::EscapeKey(entry.key) + "\n");
  }

  void OnDamage(uint64_t offset, uint64_t length,
                const std::string& what) override {
    found_damage_ = true;
    out_.Write("damage offset=" + std::to_string(offset) +
               " size=" + std::to_string(length) + " what=\"" + what + "\"\n");
  }

 private:
  const bool entries_;
  Output& out_;
  const std::vector<kv_internal::TableSegment>* segments_ = nullptr;
  bool found_damage_ = false;
};

std::string SectionText(const char* name, uint64_t offset, uint64_t bytes) {
  return std::string(name) + ": offset " + std::to_string(offset) + ", " +
         std::to_string(bytes) + " bytes\n";
}

std::string FooterText(const TableFooter& footer) {
  return "length: " + std::to_string(footer.length_bytes) +
         "\nentries: " + std::to_string(footer.entry_count) +
         "\nkeys: " + std::to_string(footer.key_count) +
         "\ntombstones: " + std::to_string(footer.tombstone_count) +
         "\nlowest_sequence: " + std::to_string(footer.min_sequence) +
         "\nhighest_sequence: " + std::to_string(footer.max_sequence) +
         "\nhash_seed: " + IdText(footer.hash_seed) + "\n" +
         SectionText("sorted_section", footer.sorted_offset,
                     footer.sorted_bytes) +
         SectionText("fence_section", footer.fence_offset, footer.fence_bytes) +
         SectionText("hash_section", footer.hash_offset,
                     footer.hash_page_count * kPageBytes) +
         SectionText("segment_list", footer.segments_offset,
                     footer.segments_bytes);
}

std::string FillText(const TableFooter& footer, const TableFill& fill) {
  std::string text = "sorted_blocks: " + std::to_string(fill.block_count);
  text += "\nhash_pages: " + std::to_string(fill.hash_page_count);
  text += "\nhash_fill: " +
          Percent(fill.hash_entry_count,
                  fill.hash_line_count * kv_internal::kEntriesPerLine);
  text += "\noverflowed_lines: " +
          Percent(fill.overflowed_lines, fill.hash_line_count);
  if (footer.key_count != 0) {
    char bytes[32];
    std::snprintf(bytes, sizeof bytes, "%.2f",
                  static_cast<double>(footer.length_bytes) /
                      static_cast<double>(footer.key_count));
    text += "\nbytes_per_key: " + std::string(bytes);
  }
  return text + "\ndigest: " + IdText(fill.digest) + "\n";
}

class TableCommand final : public Command {
 public:
  TableCommand()
      : Command({.name = "table",
                 .arguments = "FILE",
                 .summary = "print what a table file holds",
                 .details = kDetails,
                 .arguments_min = 1,
                 .arguments_max = 1}) {}

  void DefineFlags(FlagSet& flags) override {
    flags.AddSwitch("entries", "Print every entry.", &entries_);
    provider_.Define(flags);
  }

  ExitCode Run(const std::vector<std::string>& arguments,
               Console& console) override {
    const std::string& path = arguments[0];
    absl::StatusOr<Inspection> inspection =
        InspectFile(provider_.options(), path);
    if (!inspection.ok()) {
      console.Error("cannot open " + path, inspection.status());
      return ExitCode::kOpen;
    }
    if (const absl::Status status = CheckIsTable(*inspection->file);
        absl::IsFailedPrecondition(status)) {
      console.Error("cannot read " + path, status);
      return ExitCode::kOpen;
    }
    TablePrinter printer(entries_, console.out());
    TableWalk table(*inspection->file);
    if (!table.ReadFrame(printer)) return ExitCode::kNo;
    printer.SetSegments(table.segments());
    Output& out = console.out();
    out.Write(HeaderText(table.header()));
    out.Write(FooterText(table.footer()));
    for (const kv_internal::TableSegment& segment : table.segments()) {
      out.Write("segment: number " + std::to_string(segment.number) + ", id " +
                IdText(segment.id) + ", " +
                std::to_string(segment.length_bytes) + " bytes\n");
    }
    const TableFill fill = table.Walk(printer);
    out.Write(FillText(table.footer(), fill));
    return printer.found_damage() ? ExitCode::kNo : ExitCode::kOk;
  }

 private:
  // FailedPrecondition if the file is something else or of a newer format.
  static absl::Status CheckIsTable(InspectedFile& file) {
    if (file.size_bytes() < kPageBytes) {
      return absl::FailedPreconditionError(
          base::AbslView(file.path() + " is too short for a table"));
    }
    const absl::StatusOr<io::Pin> page = file.Read(0, kPageBytes);
    if (!page.ok()) return page.status();
    return kv_internal::DecodeFileHeader(
               page->bytes(), kv_internal::FileType::kTable, file.path())
        .status();
  }

  ProviderFlags provider_;
  bool entries_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeTableCommand() {
  return std::make_unique<TableCommand>();
}

}  // namespace quire::tools
