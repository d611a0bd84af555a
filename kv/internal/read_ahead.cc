#include "kv/internal/read_ahead.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "kv/internal/format.h"

namespace quire::kv_internal {
namespace {

// What may lie between two misses that follow each other: padding and a group's
// header; and what else is in the page that the first one ends in, which a
// cache has from then on.
constexpr uint64_t kMaxGapBytes = 1024 + kPageBytes;

// What is read at the second miss.
constexpr uint64_t kMinBytes = uint64_t{16} << 10;

}  // namespace

bool ReadAhead::Read(const io::Extent& miss, uint64_t limit) {
  const uint64_t miss_end = miss.offset + miss.length;
  const bool same = miss.file == file_;
  // On the border between two pieces.
  if (same && miss.offset >= begin_ && miss_end <= end_) return false;
  const bool ascends =
      same && miss.offset >= begin_ && miss.offset <= end_ + kMaxGapBytes;
  const bool descends =
      same && miss_end <= end_ && miss_end + kMaxGapBytes >= begin_;
  std::move(pieces_.begin(), pieces_.end(), std::back_inserter(released_));
  pieces_.clear();
  file_ = miss.file;
  begin_ = miss.offset;
  end_ = miss_end;
  if (!ascends && !descends) {
    bytes_ = miss.length;
    return false;
  }
  bytes_ =
      std::min(2 * std::max({bytes_, miss.length, kMinBytes / 2}), kMaxBytes);
  if (ascends) {
    end_ = std::max(end_, std::min(begin_ + bytes_, limit));
  } else {
    begin_ = std::min(begin_, std::max(end_, kPageBytes + bytes_) - bytes_);
  }
  for (uint64_t at = begin_; at < end_; at += kPieceBytes) {
    pieces_.emplace_back().extent = {file_, at,
                                     std::min(kPieceBytes, end_ - at)};
  }
  provider_.Read(pieces_, io::CachePolicy::kScan);
  return true;
}

const std::byte* ReadAhead::FindInPieces(const io::Extent& extent) const {
  const uint64_t from = extent.offset - begin_;
  const uint64_t piece = from / kPieceBytes;
  const uint64_t within = from % kPieceBytes;
  if (piece >= pieces_.size() || !pieces_[piece].status.ok() ||
      within + extent.length > pieces_[piece].extent.length) {
    return nullptr;
  }
  return pieces_[piece].pin.bytes().data() + within;
}

}  // namespace quire::kv_internal
