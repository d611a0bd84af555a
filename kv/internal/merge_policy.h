// Which runs to merge, and which of their segments to write anew: pure
// decisions, no I/O.
#ifndef QUIRE_KV_INTERNAL_MERGE_POLICY_H_
#define QUIRE_KV_INTERNAL_MERGE_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace quire::kv_internal {

// --- Which runs
// ---------------------------------------------------------------

// Newer runs join the next older one as soon as they weigh this share of it
// together. The oldest, where most of the garbage is, joins sooner if the newer
// ones overwrite what it holds (below).
//
// What follows: once no merge is due, each run weighs more than twice all newer
// ones together. So with every run the sum grows more than threefold: of a
// database of weight W whose newest run weighs w, there are at most
// 1 + log3(W / w) runs.
inline constexpr double kJoinShare = 0.5;

// What a database may have beyond its live bytes: what newer runs obsolete
// until they join the oldest, and dead bytes that a merge leaves. Both are
// shares of the weight: kSpareTables times the table, which each merge writes
// anew, but at least these and at most kMostSpareShare. So large values, whose
// index costs little, are collected earlier and closer.
inline constexpr double kSpareTables = 2;
inline constexpr double kLeastJoinShare = 0.10;
inline constexpr double kLeastDeadShare = 0.18;
inline constexpr double kMostSpareShare = 0.25;

// Of dead bytes to live ones, in a run with `table_bytes` of table for
// `live_bytes` of records.
double DeadShare(uint64_t table_bytes, uint64_t live_bytes);

// A run as the policy sees it.
struct MergeCandidate {
  uint64_t weight = 0;       // bytes of its table and of the live records
  uint64_t table_bytes = 0;  // of those
  double overwriting = 1;    // share of its keys that older runs have
  bool busy = false;         // another merge has it

  // About how many bytes of older runs it makes obsolete.
  double Obsoletes() const { return overwriting * static_cast<double>(weight); }
};

// Neighbours in the list of runs.
struct MergeRange {
  size_t first = 0;
  size_t count = 0;
  friend bool operator==(const MergeRange&, const MergeRange&) = default;
};

// The merge that is due among `runs`, newest first, or nothing. Of several the
// one that begins with the newest run; it takes all older ones that are due
// with it.
std::optional<MergeRange> ChooseMerge(std::span<const MergeCandidate> runs);

// --- Which segments
// -----------------------------------------------------------

// How a segment stands once the merge has dropped what nobody can see.
struct SegmentUse {
  uint64_t length = 0;          // bytes of the file
  uint64_t first_sequence = 0;  // no record in it is older
  uint64_t live_bytes = 0;      // of records that are kept
  // Of those, the bytes of tombstones that hide nothing which is kept. They can
  // go with their segment as soon as no segment is left that holds something
  // older.
  uint64_t idle_tombstone_bytes = 0;
};

// What to do with each segment: true if its live records are to be written
// anew and the file dropped. Segments without live records always are. The
// others are chosen where most of the file is dead, until no more dead bytes
// than `dead_share` of the live ones are left, and then, oldest first, where
// tombstones that have become idle make up most of a segment; as long as what
// is read for it stays within `budget` bytes, but at least one.
// `drops_tombstones`: the merge includes the oldest run.
std::vector<bool> ChooseRewrites(std::span<const SegmentUse> segments,
                                 double dead_share, bool drops_tombstones,
                                 uint64_t budget);

// Tombstones with lower sequence numbers may be dropped: every segment that
// `rewritten` leaves in place has younger records only. 0 unless
// `drops_tombstones`.
uint64_t TombstoneHorizon(std::span<const SegmentUse> segments,
                          const std::vector<bool>& rewritten,
                          bool drops_tombstones);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGE_POLICY_H_
