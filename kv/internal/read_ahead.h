// Reading ahead of a scan in a segment.
#ifndef QUIRE_KV_INTERNAL_READ_AHEAD_H_
#define QUIRE_KV_INTERNAL_READ_AHEAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/page_provider.h"

namespace quire::kv_internal {

// Where misses follow each other in a file, upwards or downwards, each read
// takes twice as much as the one before it, up to kMaxBytes. The bytes are kept
// until the next read; they go through the provider as part of a scan, which
// may keep them or not. Not thread-safe.
class ReadAhead {
 public:
  static constexpr uint64_t kMaxBytes = uint64_t{1} << 20;

  explicit ReadAhead(io::PageProvider& provider) : provider_(provider) {}

  // The bytes of an extent, if they lie in one piece of what was read last;
  // else nullptr. Valid until the next Read that is followed by Release.
  const std::byte* Find(const io::Extent& extent) const {
    if (extent.file != file_ || extent.offset < begin_ ||
        extent.offset + extent.length > end_) {
      return nullptr;
    }
    return FindInPieces(extent);
  }

  // `miss` had to be read: notes it. True if it follows the one before; then
  // what was asked for and more is read, and can be found where there is no
  // error. Bytes at or beyond `limit` are not read.
  bool Read(const io::Extent& miss, uint64_t limit);

  // Forgets what is no longer to be found.
  void Release() { released_.clear(); }

  // Forgets everything: the next miss follows none.
  void Reset() {
    file_ = nullptr;
    pieces_.clear();
    released_.clear();
  }

 private:
  // Longest piece: caches take no longer ones.
  static constexpr uint64_t kPieceBytes = uint64_t{64} << 10;

  const std::byte* FindInPieces(const io::Extent& extent) const;

  io::PageProvider& provider_;
  // What was read last, or the last miss alone.
  const io::AttachedFile* file_ = nullptr;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  uint64_t bytes_ = 0;                   // of the last read ahead
  std::vector<io::ReadRequest> pieces_;  // [begin_, end_), in order
  std::vector<io::ReadRequest> released_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_READ_AHEAD_H_
