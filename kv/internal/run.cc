#include "kv/internal/run.h"

#include <algorithm>
#include <string>
#include <utility>

namespace quire::kv_internal {

OpenSegment::OpenSegment(io::PageProvider& provider,
                         std::unique_ptr<io::AttachedFile> file,
                         uint64_t number, uint64_t id)
    : provider_(provider), file_(std::move(file)), number_(number), id_(id) {}

OpenSegment::~OpenSegment() {
  const std::string path = file_->path();
  provider_.Detach(std::move(file_));
  ObsoleteFiles* const files = obsolete_files_.load(std::memory_order_relaxed);
  if (files != nullptr) files->Add(path);
}

Run::Run(std::unique_ptr<TableReader> table,
         std::vector<std::shared_ptr<const OpenSegment>> segments)
    : table_(std::move(table)), segments_(std::move(segments)) {
  uint64_t segment_bytes = 0;
  for (const auto& segment : segments_) {
    segment_bytes += segment->length();
    for (uint64_t i = 0; i < SlotCount(segment->length()); ++i) {
      slots_.push_back(
          {&segment->file(), segment->id(), i * kSlotBytes, segment->length()});
    }
  }
  // Garbage counts as if it were the entries'; a guess is all that is wanted.
  likely_record_bytes_ =
      segment_bytes / std::max<uint64_t>(table_->entry_count(), 1);
}

Run::~Run() {
  const std::string path = table_->file().path();
  table_.reset();
  ObsoleteFiles* const files = obsolete_files_.load(std::memory_order_relaxed);
  if (files != nullptr) files->Add(path);
}

}  // namespace quire::kv_internal
