// Taking from a damaged segment whatever is intact.
#ifndef QUIRE_KV_INTERNAL_SALVAGE_H_
#define QUIRE_KV_INTERNAL_SALVAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "io/file_system.h"
#include "kv/internal/group.h"
#include "kv/repair.h"

namespace quire::kv_internal {

// A file as far as it can be read.
struct SalvagedImage {
  // At least `size` bytes; zeros where nothing could be read and behind it.
  cache::HugeBuffer buffer;
  uint64_t size = 0;                  // of the file
  std::vector<LostRange> unreadable;  // with the error of each
};

// Reads the file `name` in large pieces, and by pages where that fails. Fails
// if the file can't be opened.
absl::StatusOr<SalvagedImage> ReadAround(io::FileSystem& file_system,
                                         const std::string& directory,
                                         const std::string& name);

// A segment file, and what is known of it from elsewhere.
struct SalvageSource {
  std::string name;
  // What its checks are seeded with; nothing: to be found in its groups.
  std::optional<uint64_t> file_id = std::nullopt;
  // Bytes that count; nothing: all that the file has.
  std::optional<uint64_t> length = std::nullopt;
};

struct SalvagedSegment {
  uint64_t bytes_read = 0;
  uint64_t records = 0;
  uint64_t record_bytes = 0;
  uint64_t records_of_damaged_groups = 0;
  uint64_t last_sequence = 0;  // the highest known to have been given out
  std::vector<LostRange> lost;
  std::vector<std::string> warnings;
};

// Calls `keep` for every intact put and delete of the segment, in the order of
// the file. Fails only if `keep` does, or for want of memory: a file that can't
// be opened is lost as a whole.
absl::StatusOr<SalvagedSegment> SalvageSegment(
    io::FileSystem& file_system, const std::string& directory,
    const SalvageSource& source,
    absl::FunctionRef<absl::Status(const LogRecord&)> keep);

// Sorts `lost` by file and offset and joins ranges that overlap.
void NormalizeLostRanges(std::vector<LostRange>& lost);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SALVAGE_H_
