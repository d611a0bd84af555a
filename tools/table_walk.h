// Going through a table file, however damaged it is.
#ifndef QUIRE_TOOLS_TABLE_WALK_H_
#define QUIRE_TOOLS_TABLE_WALK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kv/internal/file_header.h"
#include "kv/internal/record.h"
#include "kv/internal/table_format.h"
#include "tools/file_inspector.h"

namespace quire::tools {

// An entry of the sorted section. The key dies with the call that gave it.
struct WalkedEntry {
  std::string_view key;
  uint64_t sequence = 0;
  kv_internal::RecordRef record;
};

// Where a run-local address points.
struct AddressPlace {
  uint64_t segment_number = 0;  // 0: outside of the segments
  size_t segment_index = 0;
  uint64_t offset = 0;  // in the file
};

// Resolves an address over the segments of its table.
AddressPlace LocateAddress(
    const std::vector<kv_internal::TableSegment>& segments, uint64_t address);

// How full the sections are.
struct TableFill {
  uint64_t block_count = 0;
  uint64_t entry_count = 0;       // in blocks that hold
  uint64_t hash_page_count = 0;   // pages that hold
  uint64_t hash_entry_count = 0;  // in those
  uint64_t hash_line_count = 0;   // likewise
  uint64_t overflowed_lines = 0;  // lines that keys had to pass
  uint64_t digest = 0;            // of the whole file
};

class TableVisitor {
 public:
  virtual ~TableVisitor() = default;

  // An entry of a block that holds, in key order.
  virtual void OnEntry(const WalkedEntry& entry) { static_cast<void>(entry); }

  // Bytes that fail: [offset, offset + length). Unreadable places too.
  virtual void OnDamage(uint64_t offset, uint64_t length,
                        const std::string& what) = 0;
};

// One table file. Not thread-safe.
class TableWalk {
 public:
  explicit TableWalk(InspectedFile& file) : file_(file) {}

  // Reads and verifies header, footer and list of segments, and tells of what
  // is wrong. False if the rest can't be made sense of: no header or no footer.
  bool ReadFrame(TableVisitor& visitor);

  // REQUIRES for all below: ReadFrame returned true.

  const kv_internal::FileHeader& header() const { return header_; }
  const kv_internal::TableFooter& footer() const { return footer_; }
  // Empty if the list is damaged.
  const std::vector<kv_internal::TableSegment>& segments() const {
    return segments_;
  }

  // Reads the file from front to back and verifies every block, the fences,
  // every hash page, the order of the entries and the counts of the footer.
  TableFill Walk(TableVisitor& visitor);

 private:
  InspectedFile& file_;
  kv_internal::FileHeader header_;
  kv_internal::TableFooter footer_;
  std::vector<kv_internal::TableSegment> segments_;
};

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_TABLE_WALK_H_
