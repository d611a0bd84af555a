// Every damage of a kind that one fault can do to a small database.
#ifndef QUIRE_TESTS_DAMAGE_DAMAGE_H_
#define QUIRE_TESTS_DAMAGE_DAMAGE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/damage/small_database.h"

namespace quire::testing {

// What one fault does: bytes of files are replaced, or one file ends early.
struct Damage {
  struct Edit {
    std::string file;
    uint64_t offset = 0;
    std::string bytes;
    bool truncate = false;  // `file` ends at `offset` instead; no bytes
  };
  std::string what;
  std::vector<Edit> edits;  // none: nothing is changed
};

enum class DamageKind : uint8_t {
  kFlip,       // one bit
  kTruncate,   // every length
  kExtend,     // bytes behind the end: one, or a page; zeros, or ones
  kZero,       // one sector reads as zeros
  kDuplicate,  // one sector holds what another holds
  kSwap,       // two sectors have changed places
  kStale,      // one sector holds what the same place in a file of the same
               // kind held in an earlier state; or the whole file does
};
const char* DamageKindName(DamageKind kind);

// Lists them in a fixed order; sectors of 512 and of 4096 bytes. What an index
// means, and the size, depend on the names and sizes of the files alone: what
// changes nothing (a sector of zeros zeroed) is listed too, without edits.
class DamageList {
 public:
  DamageList(const SmallDatabase& database, DamageKind kind);

  uint64_t size() const { return size_; }
  // REQUIRES: i < size().
  Damage At(uint64_t i) const;

 private:
  // A piece of a file.
  struct Place {
    const std::string* file = nullptr;
    const std::string* content = nullptr;  // of the file
    uint64_t offset = 0;
    uint64_t size = 0;

    std::string Bytes() const { return content->substr(offset, size); }
  };
  struct Sectors {
    Place to;
    Place from;               // unused by kZero
    bool whole_file = false;  // only for kStale
  };

  void AddSectors(uint64_t sector_bytes);
  void AddStale();
  Damage FlipAt(uint64_t i) const;
  Damage TruncateAt(uint64_t i) const;
  Damage ExtendAt(uint64_t i) const;
  Damage SectorsAt(uint64_t i) const;

  const SmallDatabase& database_;
  const DamageKind kind_;
  uint64_t size_ = 0;
  std::vector<Sectors> sectors_;  // for the kinds that are about sectors
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_DAMAGE_DAMAGE_H_
