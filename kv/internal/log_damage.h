// Judging a bad group: the torn end of a write that nobody was promised, or
// damage to what was durable.
#ifndef QUIRE_KV_INTERNAL_LOG_DAMAGE_H_
#define QUIRE_KV_INTERNAL_LOG_DAMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "kv/internal/group.h"

namespace quire::kv_internal {

// What valid group headers say that stand behind a bad group, whatever became
// of their records.
struct LogEvidence {
  LogPosition durable;         // the highest that one says was durable
  uint64_t last_sequence = 0;  // the highest that one says was given out

  // Adds what stands at or beyond `offset` of a log file. A header that claims
  // more than what was before it is not a writer's and counts for nothing.
  void Collect(std::span<const std::byte> file, uint64_t file_number,
               uint64_t file_id, uint64_t offset);
};

// Whether a group with this header, at `place`, claims nothing as durable that
// was not written before it.
bool IsCredible(const GroupHeader& header, const LogPosition& place);

// The error for `bad`, found at a position below `durable`.
absl::Status DamageError(const absl::Status& bad, const LogPosition& durable);

// Offset behind the last byte of `file` that isn't zero; `from` if all bytes
// from there on are. REQUIRES: from <= file.size().
uint64_t EndOfData(std::span<const std::byte> file, uint64_t from);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_LOG_DAMAGE_H_
