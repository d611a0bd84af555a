#include "kv/options.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace quire {
namespace {

absl::Status CheckBounds(const char* field, uint64_t value, uint64_t least,
                         uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "options: ", field, " is ", value, "; must be ", least, " to ", most));
}

}  // namespace

absl::Status Options::Validate() const {
  QUIRE_RETURN_IF_ERROR(CheckBounds("memtable_bytes", memtable_bytes,
                                    uint64_t{64} << 10, uint64_t{1} << 30));
  QUIRE_RETURN_IF_ERROR(
      CheckBounds("max_waiting_memtables", max_waiting_memtables, 1, 16));
  if (read_only && create_if_missing) {
    return absl::InvalidArgumentError(
        "options: create_if_missing can't be combined with read_only");
  }
  if (read_only && error_if_exists) {
    return absl::InvalidArgumentError(
        "options: error_if_exists can't be combined with read_only");
  }
  return absl::OkStatus();
}

}  // namespace quire
