#include "kv/internal/sorted_section_builder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/sequential_writer.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {
namespace {

size_t SharedPrefix(std::string_view a, std::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  size_t shared = 0;
  while (shared < size && a[shared] == b[shared]) ++shared;
  return shared;
}

// Whether `b` is greater than `a`, which shares its first `shared` bytes.
bool IsGreater(std::string_view a, std::string_view b, size_t shared) {
  if (shared == b.size()) return false;
  return shared == a.size() || static_cast<unsigned char>(a[shared]) <
                                   static_cast<unsigned char>(b[shared]);
}

}  // namespace

SortedSectionBuilder::SortedSectionBuilder(SequentialWriter& writer,
                                           uint64_t table_id)
    : writer_(writer), table_id_(table_id), begin_(writer.offset()) {}

absl::Status SortedSectionBuilder::Add(std::string_view key,
                                       uint64_t sequence_offset,
                                       const RecordRef& record) {
  const size_t shared = SharedPrefix(last_key_, key);
  const bool new_key = key_count_ == 0 || IsGreater(last_key_, key, shared);
  if (!new_key && !(shared == key.size() && shared == last_key_.size() &&
                    sequence_offset < last_sequence_offset_)) {
    return absl::InvalidArgumentError(
        absl::StrCat("table entry out of order: ", base::EscapeKey(key),
                     " behind ", base::EscapeKey(last_key_)));
  }
  if (!block_.Add(key, shared, sequence_offset, record)) {
    QUIRE_RETURN_IF_ERROR(WriteBlock());
    QUIRE_CHECK(block_.Add(key, shared, sequence_offset, record));
    fences_.Add((writer_.offset() - begin_) / kSortedBlockBytes, last_key_,
                key);
  } else if (key_count_ == 0) {
    fences_.Add(0, {}, key);
  }
  key_count_ += new_key;
  last_key_.assign(key);
  last_sequence_offset_ = sequence_offset;
  return absl::OkStatus();
}

absl::Status SortedSectionBuilder::WriteBlock() {
  QUIRE_RETURN_IF_ERROR(
      writer_.Append(block_.Finish(table_id_, writer_.offset())));
  block_.Reset();
  return absl::OkStatus();
}

absl::Status SortedSectionBuilder::Finish(TableFooter& footer) {
  if (!block_.empty()) QUIRE_RETURN_IF_ERROR(WriteBlock());
  footer.sorted_offset = begin_;
  footer.sorted_bytes = writer_.offset() - begin_;
  footer.fence_count = fences_.count();
  footer.fence_offset = writer_.offset();
  const std::vector<std::byte> fences =
      fences_.Finish(footer.sorted_bytes / kSortedBlockBytes);
  footer.fence_bytes = fences.size();
  footer.fence_check = TableCheck(fences, table_id_, footer.fence_offset);
  return writer_.Append(fences);
}

}  // namespace quire::kv_internal
