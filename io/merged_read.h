// Reads a batch of extents as one plan, for providers without pages of their
// own.

#ifndef QUIRE_IO_MERGED_READ_H_
#define QUIRE_IO_MERGED_READ_H_

#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/read_engine.h"

namespace quire::io {

// What a plan cost.
struct MergedReadCost {
  uint64_t reads = 0;  // requests handed to the engine
  uint64_t bytes = 0;  // bytes of those
};

// Gives each request its status and, where that is OK, a pin that owns a copy
// of its bytes.
//
// The extents are sorted by place; those that overlap, touch or leave gaps of
// at most 4 KiB become one read of up to 1 MiB, whose bytes go straight to
// their pins; all reads are handed to the engine together. Where a merged read
// fails, each of its extents is read again alone, so that one bad place fails
// only those that touch it.
//
// `source_of` gives the file behind an AttachedFile, opened kBuffered;
// `drop_behind` is as in IoRequest. Requests whose extent doesn't lie in its
// file get OutOfRange, empty ones OK. Thread-safe; blocks.
MergedReadCost ReadMerged(
    std::span<ReadRequest> requests,
    absl::FunctionRef<ReadSource(const AttachedFile&)> source_of,
    bool drop_behind, ReadEngine& engine);

}  // namespace quire::io

#endif  // QUIRE_IO_MERGED_READ_H_
