#include "kv/internal/log_damage.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace quire::kv_internal {

bool IsCredible(const GroupHeader& header, const LogPosition& place) {
  return header.synced_upto <= place;
}

void LogEvidence::Collect(std::span<const std::byte> file, uint64_t file_number,
                          uint64_t file_id, uint64_t offset) {
  ScanForGroups(file, offset, file_id,
                [&](uint64_t at, const GroupHeader& header) {
                  if (!IsCredible(header, {file_number, at})) return;
                  durable = std::max(durable, header.synced_upto);
                  last_sequence = std::max(last_sequence, header.last_sequence);
                });
}

absl::Status DamageError(const absl::Status& bad, const LogPosition& durable) {
  return absl::DataLossError(absl::StrCat(
      bad.message(), "; it was durable: the log says so up to file ",
      durable.file_number, ", offset ", durable.offset));
}

uint64_t EndOfData(std::span<const std::byte> file, uint64_t from) {
  uint64_t end = file.size();
  while (end > from && file[end - 1] == std::byte{0}) --end;
  return end;
}

}  // namespace quire::kv_internal
