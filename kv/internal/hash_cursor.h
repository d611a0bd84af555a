// Probing the hash section of a table for one key.
//
//   table.PrefetchLine(hash);             // of every table, before anything
//   HashCursor cursor;
//   cursor.Start(table, hash, /*may_fault=*/true);
//   cache::EpochGuard guard;
//   HashCandidate candidate;
//   switch (cursor.Next(&candidate)) {
//     case kCandidate: // compare the key in the record; Next again if it is
//                      // another key, or a version that may not be seen
//     case kEnd:       // the key is not in this table
//     case kMiss:      // leave the guard, read missing_page() (alone or with
//                      // other keys' pages), Supply(pin), enter a guard, Next
//     case kDamaged:   // status()
//   }
#ifndef QUIRE_KV_INTERNAL_HASH_CURSOR_H_
#define QUIRE_KV_INTERNAL_HASH_CURSOR_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "base/prefetch.h"
#include "io/page_provider.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/table_reader.h"

namespace quire::kv_internal {

// Where the record of the wanted key may be.
struct HashCandidate {
  uint64_t address = 0;  // run-local
  uint32_t size_class = 0;
};

// The state of one probe. Copyable; one thread at a time; no allocation but for
// error messages. Holds no pointer into frames between calls, so guards may be
// left and entered anywhere. `table` must outlive it.
class HashCursor {
 public:
  enum class Step : uint8_t { kCandidate, kEnd, kMiss, kDamaged };

  // At its end. A cursor is made once and started for each table: to clear
  // copy_, as a new one in a std::optional would, costs as much as a probe.
  HashCursor() = default;

  // Begins the probe of `table`, whatever was before. Unless `may_fault`, pages
  // that a touch may have to read are kMiss.
  void Start(const TableReader& table, uint64_t hash, bool may_fault) {
    table_ = &table;
    may_fault_ = may_fault;
    tag_ = HashTag(hash);
    section_bytes_ = table.hash_section_bytes();
    passed_bytes_ = 0;
    matches_ = 0;
    copy_next_ = copy_end_ = 0;
    more_ = section_bytes_ != 0;  // else there are no entries
    if (more_) at_ = table.HomeLine(hash);
  }

  // Goes to the next entry with the tag of the key. Candidates of one key come
  // newest first; one that is another key's comes along once in about 10,000
  // probes. Does not block. After kMiss or kDamaged a further call tries the
  // same page again.
  // REQUIRES: an EpochGuard is active, unless the section is resident.
  Step Next(HashCandidate* candidate) {
    while (matches_ == 0) {
      if (!more_) return Step::kEnd;
      const std::byte* section = table_->resident_hash_section();
      if (ABSL_PREDICT_TRUE(section != nullptr)) {
        line_ = section + at_;
        // About a third of the lines is full and leads on: to fetch the next
        // one meanwhile makes a probe for an absent key a sixth cheaper and
        // costs the others nothing that shows.
        base::PrefetchCacheLine(line_ + kHashLineBytes);
        TakeLine(line_);
      } else {
        const Step step = TakePagedLine();
        if (step != Step::kCandidate) return step;
      }
    }
    const std::byte* line = line_ != nullptr ? line_ : copy_ + copy_at_;
    const uint64_t entry =
        LoadHashEntry(line, static_cast<size_t>(std::countr_zero(matches_)));
    matches_ &= matches_ - 1;
    candidate->address = HashEntryAddress(entry);
    candidate->size_class = HashEntryClass(entry);
    return Step::kCandidate;
  }

  // The page that the probe stands at: what to read after kMiss, and what may
  // be read once more after kDamaged.
  io::Extent missing_page() const;

  // Verifies the bytes of missing_page() and keeps what the probe needs of
  // them. DataLoss if they are damaged: the cursor stays where it was.
  absl::Status Supply(io::Pin pin);

  // After kDamaged: DataLoss naming file, offset, page and checksums.
  absl::Status status() const;

 private:
  // A probe passes more than four lines once in some hundred; then the page is
  // looked up again.
  static constexpr size_t kCopiedLines = 4;

  void TakeLine(const std::byte* line) {
    matches_ = MatchHashLine(line, tag_);
    passed_bytes_ += kHashLineBytes;
    // The bound ends the probe of a section whose every line is marked, which
    // no builder makes.
    more_ = HashLineOverflowed(line) && passed_bytes_ < section_bytes_;
    at_ = NextHashLine(at_, section_bytes_);
  }

  // Takes the line at `at_` through the provider: kCandidate if it is taken.
  Step TakePagedLine();
  // Finds and verifies the page of `at_`, and copies lines from there on:
  // kCandidate if they are copied.
  Step PeekPage();
  // Verifies `page`, unless its marks say that this was done, and copies lines.
  bool TakePage(const std::byte* page, std::atomic<uint8_t>* marks);

  const TableReader* table_ = nullptr;
  uint64_t tag_ = 0;
  uint64_t section_bytes_ = 0;
  uint64_t at_ = 0;                  // offset in the section of the next line
  uint64_t passed_bytes_ = 0;        // of lines taken
  const std::byte* line_ = nullptr;  // being looked at; nullptr: it is in copy_
  uint32_t matches_ = 0;             // entries of that line still to be given
  bool more_ = false;                // whether the line at at_ is to be taken
  uint16_t copy_at_ = 0;             // in copy_: the line being looked at,
  uint16_t copy_next_ = 0;           // the line at at_,
  uint16_t copy_end_ = 0;            // and the end of what was copied
  bool may_fault_ = true;
  HashPageCheck damage_;
  std::byte copy_[kCopiedLines * kHashLineBytes];
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_HASH_CURSOR_H_
